"""Schedules over HTTP: listed, paused, resumed, run; and who may."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from guests import guest
from packages import package
from wardian.runtime.host import PluginHost

pytestmark = pytest.mark.anyio

Connect = Callable[[str | None], httpx.AsyncClient]

SCHEDULES = "/api/v1/schedules"

LINES = """
[[schedule]]
name = "adds"
cron = "0 8 * * MON-FRI"
timezone = "Europe/Berlin"
missed = "run-once"
function = "add"
arguments = { a = 2, b = 3 }
description = "Adds in the morning."

[[schedule]]
name = "divides"
every = "1d"
function = "divide"
arguments = { a = 1, b = 0 }
"""


@pytest.fixture
async def adding(host: PluginHost) -> AsyncIterator[str]:
    await host.install(package("adding", guest("calculator"), LINES))
    async with asyncio.timeout(30):  # it is planned as soon as the scheduler hears of it
        while (await host.schedules.find("adding", "adds")).next_run is None:
            await asyncio.sleep(0.01)
    yield f"{SCHEDULES}/adding/adds"
    await host.uninstall("adding")


async def test_a_schedule_is_listed_and_shown_with_the_plugin(
    admin: httpx.AsyncClient, adding: str
) -> None:
    listed = (await admin.get(SCHEDULES, params={"plugin": "adding"})).json()
    shown = (await admin.get(adding)).json()
    plugin = (await admin.get("/api/v1/plugins/adding")).json()

    assert [each["name"] for each in listed] == ["adds", "divides"]
    assert listed[0] == shown
    assert (shown["cron"], shown["timezone"], shown["missed"]) == (
        "0 8 * * MON-FRI", "Europe/Berlin", "run-once",
    )  # fmt: skip
    assert shown["last_run"] is None
    assert plugin["schedules"][0] == {
        "name": "adds",
        "when": "0 8 * * MON-FRI Europe/Berlin",
        "missed": "run-once",
        "does": "call add",
        "description": "Adds in the morning.",
    }


async def test_a_schedule_is_run_now_and_its_run_can_be_looked_at(
    admin: httpx.AsyncClient, adding: str
) -> None:
    ran = (await admin.post(f"{adding}/run")).json()

    page = (await admin.get(f"{adding}/runs")).json()
    assert (ran["state"], ran["cause"], ran["tick"]) == ("done", "operator", None)
    assert page == {"runs": [ran], "next": None}
    assert (await admin.get(adding)).json()["last_run"] == ran


async def test_a_schedule_is_paused_and_resumed(admin: httpx.AsyncClient, adding: str) -> None:
    paused = (await admin.post(f"{adding}/pause")).json()
    resumed = (await admin.post(f"{adding}/resume")).json()

    assert (paused["state"], paused["next_run"]) == ("paused", None)
    assert resumed["state"] == "waiting"
    assert resumed["next_run"] is not None


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/nothing/adds", 404, "not-found"),
        ("GET", "/adding/nothing/runs", 404, "not-found"),
        ("POST", "/adding/nothing/run", 404, "not-found"),
        ("POST", "/adding/nothing/pause", 404, "not-found"),
        ("GET", "/adding/adds/runs?limit=0", 400, "invalid-arguments"),
        ("GET", "/adding/adds/runs?limit=101", 400, "invalid-arguments"),
    ],
)
async def test_what_is_not_there_is_refused(
    admin: httpx.AsyncClient, adding: str, method: str, path: str, status: int, kind: str
) -> None:
    answer = await admin.request(method, f"{SCHEDULES}{path}")

    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (status, kind)


async def test_only_administrators_change_schedules(
    host: PluginHost, connect: Connect, stranger: httpx.AsyncClient, adding: str
) -> None:
    reader = await host.keys.create("reads", ["read"], "default")
    async with connect(reader.token) as client:
        assert (await client.get(f"{adding}/runs")).status_code == 200
        for verb in ("pause", "resume", "run"):
            assert (await client.post(f"{adding}/{verb}")).status_code == 403
    assert (await stranger.get(SCHEDULES)).status_code == 401


async def test_another_tenant_sees_nothing_of_it(
    host: PluginHost, connect: Connect, adding: str
) -> None:
    await host.tenants.create("schedules-of-others")
    key = await host.keys.create("admin", ["admin"], "schedules-of-others")
    async with connect(key.token) as client:
        assert (await client.get(SCHEDULES)).json() == []
        for verb in ("pause", "resume", "run"):
            assert (await client.post(f"{adding}/{verb}")).status_code == 404
