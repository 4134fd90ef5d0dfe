"""A line in the log and a count for each request, without what was asked for."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import httpx
import pytest

from packages import KEY
from wardian.api.watching import CLIENT_GONE, Watching
from wardian.runtime.host import PluginHost
from wardian.telemetry import held

pytestmark = pytest.mark.anyio

CANARY = "canary-in-the-address"


@pytest.fixture
def lines(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> pytest.LogCaptureFixture:
    """What the log has of requests, each line written at once."""
    monkeypatch.setattr(held, "HELD_MAX", 1)
    caplog.set_level(logging.INFO, logger="wardian.access")
    return caplog


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    found: dict[str, Any] = record.__dict__["fields"]
    return found


async def test_a_request_is_a_line_with_its_route_and_whose_key_it_had(
    admin: httpx.AsyncClient, calculator: str, lines: pytest.LogCaptureFixture
) -> None:
    answer = await admin.post(
        f"/api/v1/plugins/{calculator}/functions/divide?{CANARY}={CANARY}",
        json={"arguments": {"a": 4, "b": 2}},
        headers={"X-Request-ID": "r-7", "Cookie": CANARY},
    )

    (line,) = lines.records
    told = fields_of(line)
    assert told["route"] == "/api/v1/plugins/{name}/functions/{function}"
    assert (told["method"], told["status"], told["key"]) == ("POST", 200, "bootstrap")
    assert told["bytes"] == len(answer.content)
    assert told["ms"] > 0
    assert line.__dict__["tenant"] == "default"
    assert line.__dict__["bound"].request_id == "r-7"
    assert line.getMessage().startswith("POST /api/v1/plugins/{name}/functions/{function} 200 in ")
    assert CANARY not in str(line.__dict__)
    assert KEY not in str(line.__dict__)


@pytest.mark.parametrize(
    ("path", "route", "status"),
    [
        (f"/{CANARY}", "unmatched", 404),
        (f"/api/v1/plugins/{CANARY}", "/api/v1/plugins/{name}", 401),
        (f"/api/v1/{CANARY}", "unmatched", 404),
        ("/healthz", "/healthz", 200),
    ],
)
async def test_a_strangers_request_is_a_line_without_a_key(
    stranger: httpx.AsyncClient,
    lines: pytest.LogCaptureFixture,
    path: str,
    route: str,
    status: int,
) -> None:
    await stranger.get(path, headers={"Authorization": f"Bearer wdn_{CANARY}"})

    (line,) = lines.records
    assert (fields_of(line)["route"], fields_of(line)["status"]) == (route, status)
    assert "key" not in fields_of(line)
    assert CANARY not in str(line.__dict__)


async def test_a_method_that_somebody_made_up_is_not_written_down(
    stranger: httpx.AsyncClient, lines: pytest.LogCaptureFixture
) -> None:
    await stranger.request(CANARY, "/healthz")

    (line,) = lines.records
    assert fields_of(line)["method"] == "other"
    assert CANARY not in line.getMessage()


async def test_requests_are_counted_by_route_and_status(
    admin: httpx.AsyncClient, host: PluginHost
) -> None:
    await admin.get("/api/v1/plugins/nobody")

    text = (await host.metrics()).decode()
    labels = 'method="GET",route="/api/v1/plugins/{name}"'
    assert f'wardian_http_server_requests_total{{{labels},status="404"}}' in text
    assert f'wardian_http_server_request_seconds_bucket{{le="60.0",{labels}}}' in text


async def watched(host: PluginHost, app: Any, *, logs: bool) -> None:
    class Application:
        state = type("State", (), {"host": host})

    async def receive() -> Any:
        raise AssertionError("nothing is read")

    async def send(message: Any) -> None:
        """Nobody listens."""

    scope = {
        "type": "http",
        "app": Application,
        "state": {"request_id": "r"},
        "method": "GET",
        "path": "/",
        "scheme": "http",
        "http_version": "1.1",
        "headers": [],
    }
    await Watching(app, logs=logs)(scope, receive, send)


async def test_a_request_whose_client_went_away_has_a_status_of_its_own(
    host: PluginHost, lines: pytest.LogCaptureFixture
) -> None:
    async def gone(scope: Any, receive: Any, send: Any) -> None:
        """The client has gone, and nothing is sent."""

    await watched(host, gone, logs=True)

    (line,) = lines.records
    assert fields_of(line)["status"] == CLIENT_GONE


async def test_a_request_that_is_cancelled_is_told_of_too(
    host: PluginHost, lines: pytest.LogCaptureFixture
) -> None:
    async def cancelled(scope: Any, receive: Any, send: Any) -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await watched(host, cancelled, logs=True)

    assert len(lines.records) == 1


async def test_the_lines_can_be_turned_off(
    host: PluginHost, lines: pytest.LogCaptureFixture
) -> None:
    async def answering(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})

    await watched(host, answering, logs=False)

    assert not lines.records


async def test_metrics_are_openmetrics_for_who_asks_for_it(admin: httpx.AsyncClient) -> None:
    answer = await admin.get("/metrics", headers={"Accept": "application/openmetrics-text"})

    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1")
    assert answer.text.endswith("# EOF\n")
