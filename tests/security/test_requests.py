"""Attacks on the way in: bodies, headers and addresses, by whoever can open a connection.

The routes are those of the application's own description, so a new one is attacked from its first
day on.
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from starlette.types import ASGIApp, Message

from apis import clients, serving
from hosts import FakeHost, fake_host, package
from wardian.api.app import app_over
from wardian.api.openapi import static_document
from wardian.cli import connections
from wardian.crypto.tokens import new_token
from wardian.errors import InvalidArguments
from wardian.settings import Settings
from wardian.tenants import KeyTerms

pytestmark = pytest.mark.anyio

Address = tuple[str, int]
JSON = "application/json"
NESTED = b'{"a":' * 100_000 + b"1" + b"}" * 100_000

NOT_STRICT = {
    "not JSON": b"{",
    "a NaN": b'{"a":NaN}',
    "infinite": b'{"a":-Infinity}',
    "too large a number": b'{"a":1e999}',
    "trailing text": b"{} {}",
    "a comment": b"{}/**/",
    "a byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "no UTF-8": b'{"a":"\xff"}',
    "a lone surrogate": b'{"a":"\\ud800"}',
    "nested deep": NESTED,
    "a list": b"[]",
    "nothing": b"null",
}
"""What no route takes, whatever it is that it takes."""


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    document = static_document(app_over(None, Settings()))  # type: ignore[arg-type]  # no request
    for path, item in sorted(document["paths"].items()):
        for method, operation in sorted(item.items()):
            yield method.upper(), path, operation


def takes_json() -> list[tuple[str, str]]:
    return [
        (method, path)
        for method, path, operation in operations()
        if JSON in operation.get("requestBody", {}).get("content", {})
    ]


def filled(path: str) -> str:
    """The path with a name for each of its parameters."""
    for name in ("{name}", "{plugin}", "{function}"):
        path = path.replace(name, "stores" if name != "{function}" else "run")
    return "/".join("nothing" if part.startswith("{") else part for part in path.split("/"))


@asynccontextmanager
async def open_host_for(folder: Path, **settings: Any) -> AsyncIterator[tuple[FakeHost, Settings]]:
    chosen = Settings(data_dir=folder, **settings)
    async with fake_host(folder, **settings) as made:
        yield made, chosen


@asynccontextmanager
async def administered(folder: Path, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A host, and a client with an administrator's key."""
    async with open_host_for(folder, **settings) as (made, chosen):
        connect = clients(made.host, chosen)
        async with connect(key_of(made)) as client:
            yield client


def refused(path: str) -> tuple[int, ...]:
    """How what is not strict is refused; what is signed is not well signed either."""
    return (422,) if path.startswith("/api/v1/publishers/{name}/r") else (400,)


def key_of(made: FakeHost) -> str:
    return str(made.host.bootstrap_token)


def test_the_routes_that_take_json_are_found() -> None:
    found = takes_json()

    assert len(found) > 35
    assert ("POST", "/api/v1/plugins/{name}/functions/{function}") in found
    assert ("PATCH", "/api/v1/keys/{key_id}") in found


async def test_no_route_takes_json_that_could_be_read_in_two_ways(tmp_path: Path) -> None:
    async with administered(tmp_path / "data") as client:
        wrong = []
        for method, path in takes_json():
            for what, body in NOT_STRICT.items():
                headers = {"Content-Type": JSON}
                answer = await client.request(method, filled(path), content=body, headers=headers)
                if answer.status_code not in refused(path):
                    wrong.append(f"{method} {path}, {what}: {answer.status_code} {answer.text}")
        assert not wrong, "\n".join(wrong)


async def test_no_route_takes_a_name_twice_wherever_it_stands(tmp_path: Path) -> None:
    async with administered(tmp_path / "data") as client:
        wrong = []
        for method, path in takes_json():
            for body in (b'{"a":1,"a":1}', b'{"x":[{"b":{"c":1,"c":2}}]}'):
                answer = await client.request(method, filled(path), content=body)
                if answer.status_code not in refused(path):
                    wrong.append(f"{method} {path}: {answer.status_code} {answer.text}")
        assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "kind", ["text/xml", "application/json; charset=utf-16", "multipart/form-data; boundary=b"]
)
async def test_no_route_that_takes_json_takes_anything_else(tmp_path: Path, kind: str) -> None:
    async with administered(tmp_path / "data") as client:
        for method, path in takes_json():
            answer = await client.request(
                method, filled(path), content=b"{}", headers={"Content-Type": kind}
            )
            assert answer.status_code == 415, f"{method} {path}: {answer.text}"


async def test_no_route_takes_what_is_compressed_or_larger_than_its_cap(tmp_path: Path) -> None:
    sizes = {"body_bytes_max": 1_000, "upload_bytes_max": 2_000, "hook_bytes_max": 1_000}
    async with administered(tmp_path / "data", **sizes) as client:
        for method, path, _ in operations():
            answer = await client.request(method, filled(path), content=b" " * 2_001)
            assert answer.status_code == 413, f"{method} {path}: {answer.text}"
            answer = await client.request(
                method,
                filled(path),
                content=gzip.compress(b"{}"),
                headers={"Content-Encoding": "gzip"},
            )
            assert answer.status_code == 415, f"{method} {path}: {answer.text}"


MIB = 1024**2
GIGABYTE = 1024**3


NO_VALUES = [
    "\0",
    "1e999",
    "-1",
    "18446744073709551616",
    "-18446744073709551616",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
]
"""What one or the other kind of parameter, or a database, may have no place for."""


@pytest.mark.usefixtures("on_both_databases")
async def test_no_parameter_of_a_query_is_a_fault_of_the_host(tmp_path: Path) -> None:
    found = []
    async with (
        open_host_for(tmp_path / "data") as (made, settings),
        clients(made.host, settings)(key_of(made)) as client,
    ):
        await made.host.install(package())
        for method, path, operation in operations():
            if method != "GET" or path.endswith("/stream"):
                continue
            for parameter in operation.get("parameters", ()):
                if parameter.get("in") != "query":
                    continue
                for value in NO_VALUES:
                    query = {parameter["name"]: value}
                    answer = await client.get(filled(path), params=query)
                    if answer.status_code >= 500:
                        found.append((path, query))
    assert found == []


@pytest.mark.usefixtures("on_both_databases")
@pytest.mark.parametrize("to", [2**63, 2**70, -(2**70)])
async def test_no_number_of_a_change_is_a_fault_of_the_host(tmp_path: Path, to: int) -> None:
    async with open_host_for(tmp_path / "data") as (made, settings):
        await made.host.install(package())
        async with clients(made.host, settings)(key_of(made)) as client:
            for path in ("/api/v1/config", "/api/v1/plugins/stores/config"):
                answer = await client.post(f"{path}/revert", json={"to": to})
                assert answer.status_code in (400, 404), answer.text


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
async def test_no_key_expires_at_a_moment_that_there_is_not_in_utc(
    tmp_path: Path, moment: str
) -> None:
    async with administered(tmp_path / "data") as client:
        body = {"name": "k", "scopes": ["call"], "expires_at": moment}
        answer = await client.post("/api/v1/keys", json=body)
    assert (answer.status_code, answer.json()["path"]) == (400, "expires_at")


class Unended:
    """A request of whose body the last byte never comes."""

    def __init__(self, app: ASGIApp, key: str, size: int) -> None:
        self.status: int | None = None
        self.headers: dict[bytes, bytes] = {}
        self._pieces = [b" " * size]
        self._known = asyncio.Event()
        authorization = (b"authorization", f"Bearer {key}".encode())
        scope = {
            "type": "http", "method": "POST", "path": CALL, "raw_path": CALL.encode(),
            "query_string": b"", "root_path": "", "scheme": "http", "http_version": "1.1",
            "headers": [authorization, (b"content-type", JSON.encode())],
            "client": ("127.0.0.1", 1), "server": ("h", 80),
        }  # fmt: skip
        self._task = asyncio.create_task(app(scope, self._receive, self._send))  # type: ignore[arg-type]

    async def outcome(self) -> int | None:
        """Return what it was answered; None once the host waits for the rest."""
        await self._known.wait()
        return self.status

    async def go_away(self) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _receive(self) -> Message:
        if self._pieces:
            return {"type": "http.request", "body": self._pieces.pop(), "more_body": True}
        self._known.set()
        return await asyncio.get_running_loop().create_future()

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = dict(message["headers"])


async def test_whoever_ends_no_body_holds_a_bounded_part_of_the_memory(tmp_path: Path) -> None:
    sizes = {"body_bytes_max": MIB, "upload_bytes_max": MIB, "bodies_bytes_max": 16 * MIB}
    async with open_host_for(tmp_path / "data", **sizes) as (made, settings):
        await made.host.install(package())
        app = app_over(made.host, settings)
        keys = [(await made.host.keys.create("k", ["call"], "default")).token for _ in range(3)]
        opened: list[Unended] = []
        # A key has a quarter, and a tenant a half; of each body what is small is not counted.
        for key, held in zip(keys, (4, 4, 0), strict=True):
            bodies = [Unended(app, key, MIB - 1) for _ in range(8)]
            found = [await each.outcome() for each in bodies]
            assert (found.count(None), found.count(503)) == (held, 8 - held)
            assert all(b"retry-after" in each.headers for each in bodies if each.status)
            opened += bodies
        async with clients(made.host, settings)(keys[0]) as client:
            assert (await client.post(CALL, json={})).status_code == 200
        for each in opened:
            await each.go_away()
        again = Unended(app, keys[2], MIB - 1)
        assert await again.outcome() is None
        await again.go_away()


async def pour(writer: asyncio.StreamWriter, piece: bytes) -> int:
    """Send for as long as the other side takes it, and return how many bytes that were."""
    sent = 0
    while sent < GIGABYTE:
        try:
            writer.write(piece)
            await writer.drain()
        except ConnectionError:
            break
        sent += len(piece)
    return sent


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[tuple[FakeHost, Address]]:
    async with (
        open_host_for(tmp_path / "data", upload_bytes_max=MIB) as (made, settings),
        serving(made.host, settings) as address,
    ):
        yield made, address


def head(path: str, key: str, *headers: str, method: str = "POST") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: h", f"Authorization: Bearer {key}", *headers]
    return "\r\n".join([*lines, "", ""]).encode()


CALL = "/api/v1/plugins/stores/functions/run"


@pytest.mark.parametrize("path", [CALL, "/api/v1/plugins", "/api/v1/hooks/default/p/h", "/healthz"])
@pytest.mark.parametrize("length", [f"Content-Length: {GIGABYTE}", "Transfer-Encoding: chunked"])
async def test_a_gigabyte_is_refused_early_and_the_connection_closed(
    served: tuple[FakeHost, Address], path: str, length: str
) -> None:
    made, address = served
    reader, writer = await asyncio.open_connection(*address)
    writer.write(head(path, key_of(made), length))
    answer = asyncio.create_task(reader.readuntil(b"\r\n\r\n"))
    chunk = b"x" * 65_536
    piece = chunk if "Length" in length else b"%x\r\n%b\r\n" % (len(chunk), chunk)
    sent = await pour(writer, piece)
    text = await answer
    writer.close()

    # Its cap, what is thrown away while the answer is on its way, and what sockets hold.
    assert sent < 16 * MIB + 64 * MIB + 16 * MIB
    if path != "/healthz":
        assert text.startswith(b"HTTP/1.1 413 ")
        assert b"connection: close" in text.lower()


async def test_slow_clients_hold_no_worker_and_keep_nobody_out(
    served: tuple[FakeHost, Address], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, address = served
    monkeypatch.setattr(connections, "BODY_SECONDS", 1.5)
    key = key_of(made)
    await install(address, key)
    slow = []
    for number in range(64):
        reader, writer = await asyncio.open_connection(*address)
        whole = head(CALL, key, "Content-Length: 1000") + b"{"
        writer.write(whole if number % 2 else whole[:40])
        slow.append((reader, writer))

    assert made.executor.jobs == []
    url = f"http://{address[0]}:{address[1]}"
    async with httpx.AsyncClient(trust_env=False) as client:
        headers = {"Authorization": f"Bearer {key}"}
        answer = await client.post(url + CALL, json={}, headers=headers)
    assert answer.status_code == 200
    assert len(made.executor.jobs) == 1
    for number, (reader, writer) in enumerate(slow):
        if number % 2:
            assert (await asyncio.wait_for(reader.readline(), 30)).startswith(b"HTTP/1.1 408 ")
        writer.close()
    assert len(made.executor.jobs) == 1


async def install(address: Address, key: str) -> None:
    from_here = httpx.AsyncClient(base_url=f"http://{address[0]}:{address[1]}", trust_env=False)
    async with from_here as client:
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/zip"}
        made = await client.post("/api/v1/plugins", content=package(), headers=headers)
        assert made.status_code == 201, made.text


@pytest.mark.parametrize(
    "headers",
    [[f"X-{number}: 1" for number in range(101)], ["X: " + "x" * 70_000]],
    ids=["many", "long"],
)
async def test_headers_are_bounded_in_number_and_size(
    served: tuple[FakeHost, Address], headers: list[str]
) -> None:
    made, address = served
    reader, writer = await asyncio.open_connection(*address)
    writer.write(head("/api/v1/plugins", key_of(made), *headers, method="GET"))
    status = (await asyncio.wait_for(reader.readline(), 10)).split()[1]
    writer.close()

    assert status == b"431"


async def test_a_thousand_wrong_keys_are_answered_with_429_whatever_address_they_invent(
    served: tuple[FakeHost, Address], caplog: pytest.LogCaptureFixture
) -> None:
    made, address = served
    key, statuses, guessed = key_of(made), [], []
    base = f"http://{address[0]}:{address[1]}"
    async with httpx.AsyncClient(base_url=base, trust_env=False) as client:
        mine = {"Authorization": f"Bearer {key}"}
        assert (await client.get("/api/v1/plugins", headers=mine)).status_code == 200
        for number in range(1_000):
            guess = new_token()
            guessed.append(guess)
            invented = f"198.51.100.{number % 256}"
            headers = {
                "Authorization": f"Bearer {guess}",
                "X-Forwarded-For": invented,
                "Forwarded": f"for={invented}",
                "X-Real-IP": invented,
            }
            answer = await client.get("/api/v1/plugins", headers=headers)
            statuses.append(answer.status_code)
            assert guess not in answer.text
        assert statuses[:30] == [401] * 30
        assert statuses[30:].count(429) > 900
        assert int(answer.headers["retry-after"]) >= 1
        assert answer.json()["type"] == "/problems/rate-limited"
        # Whoever shares the address with the guesser goes on.
        assert (await client.get("/api/v1/plugins", headers=mine)).status_code == 200
        shown = (await client.get("/metrics", headers=mine)).text
    await made.parts.key_upkeep.run()
    told = [
        e for e in await made.host.events.recent(100, tenant="default") if e.topic == "key.guessed"
    ]
    assert [each.value()["address"] for each in told] == ["127.0.0.1"]
    assert 'wardian_key_refusals_total{reason="guessing"}' in shown
    written = caplog.text + repr(told)
    assert not [guess for guess in guessed if guess in written or guess[4:] in written]


async def test_a_tenant_s_flood_is_refused_and_the_others_go_on(tmp_path: Path) -> None:
    rates = {"rate_key": "20/minute", "rate_tenant": "30/minute"}
    async with open_host_for(tmp_path / "data", **rates) as (made, settings):
        await made.host.tenants.create("noisy")
        await made.host.tenants.create("calm")
        tokens = [
            (await made.host.keys.create("k", ["read"], tenant)).token
            for tenant in ("noisy", "noisy", "calm")
        ]
        connect = clients(made.host, settings)
        statuses: list[list[int]] = []
        for token in tokens:
            async with connect(token) as client:
                answers = [await client.get("/api/v1/plugins") for _ in range(25)]
            statuses.append([each.status_code for each in answers])
            refused = [each for each in answers if each.status_code == 429]
            assert all(int(each.headers["retry-after"]) >= 1 for each in refused)
            assert all(each.json()["type"] == "/problems/rate-limited" for each in refused)
        assert [found.count(200) for found in statuses] == [20, 10, 20]
        assert made.executor.jobs == []
        async with connect(None) as stranger:
            for _ in range(50):
                assert (await stranger.get("/healthz")).status_code == 200


async def test_a_flood_is_refused_before_its_bodies_are_read(tmp_path: Path) -> None:
    async with administered(tmp_path / "data", rate_key="1/hour") as client:
        assert (await client.post(CALL, content=b"{")).status_code == 400
        for body in (b"{", b"[]", b"\xff"):
            assert (await client.post(CALL, content=body)).status_code == 429


async def test_what_is_left_is_told_with_every_answer(tmp_path: Path) -> None:
    rates = {"rate_key": "5/minute", "rate_tenant": "100/hour"}
    async with administered(tmp_path / "data", **rates) as client:
        answers = [await client.get("/api/v1/plugins/nothing") for _ in range(7)]
    assert [each.status_code for each in answers] == [404] * 5 + [429] * 2
    left = [each.headers["ratelimit"].partition(";t=")[0] for each in answers]
    assert left == [f'"key";r={number}' for number in (4, 3, 2, 1, 0, 0, 0)]
    policies = {each.headers["ratelimit-policy"] for each in answers}
    assert policies == {'"key";q=5;w=60, "tenant";q=100;w=3600'}
    problem = msgspec.json.decode(answers[-1].content)
    assert 0 < problem["retry_after_seconds"] <= 120


PROXIES = ("127.0.0.1/32",)


async def test_behind_a_trusted_proxy_guessers_wait_each_for_itself(tmp_path: Path) -> None:
    async with (
        open_host_for(tmp_path / "data", trusted_proxies=PROXIES) as (made, settings),
        serving(made.host, settings) as address,
        httpx.AsyncClient(base_url=f"http://{address[0]}:{address[1]}", trust_env=False) as client,
    ):

        async def guessed(forwarded: str) -> int:
            headers = {"Authorization": f"Bearer {new_token()}", "X-Forwarded-For": forwarded}
            return (await client.get("/api/v1/plugins", headers=headers)).status_code

        for number in range(30):
            # What the client wrote stands to the left of what the proxy did.
            assert await guessed(f"192.0.2.{number}, 198.51.100.1") == 401
        assert await guessed("192.0.2.200, 198.51.100.1") == 429
        assert await guessed("198.51.100.2") == 401
        for number in range(30):
            assert await guessed(f"2001:db8:1:2::{number}") == 401
        assert await guessed("2001:db8:1:2:ffff::9") == 429
        assert await guessed("2001:db8:1:3::9") == 401
        assert await guessed("198.51.100.3, nonsense") == 400


async def test_a_key_of_some_networks_is_refused_from_others_and_gives_no_wider_one(
    tmp_path: Path,
) -> None:
    async with (
        open_host_for(tmp_path / "data", trusted_proxies=PROXIES) as (made, settings),
        serving(made.host, settings) as address,
        httpx.AsyncClient(base_url=f"http://{address[0]}:{address[1]}", trust_env=False) as client,
    ):

        async def posted(key: str, networks: list[str] | None, come_from: str) -> httpx.Response:
            body = {"name": "k", "scopes": ["admin"], "networks": networks}
            headers = {"Authorization": f"Bearer {key}", "X-Forwarded-For": come_from}
            return await client.post("/api/v1/keys", json=body, headers=headers)

        made_key = await posted(key_of(made), ["10.1.0.0/16"], "198.51.100.1")
        key = made_key.json()["token"]
        assert (await posted(key, ["10.1.2.0/24"], "198.51.100.1")).status_code == 403
        assert (await posted(key, ["10.1.2.0/24"], "10.1.9.9")).status_code == 201
        for wider in (None, ["10.0.0.0/8"], ["10.1.0.0/16", "192.0.2.0/24"], ["::/0"]):
            assert (await posted(key, wider, "10.1.9.9")).status_code == 403, wider


async def test_an_overlap_a_tenant_s_limits_and_an_expiry_over_http(tmp_path: Path) -> None:
    async with administered(tmp_path / "data", key_days_max=30) as client:
        made = (await client.post("/api/v1/keys", json={"name": "k", "scopes": ["read"]})).json()
        assert made["expires_at"] is not None
        old = {"Authorization": f"Bearer {made['token']}"}
        rotated = await client.post(
            f"/api/v1/keys/{made['id']}/rotate", json={"overlap_seconds": 60}
        )
        new = {"Authorization": f"Bearer {rotated.json()['token']}"}
        for headers in (old, new):
            answer = await client.get("/api/v1/plugins", headers=headers)
            assert answer.status_code == 200
            assert "wardian-key-expires" not in answer.headers or headers is old
        await client.post(f"/api/v1/keys/{made['id']}/rotate", json={"overlap_seconds": 0})
        for headers in (old, new):
            assert (await client.get("/api/v1/plugins", headers=headers)).status_code == 401

        for wrong in ({"expires_in": -1}, {"expires_in": 86_400 * 31}, {"expires_at": "soon"}):
            body = {"name": "k", "scopes": ["read"], **wrong}
            assert (await client.post("/api/v1/keys", json=body)).status_code == 400, wrong

        limits = {"rate": "3/hour", "key_rate": None}
        assert (await client.put("/api/v1/tenants/nobody/limits", json=limits)).status_code == 404
        assert (await client.put("/api/v1/tenants/default/limits", json=limits)).json() == limits
        statuses = [
            (await client.get("/api/v1/tenants/default/limits")).status_code for _ in "1234"
        ]
        assert statuses[-1] == 429


async def test_who_cannot_make_keys_can_neither_rotate_nor_change_one(tmp_path: Path) -> None:
    async with open_host_for(tmp_path / "data") as (made, settings):
        weak = await made.host.keys.create("weak", ["read", "call", "webhooks"], "default")
        async with clients(made.host, settings)(weak.token) as client:
            for method, path in (
                ("POST", "/api/v1/keys"),
                ("POST", f"/api/v1/keys/{weak.id}/rotate"),
                ("PATCH", f"/api/v1/keys/{weak.id}"),
            ):
                body = {"name": "k", "scopes": ["admin"]}
                assert (await client.request(method, path, json=body)).status_code == 403


def looks_itself(path: str) -> bool:
    """Tell whether a route is for everybody, or looks at what each job, call or question is of."""
    of_each = (
        "/api/v1/asks",
        "/api/v1/agents/ask",
        "/api/v1/agents/explain",
        "/api/v2/agents/ask",
        "/api/v2/jobs",
        "/api/v2/batch",
    )
    return path in ("/api/versions", "/api/v1/agents") or path.startswith(of_each)


async def test_a_key_for_some_plugins_has_to_do_with_nothing_else(tmp_path: Path) -> None:
    async with open_host_for(tmp_path / "data") as (made, settings):
        for name in ("stores", "weather"):
            await made.host.install(package(name))
        terms = KeyTerms(plugins=["weather"])
        key = await made.host.keys.create("w", ["read", "call"], "default", terms)
        async with clients(made.host, settings)(key.token) as client:
            mine = "/api/v1/plugins/weather"
            assert (await client.post(f"{mine}/functions/run", json={})).status_code == 200
            assert (await client.get(mine)).status_code == 200
            shown = (await client.get("/openapi.json")).json()["paths"]
            assert [path for path in shown if path.endswith("/functions/run")] == [
                f"{mine}/functions/run",
                f"{mine}/functions/run".replace("v1", "v2"),
            ]
            for method, path, _ in operations():
                if not path.startswith("/api/") or "{function}" in path or looks_itself(path):
                    continue
                for named in (filled(path), filled(path).replace("stores", "weather")):
                    if named.startswith(
                        (mine, "/api/v1/schedules/weather/", "/api/v1/agents/weather")
                    ):
                        continue
                    answer = await client.request(method, named)
                    assert answer.status_code == 403, f"{method} {named}: {answer.text}"
            assert (await client.post(CALL, json={})).status_code == 403
        assert len(made.executor.jobs) == 1
        for scope in ("admin", "webhooks"):
            with pytest.raises(InvalidArguments, match="reaches beyond"):
                await made.host.keys.create("w", [scope], "default", terms)
