"""Health of plugins over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from guests import guest
from packages import package

pytestmark = pytest.mark.anyio

PLUGIN = "/api/v1/plugins/moody"
ZIP = {"Content-Type": "application/zip"}
MOOD = '[default_config]\nmood = "degraded"\n'


@pytest.fixture
async def moody(admin: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    content = package("moody", guest("moods"), MOOD)
    made = await admin.post("/api/v1/plugins", content=content, headers=ZIP)
    assert made.status_code == 201, made.text
    yield admin
    await admin.delete(PLUGIN)


async def test_a_check_answers_what_it_found_and_what_follows(moody: httpx.AsyncClient) -> None:
    first = await moody.post(f"{PLUGIN}/health")
    assert first.status_code == 200, first.text
    found = first.json()
    reason = "its health check answered degraded: the disk is full"
    assert found["last_check"]
    del found["last_check"]
    assert found == {
        "status": "degraded",
        "detail": "the disk is full",
        "failures": 0,
        "state": "degraded",
        "state_reason": reason,
    }
    view = (await moody.get(PLUGIN)).json()
    assert (view["state"], view["state_reason"]) == ("degraded", reason)
    assert view["health"]["status"] == "degraded"

    await moody.put(f"{PLUGIN}/config", json={"mood": "healthy"})
    second = (await moody.post(f"{PLUGIN}/health")).json()
    assert (second["status"], second["state"]) == ("healthy", "active")


async def test_calls_are_in_the_statistics_at_once_and_checks_are_not(
    moody: httpx.AsyncClient,
) -> None:
    await moody.post(f"{PLUGIN}/functions/fine", json={})
    await moody.post(f"{PLUGIN}/functions/fail", json={})
    await moody.post(f"{PLUGIN}/health")

    statistics = (await moody.get(PLUGIN)).json()["statistics"]

    assert (statistics["total_requests"], statistics["error_count"]) == (2, 1)
    assert statistics["success_rate"] == 0.5
    assert statistics["avg_response_time"] > 0
    listed = (await moody.get("/api/v1/plugins")).json()
    assert [each["statistics"] for each in listed if each["name"] == "moody"] == [statistics]


async def test_what_has_no_health_or_takes_no_calls_is_refused(
    moody: httpx.AsyncClient, stranger: httpx.AsyncClient, calculator: str
) -> None:
    without = await moody.post(f"/api/v1/plugins/{calculator}/health")
    assert (without.status_code, without.json()["type"]) == (404, "/problems/not-found")
    await moody.post(f"{PLUGIN}/disable")
    disabled = await moody.post(f"{PLUGIN}/health")
    assert (disabled.status_code, disabled.json()["type"]) == (409, "/problems/conflict")
    assert (await stranger.post(f"{PLUGIN}/health")).status_code == 401
