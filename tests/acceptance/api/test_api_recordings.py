"""Recordings over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import msgspec
import pytest

from guests import echo, guest
from packages import package
from wardian.runtime.host import PluginHost
from wardian.runtime.recorded import read_recording
from wardian.sandbox.types import Primitive

pytestmark = pytest.mark.anyio

Connect = Callable[[str | None], httpx.AsyncClient]

PLUGIN = "/api/v1/plugins/recorded"


@pytest.fixture
async def recorded(host: PluginHost, admin: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    await host.install(package("recorded", guest("calculator")))
    answer = await admin.put(f"{PLUGIN}/recording", json={"calls": 3})
    assert answer.json() == {
        "plugin": "recorded",
        "calls": 3,
        "kept": 0,
        "size_bytes": 0,
        "dropped": {},
    }
    yield admin
    await host.uninstall("recorded")


async def divide(client: httpx.AsyncClient, a: int, b: int) -> str:
    answer = await client.post(f"{PLUGIN}/functions/divide", json={"arguments": {"a": a, "b": b}})
    identity: str = answer.json()["call_id"]
    return identity


async def test_calls_are_recorded_listed_shown_run_again_and_removed(
    recorded: httpx.AsyncClient,
) -> None:
    ids = [await divide(recorded, 6, 3), await divide(recorded, 6, 0)]

    page = (await recorded.get(f"{PLUGIN}/recordings")).json()
    assert [each["call_id"] for each in page["recordings"]] == ids[::-1]
    assert (page["calls"], page["kept"], page["next"]) == (3, 2, None)
    assert [each["outcome"] for each in page["recordings"]][1] == "ok"

    shown = (await recorded.get(f"/api/v1/recordings/{ids[0]}")).json()
    assert (shown["arguments"], shown["result"]) == ({"a": 6, "b": 3}, 2)

    for identity in ids:
        outcome = (await recorded.post(f"/api/v1/recordings/{identity}/replay")).json()
        assert (outcome["call_id"], outcome["same"], outcome["differences"]) == (identity, True, [])

    assert (await recorded.delete(f"{PLUGIN}/recordings")).json() == {"removed": 2}
    assert (await recorded.get(f"/api/v1/recordings/{ids[0]}")).status_code == 404


async def test_pages_go_on_where_the_last_one_ended(recorded: httpx.AsyncClient) -> None:
    ids = [await divide(recorded, 6, number) for number in (1, 2, 3)]

    first = (await recorded.get(f"{PLUGIN}/recordings", params={"limit": 2})).json()
    rest = await recorded.get(f"{PLUGIN}/recordings", params={"before": first["next"]})
    found = first["recordings"] + rest.json()["recordings"]
    assert [each["call_id"] for each in found] == ids[::-1]
    assert rest.json()["next"] is None

    for query in ({"limit": 0}, {"limit": 101}, {"before": "x"}):
        assert (await recorded.get(f"{PLUGIN}/recordings", params=query)).status_code == 400


async def test_an_export_is_the_recording_itself(
    recorded: httpx.AsyncClient, host: PluginHost
) -> None:
    await host.install(package("floats", echo(Primitive("f64"))))
    await recorded.put("/api/v1/plugins/floats/recording", json={"calls": 1})
    answer = await recorded.post(
        "/api/v1/plugins/floats/functions/echo", json={"arguments": {"values": ["NaN", 1]}}
    )
    identity = answer.json()["call_id"]

    exported = await recorded.get(f"/api/v1/recordings/{identity}/export")
    shown = await recorded.get(f"/api/v1/recordings/{identity}")
    await host.uninstall("floats")

    assert exported.headers["content-type"] == "application/vnd.wardian.recording"
    assert repr(read_recording(exported.content).result) == "[nan, 1.0]"
    assert shown.json()["result"] == ["NaN", 1.0]


async def test_a_secret_is_in_no_answer(recorded: httpx.AsyncClient, host: PluginHost) -> None:
    await host.install(package("texts", echo(Primitive("string"))))
    await recorded.put("/api/v1/plugins/texts/recording", json={"calls": 1})
    answer = await recorded.post(
        "/api/v1/plugins/texts/functions/echo",
        json={"arguments": {"values": ['{"password": "canary-1"}', "canary-1 again"]}},
    )
    identity = answer.json()["call_id"]
    assert "canary" in answer.text

    for path in ("", "/export"):
        found = await recorded.get(f"/api/v1/recordings/{identity}{path}")
        assert found.status_code == 200
        assert b"canary" not in found.content
    outcome = await recorded.post(f"/api/v1/recordings/{identity}/replay")
    await host.uninstall("texts")
    assert outcome.json()["same"]
    assert "canary" not in outcome.text


@pytest.mark.parametrize(
    ("body", "path"),
    [({"calls": -1}, "calls"), ({"calls": 101}, "calls"), ({"calls": "3"}, "calls"), ({}, None)],
)
async def test_a_number_that_cannot_be_is_refused(
    recorded: httpx.AsyncClient, body: dict[str, Any], path: str | None
) -> None:
    answer = await recorded.put(f"{PLUGIN}/recording", json=body)

    assert answer.status_code == 400
    assert answer.json().get("path") == path


async def test_whoever_may_only_call_or_read_sees_no_recording(
    recorded: httpx.AsyncClient, host: PluginHost, connect: Connect
) -> None:
    identity = await divide(recorded, 6, 3)
    key = await host.keys.create("app", ["call", "read"], "default", actor="test")

    async with connect(key.token) as app:
        assert (await app.get(f"{PLUGIN}/recordings")).status_code == 200
        for method, path in (
            ("GET", f"/api/v1/recordings/{identity}"),
            ("GET", f"/api/v1/recordings/{identity}/export"),
            ("POST", f"/api/v1/recordings/{identity}/replay"),
            ("PUT", f"{PLUGIN}/recording"),
            ("DELETE", f"{PLUGIN}/recordings"),
        ):
            assert (await app.request(method, path)).status_code == 403, path


async def test_another_tenant_finds_nothing(
    recorded: httpx.AsyncClient, host: PluginHost, connect: Connect
) -> None:
    identity = await divide(recorded, 6, 3)
    await host.tenants.create("elsewhere", actor="test")
    key = await host.keys.create("root", ["admin"], "elsewhere", actor="test")

    async with connect(key.token) as other:
        for method, path in (
            ("GET", f"/api/v1/recordings/{identity}"),
            ("GET", f"/api/v1/recordings/{identity}/export"),
            ("POST", f"/api/v1/recordings/{identity}/replay"),
            ("GET", f"{PLUGIN}/recordings"),
            ("DELETE", f"{PLUGIN}/recordings"),
        ):
            answer = await other.request(method, path)
            assert answer.status_code == 404, path
            assert msgspec.json.decode(answer.content)["type"] == "/problems/not-found"


async def test_a_version_that_is_not_kept_is_not_found(recorded: httpx.AsyncClient) -> None:
    identity = await divide(recorded, 6, 3)
    path = f"/api/v1/recordings/{identity}/replay"

    assert (await recorded.post(path, json={"version": "1.0.0"})).json()["version"] == "1.0.0"
    refused = await recorded.post(path, json={"version": "7.0.0"})
    assert refused.status_code == 404
    assert "1.0.0" in refused.json()["detail"]
