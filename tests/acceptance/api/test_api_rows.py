"""What plugins keep beside rows, over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from apis import Connect
from guests import guest
from packages import package
from wardian.runtime.host import PluginHost

pytestmark = pytest.mark.anyio

PLUGIN = "/api/v1/plugins/teller"
ANN = f"{PLUGIN}/rows/users/ann%2Fsmith"
ASKING = """
[[row_data]]
kind = "users"
data_schema = { type = "object", properties = { plan = { type = "string" } } }

[[row_data]]
kind = "keys"
data_schema = { type = "object" }
"""


@pytest.fixture(scope="module")
async def app(host: PluginHost, connect: Connect) -> AsyncIterator[httpx.AsyncClient]:
    await host.install(package("teller", guest("calculator"), ASKING))
    made = await host.keys.create("app", ["call", "read"], "default")
    async with connect(made.token) as client:
        yield client
    await host.uninstall("teller")


async def test_a_host_app_keeps_data_beside_its_own_rows(app: httpx.AsyncClient) -> None:
    put = await app.put(ANN, json={"data": {"plan": "paid"}}, headers={"If-None-Match": "*"})
    assert (put.status_code, put.headers["etag"]) == (200, '"1"')
    assert put.json()["row"] == "ann/smith"

    got = await app.get(ANN)
    assert got.json()["data"] == {"plan": "paid"}
    same = await app.put(
        ANN, json={"data": {"plan": "free"}}, headers={"If-Match": got.headers["etag"]}
    )
    assert (same.status_code, same.headers["etag"]) == (200, '"2"')
    stale = await app.put(ANN, json={"data": {}}, headers={"If-Match": '"9"'})
    assert (stale.status_code, stale.json()["type"]) == (409, "/problems/conflict")
    again = await app.put(ANN, json={"data": {}}, headers={"If-None-Match": "*"})
    assert again.status_code == 409
    wrong = await app.put(ANN, json={"data": {"plan": 7}})
    assert (wrong.status_code, wrong.json()["path"]) == (400, "plan")

    kinds = (await app.get(f"{PLUGIN}/rows")).json()
    assert [(each["kind"], each["rows"]) for each in kinds] == [("users", 1), ("keys", 0)]
    page = (await app.get(f"{PLUGIN}/rows/users")).json()
    assert [each["row"] for each in page["rows"]] == ["ann/smith"]
    beside = (await app.get("/api/v1/rows/users/ann%2Fsmith")).json()
    assert [each["plugin"] for each in beside] == ["teller"]
    gone = await app.delete("/api/v1/rows/users/ann%2Fsmith")
    assert gone.json() == {"removed": 1}
    assert (await app.get(ANN)).status_code == 404


async def test_beside_the_hosts_own_rows_only_an_administrator_writes(
    host: PluginHost, app: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    key = (await admin.get("/api/v1/keys")).json()[0]["id"]
    path = f"{PLUGIN}/rows/keys/{key}"

    assert (await app.put(path, json={"data": {}})).status_code == 403
    assert (await app.delete(f"/api/v1/rows/keys/{key}")).status_code == 403
    assert (await admin.put(path, json={"data": {"a": 1}})).status_code == 200
    assert (await app.get(path)).json()["data"] == {"a": 1}
    assert (await admin.delete(path, headers={"If-Match": '"1"'})).status_code == 204
    assert (await admin.post(f"{PLUGIN}/rows/migrate")).json() == []


@pytest.mark.parametrize(
    ("headers", "at"),
    [
        ({"If-Match": "1"}, "header.If-Match"),
        ({"If-Match": '"a"'}, "header.If-Match"),
        ({"If-Match": '"1", "2"'}, "header.If-Match"),
        ({"If-None-Match": '"1"'}, "header.If-None-Match"),
        ({"If-None-Match": "*", "If-Match": '"1"'}, "header.If-None-Match"),
    ],
)
async def test_a_condition_that_cannot_be_is_refused(
    app: httpx.AsyncClient, headers: dict[str, str], at: str
) -> None:
    answer = await app.put(ANN, json={"data": {}}, headers=headers)
    assert (answer.status_code, answer.json()["path"]) == (400, at)
