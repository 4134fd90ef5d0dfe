"""Attacks where parts of the API meet: a bound that one way in has, and another might not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from apis import Connect, clients
from fakes import Body
from hosts import MANIFEST, WASM, FakeHost, fake_host, package
from jobs import jobbing_of, order
from wardian.api.app import app_over
from wardian.errors import InvalidArguments
from wardian.plugins.archive import write_archive
from wardian.settings import Settings
from wardian.storage.tenants import KeyRepository
from wardian.tenants import KeyTerms

pytestmark = pytest.mark.anyio

KEYS = "/api/v1/keys"
LATER = {"Prefer": "respond-async"}
PATHS = """
[[api_endpoints]]
method = "GET"
path = "/secret"
function = "run"
"""


def call_of(plugin: str, version: str = "v1") -> str:
    return f"/api/{version}/plugins/{plugin}/functions/run"


@asynccontextmanager
async def hosting(
    folder: Path, functions: Mapping[str, Body] | None = None, **settings: Any
) -> AsyncIterator[tuple[FakeHost, Connect]]:
    """A host with the plugins `stores` and `weather`, and what makes clients of it."""
    chosen = Settings(data_dir=folder, **settings)
    async with asyncio.timeout(60), fake_host(folder, functions, **settings) as made:
        for name in ("stores", "weather"):
            await made.host.install(package(name))
        yield made, clients(made.host, chosen)


def requiring(name: str, scope: str) -> bytes:
    text = f"required_scopes = [{scope!r}]\n" + MANIFEST.format(name=name, more="")
    return write_archive({"plugin.toml": text.encode(), "plugin.wasm": WASM})


async def test_a_key_for_one_plugin_has_no_job_call_another(tmp_path: Path) -> None:
    async with hosting(tmp_path / "data") as (made, connect):
        terms = KeyTerms(plugins=["weather"])
        key = await made.host.keys.create("w", ["call"], "default", terms)
        async with connect(key.token) as client:
            mine = await client.post(call_of("weather", "v2"), json={}, headers=LATER)
            assert mine.status_code == 202, mine.text
            other = await client.post(call_of("stores", "v2"), json={}, headers=LATER)
            assert other.status_code == 403, other.text


async def test_a_key_for_one_plugin_has_to_do_with_the_jobs_of_that_one_alone(
    tmp_path: Path,
) -> None:
    async with hosting(tmp_path / "data") as (made, connect):
        keys = made.host.keys
        whole = await keys.create("w", ["call"], "default")
        limited = [
            await keys.create("w", scopes, "default", KeyTerms(plugins=["weather"]))
            for scopes in (["call"], ["call", "read"])
        ]
        async with connect(whole.token) as client:
            asked = [
                (await client.post(call_of(name, "v2"), json={}, headers=LATER)).json()["id"]
                for name in ("stores", "weather")
            ]
        other, theirs = asked
        for key in limited:
            async with connect(key.token) as client:
                mine = (await client.post(call_of("weather", "v2"), json={}, headers=LATER)).json()
                shown = (await client.get("/api/v2/jobs")).json()["jobs"]
                assert {each["plugin"] for each in shown} == {"weather"}
                assert {mine["id"], theirs} <= {each["id"] for each in shown}
                assert (await client.get("/api/v2/jobs?plugin=stores")).json()["jobs"] == []
                assert (await client.get(f"/api/v2/jobs/{mine['id']}")).status_code == 200
                for method, path in (
                    ("GET", ""),
                    ("GET", "?wait=1"),
                    ("GET", "/result"),
                    ("GET", "/stream"),
                    ("DELETE", ""),
                ):
                    gone = await client.request(method, f"/api/v2/jobs/{other}{path}")
                    assert gone.status_code == 404, (method, path, gone.text)
                ended = await client.delete(f"/api/v2/jobs/{mine['id']}")
                assert ended.json()["state"] == "cancelled"
        async with connect(whole.token) as client:
            assert (await client.get(f"/api/v2/jobs/{other}")).json()["state"] == "queued"


async def test_a_key_for_one_plugin_batches_calls_of_that_one_alone(tmp_path: Path) -> None:
    async with hosting(tmp_path / "data") as (made, connect):
        terms = KeyTerms(plugins=["weather"])
        key = await made.host.keys.create("w", ["call"], "default", terms)
        calls = [{"plugin": name, "function": "run"} for name in ("weather", "stores", "none")]
        async with connect(key.token) as client:
            answer = await client.post("/api/v2/batch", json={"calls": calls})
        assert answer.status_code == 200, answer.text
        mine, *others = answer.json()["outcomes"]
        assert "problem" not in mine
        # Nor does it learn which others there are.
        assert [each["problem"]["type"].rpartition("/")[2] for each in others] == ["forbidden"] * 2
        assert len(made.executor.jobs) == 1


async def test_a_job_runs_with_its_key_s_plugins_as_they_are_then(tmp_path: Path) -> None:
    async with hosting(tmp_path / "data") as (made, _):
        terms = KeyTerms(plugins=["weather"])
        key = await made.host.keys.create("w", ["call"], "default", terms)
        jobbing = jobbing_of(made.parts)
        async with jobbing.kept():
            # As if it had been queued before its key's plugins were looked at.
            asked = order(key_id=key.id, subject="w", scopes=None)
            view = await jobbing.jobs.submit(asked)
            ended = await jobbing.jobs.wait(view.id, seconds=30)
        assert (ended.state, ended.error) == ("failed", "forbidden")
        assert not made.executor.jobs


async def test_one_key_cannot_fill_the_queue_of_jobs_for_the_others(tmp_path: Path) -> None:
    async with hosting(tmp_path / "data", job_waiting_max=4) as (made, connect):
        greedy, other = [
            await made.host.keys.create(name, ["call"], "default") for name in ("greedy", "other")
        ]

        async def asked(token: str) -> int:
            async with connect(token) as client:
                answer = await client.post(call_of("stores", "v2"), json={}, headers=LATER)
                return answer.status_code

        assert [await asked(greedy.token) for _ in range(3)] == [202, 202, 429]
        assert [await asked(other.token) for _ in range(2)] == [202, 202]


async def test_a_plugin_cannot_require_a_scope_that_reads_as_another_plugin(
    tmp_path: Path,
) -> None:
    async with hosting(tmp_path / "data") as (made, _):
        await made.host.install(requiring("hostile", "plugin:stores"))
        with pytest.raises(InvalidArguments, match="plugin:stores"):
            await made.host.keys.create(
                "h", ["call", "plugin:stores"], "default", KeyTerms(plugins=["hostile"])
            )


async def test_a_key_for_one_plugin_learns_nothing_of_another_s_paths(tmp_path: Path) -> None:
    async with hosting(tmp_path / "data") as (made, connect):
        await made.host.install(package("pathed", more=PATHS))
        whole = await made.host.keys.create("all", ["call", "read"], "default")
        terms = KeyTerms(plugins=["weather"])
        key = await made.host.keys.create("w", ["call", "read"], "default", terms)
        async with connect(whole.token) as client:
            assert "/plugins/pathed/api/secret" in (await client.get("/openapi.json")).text
        async with connect(key.token) as client:
            assert "pathed" not in (await client.get("/openapi.json")).text
            for path in ("secret", "nothing"):
                there = f"/api/v1/plugins/pathed/api/{path}"
                for method in ("GET", "DELETE"):
                    answer = await client.request(method, there)
                    assert answer.status_code == 403, (method, path, answer.text)
            gone = await client.get("/api/v1/plugins/none/api/x")
            assert gone.status_code == 403, gone.text


async def test_what_is_sent_again_under_a_key_of_its_own_counts_as_a_request(
    tmp_path: Path,
) -> None:
    async with hosting(tmp_path / "data") as (made, connect):
        key = await made.host.keys.create("c", ["call"], "default", KeyTerms(rate="3/hour"))
        async with connect(key.token) as client:
            again = {"Idempotency-Key": "one"}
            answers = [
                await client.post(call_of("stores"), json={}, headers=again) for _ in range(4)
            ]
            assert [each.status_code for each in answers] == [200, 200, 200, 429]
            assert answers[1].headers["idempotency-replayed"] == "true"
            assert '"key";r=1' in answers[1].headers["ratelimit"]
            assert "retry-after" in answers[3].headers
        assert len(made.executor.jobs) == 1


async def test_a_flood_under_idempotency_keys_is_refused_before_the_database_is_asked(
    tmp_path: Path,
) -> None:
    async with hosting(tmp_path / "data") as (made, connect):
        key = await made.host.keys.create("c", ["call"], "default", KeyTerms(rate="1/hour"))
        begun = 0
        begin = made.host.idempotency.begin

        async def counted(asked: Any) -> Any:
            nonlocal begun
            begun += 1
            return await begin(asked)

        made.host.idempotency.begin = counted  # type: ignore[method-assign]
        async with connect(key.token) as client:
            for number in range(4):
                headers = {"Idempotency-Key": f"k{number}"}
                await client.post(call_of("stores"), json={}, headers=headers)
        assert begun == 1


async def test_a_batch_ends_when_its_key_is_revoked(tmp_path: Path) -> None:
    begun, going_on = asyncio.Event(), asyncio.Event()

    async def run(arguments: Mapping[str, Any], answer: Any) -> None:
        begun.set()
        await going_on.wait()

    async with hosting(tmp_path / "data", {"run": run}) as (made, connect):
        key = await made.host.keys.create("b", ["call"], "default")
        calls = [{"plugin": "stores", "function": "run"}] * 10
        async with connect(key.token) as client:
            asked = asyncio.create_task(client.post("/api/v2/batch", json={"calls": calls}))
            await begun.wait()
            await made.host.keys.revoke(key.id, "default")
            going_on.set()
            outcomes = (await asked).json()["outcomes"]
        made_calls = [each for each in outcomes if "result" in each]
        assert len(made_calls) == len(made.executor.jobs) < len(calls)
        assert {each["problem"]["type"] for each in outcomes if "problem" in each} == {
            outcomes[-1]["problem"]["type"]
        }
        assert "unauthenticated" in outcomes[-1]["problem"]["type"]


async def test_a_key_of_some_networks_rotates_none_that_is_for_more(tmp_path: Path) -> None:
    async with hosting(tmp_path / "data") as (made, _):
        settings = Settings(data_dir=tmp_path / "data")
        near = KeyTerms(networks=["127.0.0.0/8"])
        bound = await made.host.keys.create("bound", ["admin"], "default", near)
        free = await made.host.keys.create("free", ["admin"], "default")
        inner = await made.host.keys.create(
            "inner", ["read"], "default", KeyTerms(networks=["127.0.0.1/32"])
        )
        transport = httpx.ASGITransport(
            app=app_over(made.host, settings), client=("127.0.0.1", 4000)
        )
        headers = {"Authorization": f"Bearer {bound.token}"}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://host", headers=headers
        ) as client:
            for key, status in ((free, 403), (inner, 200), (bound, 200)):
                answer = await client.post(f"{KEYS}/{key.id}/rotate", json={})
                assert answer.status_code == status, answer.text
            gone = await client.post(f"{KEYS}/nothing/rotate", json={})
            assert gone.status_code == 404


@pytest.mark.parametrize("name", ["host", "plugin:stores", "webhook:x", "events", "schedule"])
async def test_no_key_goes_by_a_name_of_the_host_s_own(tmp_path: Path, name: str) -> None:
    async with (
        hosting(tmp_path / "data") as (made, connect),
        connect(made.host.bootstrap_token) as admin,
    ):
        answer = await admin.post(KEYS, json={"name": name, "scopes": ["admin"]})
        assert answer.status_code == 400, answer.text
        assert answer.json()["path"] == "name"


async def test_a_key_from_before_that_is_named_like_the_host_leaves_its_trace(
    tmp_path: Path,
) -> None:
    async with hosting(tmp_path / "data") as (made, connect):
        key = await made.host.keys.create("old", ["admin"], "default")
        async with made.parts.database.transaction() as connection:
            await KeyRepository(connection, "default").change(key.id, {"name": "host"})
        async with connect(key.token) as client:
            gone = await client.delete("/api/v1/plugins/weather")
            assert gone.is_success, gone.text
        entry = (await made.host.audit.page(limit=1)).entries[0]
        assert (entry.actor, entry.key_id, entry.layer) == ("host", key.id, "scope:admin")


async def test_a_package_is_not_read_of_a_key_that_may_install_nothing(tmp_path: Path) -> None:
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(8):
            read += 1
            yield b"x" * 65_536

    async with hosting(tmp_path / "data") as (made, connect):
        key = await made.host.keys.create("weak", ["call", "read"], "default")
        headers = {"Idempotency-Key": "one", "Content-Type": "application/zip"}
        async with connect(key.token) as client:
            answer = await client.post("/api/v1/plugins", content=body(), headers=headers)
        assert (answer.status_code, read) == (403, 0), answer.text
