"""What plugins keep, over HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from guests import guest
from packages import package
from wardian.api.downloads import AT_ONCE, Downloads
from wardian.runtime.host import PluginHost
from wardian.settings import Settings
from wardian.tenants import Scope

pytestmark = pytest.mark.anyio

Connect = Callable[[str | None], httpx.AsyncClient]

PLUGIN = "/api/v1/plugins/keeper"
ASKING = """
[[permissions]]
permission = "kv:read"
reason = "Reads what it keeps."

[[permissions]]
permission = "kv:write"
reason = "Keeps what it is given."
"""


@pytest.fixture
async def keeper(host: PluginHost, admin: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a host where a plugin keeps something."""
    await host.install(package("keeper", guest("compartments"), ASKING), grants="all")
    for namespace, key, value in (
        ("a", "x/1", "one"),
        ("a", "x/2", "two\u2028"),
        ("b", "x/1", "b"),
    ):
        arguments = {"namespace": namespace, "key": key, "value": value}
        answer = await admin.post(f"{PLUGIN}/functions/put", json={"arguments": arguments})
        assert answer.status_code == 200, answer.text
    yield admin
    await host.uninstall("keeper")


async def test_a_store_is_looked_at_exported_and_cleared(keeper: httpx.AsyncClient) -> None:
    store = (await keeper.get(f"{PLUGIN}/kv")).json()
    assert [(each["name"], each["keys"]) for each in store["namespaces"]] == [
        ("", 0),
        ("a", 2),
        ("b", 1),
    ]
    assert store["used_keys"] == 3

    where = {"namespace": "a", "prefix": "x/", "limit": 1}
    page = (await keeper.get(f"{PLUGIN}/kv/keys", params=where)).json()
    assert ([each["key"] for each in page["keys"]], page["next"]) == (["x/1"], "x/1")
    after = (await keeper.get(f"{PLUGIN}/kv/keys", params={**where, "after": "x/1"})).json()
    assert ([each["key"] for each in after["keys"]], after["next"]) == (["x/2"], None)

    one = {"namespace": "a", "key": "x/2"}
    entry = (await keeper.get(f"{PLUGIN}/kv/entry", params=one)).json()
    assert (entry["value"], entry["redacted"]) == ("two\u2028", False)

    export = await keeper.get(f"{PLUGIN}/kv/export")
    assert export.headers["content-type"] == "application/x-ndjson"
    assert int(export.headers["content-length"]) == len(export.content)
    lines = [json.loads(line) for line in export.content.split(b"\n")[:-1]]
    assert [(each["namespace"], each["key"]) for each in lines] == [
        ("a", "x/1"),
        ("a", "x/2"),
        ("b", "x/1"),
    ]

    done = await keeper.post(f"{PLUGIN}/kv/clear", json={"namespace": "a"})
    assert done.json() == {"plugin": "keeper", "removed": 2}
    assert (await keeper.post(f"{PLUGIN}/kv/clear", json={"all": True})).json()["removed"] == 1
    assert (await keeper.get(f"{PLUGIN}/kv/export")).content == b""


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"all": False},
        {"prefix": ""},
        {"all": True, "prefix": "x"},
        {"namespace": "a b"},
        {"al": 1},
    ],
)
async def test_what_to_clear_has_to_be_said(keeper: httpx.AsyncClient, body: Any) -> None:
    answer = await keeper.post(f"{PLUGIN}/kv/clear", json=body)

    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/invalid-arguments")
    assert (await keeper.get(f"{PLUGIN}/kv")).json()["used_keys"] == 3


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/kv/keys?limit=0", 400),
        ("/kv/keys?limit=1001", 400),
        ("/kv/keys?namespace=a%20b", 400),
        ("/kv/entry", 400),
        ("/kv/entry?key=nothing", 404),
        ("/kv/entry?key=x/1", 404),
        ("/kv/export?namespace=%2E%2E", 400),
    ],
)
async def test_what_is_asked_wrongly_is_told(
    keeper: httpx.AsyncClient, path: str, status: int
) -> None:
    assert (await keeper.get(PLUGIN + path)).status_code == status


GETS = ("/kv", "/kv/keys", "/kv/entry?key=x/1&namespace=a", "/kv/export")


async def test_looking_inside_takes_an_administrator(
    keeper: httpx.AsyncClient, host: PluginHost, connect: Connect
) -> None:
    for scope, may in ((Scope.READ, [200, 403, 403, 403]), (Scope.CALL, [403] * 4)):
        token = (await host.keys.create(f"only-{scope}", [scope], "default")).token
        async with connect(token) as client:
            assert [(await client.get(PLUGIN + path)).status_code for path in GETS] == may
            cleared = await client.post(f"{PLUGIN}/kv/clear", json={"all": True})
            assert cleared.status_code == 403
    async with connect(None) as nobody:
        assert [(await nobody.get(PLUGIN + path)).status_code for path in GETS] == [401] * 4


async def test_another_tenants_administrator_finds_no_such_plugin(
    keeper: httpx.AsyncClient, host: PluginHost, connect: Connect
) -> None:
    await host.tenants.create("neighbours")
    token = (await host.keys.create("theirs", [Scope.ADMIN], "neighbours")).token
    async with connect(token) as client:
        answers = [await client.get(PLUGIN + path) for path in GETS]
        answers.append(await client.post(f"{PLUGIN}/kv/clear", json={"all": True}))

    assert {(each.status_code, each.json()["type"]) for each in answers} == {
        (404, "/problems/not-found")
    }
    assert (await keeper.get(f"{PLUGIN}/kv")).json()["used_keys"] == 3


async def test_a_tenant_has_so_many_downloads_at_once_and_leaves_no_file(
    keeper: httpx.AsyncClient, settings: Settings
) -> None:
    downloads: Downloads = keeper._transport.app.state.downloads  # type: ignore[attr-defined]
    before = set(settings.data_dir.rglob("*"))
    with ExitStack() as others:
        for _ in range(AT_ONCE):
            others.enter_context(downloads.opened("default"))
        refused = await keeper.get(f"{PLUGIN}/kv/export")
    for _ in range(AT_ONCE + 1):
        assert (await keeper.get(f"{PLUGIN}/kv/export")).status_code == 200
        assert (await keeper.get("/api/v1/plugins/nothing/kv/export")).status_code == 404

    assert (refused.status_code, refused.json()["type"]) == (429, "/problems/rate-limited")
    assert {path for path in settings.data_dir.rglob("*") if path not in before} == set()
