"""Configurations over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from configurable import CANARY, MAPS, WEATHER, configurable
from guests import guest
from wardian.runtime.host import PluginHost

pytestmark = pytest.mark.anyio

CONFIG = "/api/v1/plugins/weather/config"
TENANT = "/api/v1/config"
DEFAULTS = {"units": "metric", "limits": {"daily": 10}}


@pytest.fixture
async def client(host: PluginHost, admin: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    for manifest in (WEATHER, MAPS):
        await host.install(configurable(manifest, guest("memory")))
    yield admin
    for name in ("weather", "maps"):
        await host.uninstall(name)
    for layer in ("user", "runtime", "environment"):
        assert (await admin.put(TENANT, params={"layer": layer}, json={})).status_code == 200


async def test_a_configuration_is_read_whole_by_key_and_by_layer(client: httpx.AsyncClient) -> None:
    put = await client.put(CONFIG, params={"layer": "runtime"}, json={"units": "imperial"})
    assert (put.status_code, put.json()) == (200, {**DEFAULTS, "units": "imperial"})
    assert put.headers["etag"] == '"1"'

    assert (await client.get(CONFIG)).json() == put.json()
    assert (await client.get(CONFIG, params={"key": "limits.daily"})).json() == 10
    assert (await client.get(CONFIG, params={"layer": "runtime"})).json() == {"units": "imperial"}
    assert (await client.get(CONFIG, params={"layer": "user"})).json() == {}
    missing = await client.get(CONFIG, params={"key": "region"})
    assert (missing.status_code, missing.json()["type"]) == (404, "/problems/not-found")
    for wrong in ({"layer": "nothing"}, {"environment": "staging"}, {"layer": "defaults"}):
        assert (await client.get(CONFIG, params=wrong)).status_code in (400, 422), wrong


async def test_values_are_set_and_taken_away_and_others_stay(client: httpx.AsyncClient) -> None:
    body = {"set": {"limits.daily": 5, "region": "eu"}}
    assert (await client.patch(CONFIG, json=body)).json()["limits"] == {"daily": 5}
    answer = await client.patch(CONFIG, json={"unset": ["limits.daily"], "set": {"region": "us"}})
    assert answer.json() == {**DEFAULTS, "region": "us"}

    bad = await client.patch(CONFIG, json={"set": {"limits.daily": "many"}})
    assert (bad.status_code, bad.json()["path"]) == (400, "limits.daily")
    secret = await client.patch(CONFIG, json={"set": {"token": CANARY}})
    assert (secret.status_code, secret.json()["path"]) == (400, "token")
    assert "wardian credential set" in secret.json()["detail"]
    assert CANARY not in secret.text
    for body in ({}, {"sets": {}}, {"set": []}, {"unset": "region"}):
        assert (await client.patch(CONFIG, json=body)).status_code == 400, body
    assert (await client.patch(CONFIG, json={"unset": ["names"]})).status_code == 404
    assert (await client.get(CONFIG)).json() == {**DEFAULTS, "region": "us"}


async def test_what_somebody_else_changed_meanwhile_is_not_overwritten(
    client: httpx.AsyncClient,
) -> None:
    tag = (await client.get(CONFIG)).headers["etag"]
    first = await client.put(CONFIG, headers={"If-Match": tag}, json={"region": "eu"})
    second = await client.put(CONFIG, headers={"If-Match": tag}, json={"region": "us"})

    assert (first.status_code, second.status_code) == (200, 409)
    assert second.json()["type"] == "/problems/conflict"
    again = {"If-Match": first.headers["etag"]}
    assert (await client.patch(CONFIG, headers=again, json={"set": {"region": "us"}})).is_success
    for wrong in ("1", 'W/"1"', "*", '"x"', '""'):
        refused = await client.put(CONFIG, headers={"If-Match": wrong}, json={})
        assert (refused.status_code, refused.json()["path"]) == (400, "header.If-Match")


async def test_a_parameter_that_there_is_not_is_refused(client: httpx.AsyncClient) -> None:
    for method, path, body in (
        ("PUT", CONFIG, {"region": "eu"}),
        ("PATCH", TENANT, {"set": {"region": "eu"}}),
        ("POST", f"{CONFIG}/validate", {"set": {"region": "eu"}}),
        ("POST", f"{TENANT}/reload", None),
    ):
        refused = await client.request(method, path, params={"dry-run": "1"}, json=body)
        assert (refused.status_code, refused.json()["path"]) == (400, "query.dry-run")
    known = await client.put(
        CONFIG, params={"layer": "environment", "environment": "staging", "note": "x"}, json={}
    )
    assert known.status_code == 200


async def test_a_change_is_judged_explained_listed_and_taken_back(
    client: httpx.AsyncClient,
) -> None:
    judged = (await client.post(f"{CONFIG}/validate", json={"values": {"units": "k"}})).json()
    assert not judged["valid"]
    assert [(each["plugin"], each["path"]) for each in judged["faults"]] == [("weather", "units")]
    await client.patch(CONFIG, params={"note": "more"}, json={"set": {"limits.daily": 20}})
    await client.put(CONFIG, json={"region": "eu"})

    explained = (await client.get(f"{CONFIG}/explain")).json()
    region = explained["values"][1]
    assert (region["key"], region["layer"], region["set_by"]) == ("region", "user", "bootstrap")
    assert (explained["environment"], explained["version"]) == ("production", 2)
    page = (await client.get(f"{CONFIG}/history", params={"limit": 1})).json()
    older = (
        await client.get(f"{CONFIG}/history", params={"limit": 5, "before": page["next"]})
    ).json()
    (first,) = older["entries"]
    assert first["note"] == "more"
    assert first["changes"] == [{"path": ["limits", "daily"], "key": "limits.daily", "after": 20}]
    back = await client.post(f"{CONFIG}/revert", json={"to": first["id"]})
    assert back.json() == {"units": "metric", "limits": {"daily": 20}}
    assert (await client.post(f"{CONFIG}/revert", json={"to": 99_999})).status_code == 404


async def test_tenant_wide_values_are_changed_beside(client: httpx.AsyncClient) -> None:
    assert (await client.patch(TENANT, json={"set": {"region": "eu"}})).json() == {"region": "eu"}
    assert (await client.get(TENANT, params={"key": "region"})).json() == "eu"
    assert (await client.get(CONFIG)).json()["region"] == "eu"
    refused = await client.put(TENANT, json={"region": "e"})
    assert (refused.status_code, refused.json()["path"]) == (400, "region")
    assert "maps" in refused.json()["detail"]
    judged = (await client.post(f"{TENANT}/validate", json={"set": {"region": "us"}})).json()
    assert (judged["valid"], judged["plugins"]) == (True, ["maps", "weather"])
    assert (await client.get(f"{TENANT}/explain")).json()["values"][0]["key"] == "region"
    (entry,) = (await client.get(f"{TENANT}/history", params={"limit": 1})).json()["entries"]
    assert (await client.post(f"{TENANT}/revert", json={"to": entry["id"]})).status_code == 200
    report = (await client.post(f"{TENANT}/reload")).json()
    assert (report["file"], report["faults"]) == (None, [])


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", CONFIG),
        ("PATCH", CONFIG),
        ("POST", f"{CONFIG}/revert"),
        ("PUT", TENANT),
        ("PATCH", TENANT),
        ("POST", f"{TENANT}/revert"),
        ("POST", f"{TENANT}/reload"),
    ],
)
async def test_changes_take_an_administrator(
    host: PluginHost, client: httpx.AsyncClient, method: str, path: str
) -> None:
    key = (await client.post("/api/v1/keys", json={"name": "reader", "scopes": ["read"]})).json()
    reading = {"Authorization": f"Bearer {key['token']}"}

    assert (await client.request(method, path, headers=reading, json={})).status_code == 403
    assert (await client.get(CONFIG, headers=reading)).status_code == 200
    assert (await client.get(f"{CONFIG}/explain", headers=reading)).status_code == 200
