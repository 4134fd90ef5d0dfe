"""Requests that are carried out once, however often they are sent."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from apis import Connect, clients, serving
from hosts import FakeHost, fake_host, package
from wardian.api.app import app_over
from wardian.errors import GuestError, Trap
from wardian.settings import Settings
from wardian.storage.tables import idempotency_keys, idempotency_totals, metadata

pytestmark = pytest.mark.anyio

KEYS = "/api/v1/keys"
TESTS = Path(__file__).parents[2]


def run_of(plugin: str = "stores", function: str = "run") -> str:
    return f"/api/v1/plugins/{plugin}/functions/{function}"


def under(key: str, **more: str) -> dict[str, str]:
    return {"Idempotency-Key": key, **more}


@dataclass
class Runs:
    """What the plugin's functions did."""

    seen: list[Mapping[str, Any]] = field(default_factory=list)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    going_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, arguments: Mapping[str, Any], answer: Any) -> int:
        self.seen.append(arguments)
        return len(self.seen)

    async def slow(self, arguments: Mapping[str, Any], answer: Any) -> int:
        self.seen.append(arguments)
        self.begun.set()
        await self.going_on.wait()
        return len(self.seen)

    async def refuse(self, arguments: Mapping[str, Any], answer: Any) -> None:
        self.seen.append(arguments)
        raise GuestError(payload="no")

    async def trap(self, arguments: Mapping[str, Any], answer: Any) -> None:
        self.seen.append(arguments)
        raise Trap

    async def large(self, arguments: Mapping[str, Any], answer: Any) -> str:
        self.seen.append(arguments)
        return "x" * 4_000

    def bodies(self) -> dict[str, Any]:
        names = ("run", "slow", "refuse", "trap", "large")
        return {name: getattr(self, name) for name in names}


@dataclass
class App:
    """A host with one plugin, and clients of it."""

    made: FakeHost
    runs: Runs
    connect: Connect
    settings: Settings

    @asynccontextmanager
    async def client(self, *scopes: str, tenant: str = "default") -> AsyncIterator[Client]:
        key = await self.made.host.keys.create("app", scopes or ("admin",), tenant)
        async with self.connect(key.token) as client:
            yield Client(client, key.id, key.token)


@dataclass
class Client:
    http: httpx.AsyncClient
    key_id: str
    token: str

    async def run(
        self, key: str, function: str = "run", body: Any = None, **headers: str
    ) -> httpx.Response:
        path = run_of(function=function)
        return await self.http.post(path, json=body or {}, headers=under(key, **headers))


@asynccontextmanager
async def app(folder: Path, **settings: Any) -> AsyncIterator[App]:
    runs = Runs()
    chosen = Settings(data_dir=folder, **settings)
    async with fake_host(folder, runs.bodies(), **settings) as made:
        await made.host.install(package(), grants="all")
        yield App(made, runs, clients(made.host, chosen), chosen)


async def totals(made: FakeHost) -> tuple[int, int]:
    """What is said to be kept, after a look at whether it is."""
    async with made.parts.database.reading() as connection:
        every = connection.of_every_tenant()
        rows = list(await every.execute(select(idempotency_keys)))
        said = list(await every.execute(select(idempotency_totals)))
    counted = Counter((row.tenant, row.api_key_id) for row in rows)
    assert {(row.tenant, row.api_key_id): row.requests for row in said if row.requests} == counted
    size = sum(row.size for row in rows)
    assert size == sum(row.bytes for row in said) == sum(len(row.sealed or b"") for row in rows)
    return len(rows), size


@pytest.mark.usefixtures("on_both_databases")
async def test_a_call_that_is_sent_again_is_answered_as_the_first_time(tmp_path: Path) -> None:
    async with app(tmp_path / "a") as made, made.client("call") as client:
        first = await client.run("order-7", body={"arguments": {"n": 1}})
        again = await client.run("order-7", body={"arguments": {"n": 1}})
        assert (first.status_code, first.json()["result"]) == (200, 1)
        assert again.content == first.content
        assert again.headers["content-type"] == first.headers["content-type"]
        assert again.headers["idempotency-replayed"] == "true"
        assert "idempotency-replayed" not in first.headers
        assert again.headers["x-request-id"] != first.headers["x-request-id"]
        assert made.runs.seen == [{"n": 1}]
        assert (await client.run("order-8", body={"arguments": {"n": 1}})).json()["result"] == 2


@pytest.mark.usefixtures("on_both_databases")
async def test_fifty_equal_requests_at_once_are_carried_out_once(tmp_path: Path) -> None:
    async with app(tmp_path / "a") as made, made.client("call") as client:
        sent = [asyncio.create_task(client.run("race", "slow")) for _ in range(50)]
        await made.runs.begun.wait()
        in_order = asyncio.as_completed(sent)
        busy = [await next(in_order) for _ in range(49)]
        made.runs.going_on.set()
        done = await next(in_order)
        assert len(made.runs.seen) == 1
        assert {each.json()["type"] for each in busy} == {"/problems/idempotency-in-progress"}
        assert all(int(each.headers["retry-after"]) >= 1 for each in busy)
        assert done.status_code == 200
        assert (await client.run("race", "slow")).content == done.content


async def test_two_hosts_carry_one_request_out_once(tmp_path: Path, postgres_url: str) -> None:
    shared = {"database_url": postgres_url, "packages_dir": tmp_path / "packages"}
    (tmp_path / "packages").mkdir()
    async with AsyncExitStack() as stack:
        runs = Runs()
        hosts = []
        for name in ("a", "b"):
            opened = fake_host(tmp_path / name, runs.bodies(), **shared)
            hosts.append(await stack.enter_async_context(opened))
        await hosts[0].host.install(package(), grants="all")
        key = await hosts[0].host.keys.create("app", ["call"], "default")
        both = []
        for made in hosts:
            connect = clients(made.host, Settings(data_dir=tmp_path, **shared))
            both.append(await stack.enter_async_context(connect(key.token)))
        sent = [
            both[number % 2].post(run_of(), json={}, headers=under("race")) for number in range(20)
        ]
        answers = await asyncio.gather(*sent)
        assert len(runs.seen) == 1
        assert {each.status_code for each in answers} <= {200, 409}
        again = [await client.post(run_of(), json={}, headers=under("race")) for client in both]
        assert again[0].content == again[1].content
        assert len(runs.seen) == 1


async def test_answers_outlive_the_host(tmp_path: Path) -> None:
    async with app(tmp_path / "a") as made, made.client("call") as client:
        first = await client.run("over-a-restart")
    async with (
        fake_host(tmp_path / "a", Runs().bodies()) as restarted,
        clients(restarted.host, made.settings)(client.token) as again,
    ):
        answer = await again.post(run_of(), json={}, headers=under("over-a-restart"))
    assert answer.content == first.content


@pytest.mark.usefixtures("on_both_databases")
async def test_what_a_killed_host_was_doing_is_told_as_unknown(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    path = os.pathsep.join([str(TESTS), *sys.path])
    killed = await asyncio.create_subprocess_exec(
        sys.executable, str(TESTS / "killed_request.py"), str(folder),
        stdout=asyncio.subprocess.PIPE, env=os.environ | {"PYTHONPATH": path},
    )  # fmt: skip
    assert killed.stdout is not None
    token = (await killed.stdout.readline()).decode().strip()
    assert await killed.stdout.readline() == b"begun\n"
    killed.kill()
    await killed.wait()
    async with (
        fake_host(folder, Runs().bodies(), event_lease_seconds=1.0) as made,
        clients(made.host, Settings(data_dir=folder))(token) as client,
    ):
        kinds = []
        while not kinds or kinds[-1] == "/problems/idempotency-in-progress":
            answer = await client.post(run_of(), json={}, headers=under("once"))
            kinds.append(answer.json()["type"])
        assert kinds[-1] == "/problems/outcome-unknown"
        assert answer.status_code == 409
        assert 0 < answer.json()["forgotten_in_seconds"] <= 24 * 3600
        assert "retry-after" not in answer.headers
        other = await client.post(run_of(), json={"arguments": {"n": 2}}, headers=under("once"))
        assert other.json()["type"] == "/problems/idempotency-key-reused"
        assert (await client.post(run_of(), json={}, headers=under("new"))).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", run_of(), b'{"arguments": {"n": 2}}'),
        ("POST", run_of(function="refuse"), b"{}"),
        ("POST", f"{run_of()}?x=1", b"{}"),
        ("PUT", "/api/v1/plugins/stores/grants", b"{}"),
        ("DELETE", "/api/v1/plugins/stores", b""),
    ],
)
async def test_a_key_of_another_request_is_refused(
    tmp_path: Path, method: str, path: str, body: bytes
) -> None:
    async with app(tmp_path / "a") as made, made.client() as client:
        assert (await client.run("key")).status_code == 200
        refused = await client.http.request(method, path, content=body, headers=under("key"))
        assert refused.status_code == 422
        assert refused.json()["type"] == "/problems/idempotency-key-reused"
        assert len(made.runs.seen) == 1


async def test_each_key_holder_and_tenant_has_keys_of_its_own(tmp_path: Path) -> None:
    async with app(tmp_path / "a") as made:
        await made.made.host.tenants.create("other")
        await made.made.host.install(package(), grants="all", tenant="other")
        async with (
            made.client("call") as one,
            made.client("call") as two,
            made.client("call", tenant="other") as three,
        ):
            found = [await each.run("same") for each in (one, two, three)]
            assert [each.json()["result"] for each in found] == [1, 2, 3]
            assert all("idempotency-replayed" not in each.headers for each in found)
            body = {"arguments": {"n": 5}}
            assert (await three.run("same", body=body)).status_code == 422
            assert (await one.run("same")).content == found[0].content


async def test_changes_of_every_method_are_made_once(tmp_path: Path) -> None:
    async with app(tmp_path / "a") as made, made.client() as client:
        body = {"name": "k", "scopes": ["read"]}
        one = await client.http.post(KEYS, json=body, headers=under("1"))
        two = await client.http.post(KEYS, json=body, headers=under("1"))
        assert (one.status_code, two.status_code) == (201, 201)
        assert one.content == two.content
        key = f"{KEYS}/{one.json()['id']}"
        gone = [await client.http.delete(key, headers=under("2")) for _ in range(2)]
        assert [each.status_code for each in gone] == [204, 204]
        assert (await client.http.delete(key, headers=under("3"))).status_code == 404
        config = {"set": {"step": 5}}
        path = "/api/v1/plugins/stores/config"
        changed = [await client.http.patch(path, json=config, headers=under("4")) for _ in range(2)]
        assert changed[0].headers["etag"] == changed[1].headers["etag"]
        listed = (await client.http.get("/api/v1/plugins/stores/config/history")).json()
        assert len(listed["entries"]) == 1


async def test_a_location_is_repeated_and_a_form_may_have_another_boundary(tmp_path: Path) -> None:
    async with app(tmp_path / "a") as made, made.client() as client:
        content = package("second")
        made_twice = []
        for _ in range(2):
            form = {"package": ("second.wardian", content)}
            answer = await client.http.post("/api/v1/plugins", files=form, headers=under("install"))
            made_twice.append(answer)
        assert [each.status_code for each in made_twice] == [201, 201]
        assert made_twice[0].headers["location"] == made_twice[1].headers["location"]


async def test_what_a_function_declares_as_its_error_is_repeated(tmp_path: Path) -> None:
    async with app(tmp_path / "a") as made, made.client("call") as client:
        refused = [await client.run("no", "refuse") for _ in range(2)]
        assert [each.status_code for each in refused] == [422, 422]
        assert refused[0].content == refused[1].content
        assert len(made.runs.seen) == 1


async def test_a_fault_is_not_kept(tmp_path: Path) -> None:
    async with app(tmp_path / "a") as made, made.client("call") as client:
        faults = [await client.run("again", "trap") for _ in range(2)]
        assert [each.status_code for each in faults] == [502, 502]
        assert len(made.runs.seen) == 2
        assert await totals(made.made) == (0, 0)


async def test_a_wrong_key_or_none_leaves_nothing(tmp_path: Path) -> None:
    async with app(tmp_path / "a") as made:
        for token in (None, f"wdn_{'x' * 43}"):
            async with made.connect(token) as stranger:
                refused = await stranger.post(run_of(), json={}, headers=under("k"))
                assert refused.json()["type"] == "/problems/unauthenticated"
        assert await totals(made.made) == (0, 0)


async def test_a_revoked_key_gets_no_answer_of_its_own_again(tmp_path: Path) -> None:
    async with app(tmp_path / "a") as made, made.client("call") as client:
        await client.run("mine")
        await made.made.host.keys.revoke(client.key_id, "default")
        assert (await client.run("mine")).status_code == 401


@pytest.mark.usefixtures("on_both_databases")
async def test_no_table_has_anything_of_what_was_answered(tmp_path: Path) -> None:
    async with app(tmp_path / "a") as made, made.client() as client:
        body = {"name": "k", "scopes": ["read"]}
        shown = [await client.http.post(KEYS, json=body, headers=under("1")) for _ in range(2)]
        token = shown[0].json()["token"]
        assert shown[1].json()["token"] == token
        async with made.made.parts.database.reading() as connection:
            every = connection.of_every_tenant()
            for table in metadata.sorted_tables:
                for row in await every.execute(select(table)):
                    assert token not in repr(row), table.name
                    assert token.encode() not in b"".join(
                        each for each in row if isinstance(each, bytes)
                    )
        assert client.token not in repr(await totals(made.made))


async def test_a_large_answer_is_given_and_not_kept(tmp_path: Path) -> None:
    async with (
        app(tmp_path / "a", idempotency_answer_bytes_max=1_000) as made,
        made.client("call") as client,
    ):
        first = await client.run("large", "large")
        assert first.json()["result"] == "x" * 4_000
        again = await client.run("large", "large")
        assert (again.status_code, again.json()["type"]) == (409, "/problems/answer-not-kept")
        assert again.json()["answered"] == 200
        assert len(made.runs.seen) == 1


@pytest.mark.parametrize(
    "key",
    [
        b"",
        b'""',
        b'"open',
        b"two words",
        b'"a", "b"',
        b"tab\tinside",
        b"\xc3\xa9",
        b"bell\x07",
        b'"nul\x00"',
        b"a,b",
        b"x" * 256,
        b"x" * 60_000,
    ],
    ids=map(str, range(12)),
)
async def test_what_is_no_key_is_refused(tmp_path: Path, key: bytes) -> None:
    async with app(tmp_path / "a") as made, made.client("call") as client:
        headers = [(b"idempotency-key", key)]
        refused = await client.http.post(run_of(), json={}, headers=headers)
        assert (refused.status_code, refused.json()["path"]) == (400, "header.Idempotency-Key")
        assert made.runs.seen == []


async def test_two_keys_for_one_request_are_refused(tmp_path: Path) -> None:
    async with app(tmp_path / "a") as made, made.client("call") as client:
        headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "a")]
        assert (await client.http.post(run_of(), json={}, headers=headers)).status_code == 400


async def test_quotes_are_not_part_of_a_key(tmp_path: Path) -> None:
    async with app(tmp_path / "a") as made, made.client("call") as client:
        await client.run('"with quotes"')
        await client.run('"plain"')
        assert (await client.run("plain")).headers["idempotency-replayed"] == "true"
        assert (await client.run('"with quotes"')).headers["idempotency-replayed"] == "true"
        assert len(made.runs.seen) == 2


async def test_so_many_keys_are_remembered_and_then_no_more(tmp_path: Path) -> None:
    async with (
        app(tmp_path / "a", idempotency_keys_max=20) as made,
        made.client("call") as greedy,
        made.client("call") as other,
    ):
        kept = [await greedy.run(f"key-{number}") for number in range(10)]
        assert {each.status_code for each in kept} == {200}
        refused = await greedy.run("one-more")
        assert (refused.status_code, refused.json()["type"]) == (429, "/problems/rate-limited")
        assert int(refused.headers["retry-after"]) > 0
        assert len(made.runs.seen) == 10
        assert (await greedy.run("key-0")).content == kept[0].content
        assert (await greedy.http.post(run_of(), json={})).status_code == 200
        assert (await other.run("mine")).status_code == 200
        assert (await totals(made.made))[0] == 11


async def test_answers_take_so_much_and_then_no_more(tmp_path: Path) -> None:
    async with (
        app(tmp_path / "a", idempotency_bytes_max=10_000) as made,
        made.client("call") as client,
    ):
        statuses = [(await client.run(f"{n}", "large")).status_code for n in range(4)]
        assert statuses == [200, 200, 429, 429]


async def test_what_is_over_is_forgotten_and_may_be_carried_out_anew(tmp_path: Path) -> None:
    async with (
        app(tmp_path / "a", idempotency_hours=1e-9) as made,
        made.client("call") as client,
    ):
        for number in range(5):
            await client.run(f"{number}")
        assert (await client.run("0")).json()["result"] == 6
        assert (await totals(made.made))[0] == 5
        await made.made.host.idempotency.tend()
        assert await totals(made.made) == (0, 0)


async def test_a_call_with_a_key_goes_on_when_its_client_goes_away(tmp_path: Path) -> None:
    async with (
        app(tmp_path / "a") as made,
        made.client("call") as client,
        serving(made.made.host, made.settings) as (address, port),
    ):
        _, writer = await asyncio.open_connection(address, port)
        writer.write(
            f"POST {run_of(function='slow')} HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n"
            f"Authorization: Bearer {client.token}\r\n"
            "Idempotency-Key: lost\r\n\r\n{}".encode()
        )
        await made.runs.begun.wait()
        writer.close()
        await writer.wait_closed()
        assert (await client.run("lost", "slow")).status_code == 409
        made.runs.going_on.set()
        answer = await client.run("lost", "slow")
        while answer.status_code == 409:
            answer = await client.run("lost", "slow")
        assert (answer.status_code, answer.json()["result"]) == (200, 1)
        assert len(made.runs.seen) == 1


async def test_reads_know_no_key(tmp_path: Path) -> None:
    async with app(tmp_path / "a") as made, made.client("read") as client:
        for _ in range(2):
            answer = await client.http.get("/api/v1/plugins", headers=under("k"))
            assert answer.status_code == 200
            assert "idempotency-replayed" not in answer.headers
        assert await totals(made.made) == (0, 0)


async def test_an_answer_that_got_lost_on_its_way_is_one_all_the_same(tmp_path: Path) -> None:
    async with (
        app(tmp_path / "a", idempotency_answer_bytes_max=1_000) as made,
        made.client("call") as client,
    ):
        served = app_over(made.made.host, made.settings)

        async def lost(message: Any) -> None:
            raise OSError("the client is gone")

        bodies = [{"type": "http.request", "body": b"{}", "more_body": False}]

        async def receive() -> Any:
            return bodies.pop()

        scope = {
            "type": "http", "http_version": "1.1", "method": "POST", "scheme": "http",
            "path": run_of(function="large"), "query_string": b"", "root_path": "",
            "headers": [
                (b"authorization", f"Bearer {client.token}".encode()),
                (b"idempotency-key", b"lost"),
            ],
            "server": ("host", 80), "client": ("here", 1),
        }  # fmt: skip
        with pytest.raises(OSError, match="gone"):
            await served(scope, receive, lost)
        again = await client.run("lost", "large")
        assert again.json()["type"] == "/problems/answer-not-kept"
        assert len(made.runs.seen) == 1
