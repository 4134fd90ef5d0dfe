"""What every request passes, over a real socket where the socket matters."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import msgspec
import pytest

from packages import KEY
from wardian.api import problems
from wardian.api.app import app_over
from wardian.api.v1 import functions
from wardian.errors import GuestError, Overloaded, Trap, WardianError
from wardian.policy.usage import Usage
from wardian.runtime.host import PluginHost
from wardian.sandbox import to_json
from wardian.settings import Settings
from wardian.telemetry import Telemetry
from wardian.tenants import Caller, RatePolicy, Rates, Scope
from wardian.tenants.rates import Rate

pytestmark = pytest.mark.anyio

CALL = "/api/v1/plugins/p/functions/f"
Address = tuple[str, int]


@asynccontextmanager
async def connection(
    address: Address,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(*address)
    try:
        yield reader, writer
    finally:
        writer.close()


def request(method: str, path: str, *headers: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: host", f"Authorization: Bearer {KEY}", *headers]
    return "\r\n".join([*lines, "", ""]).encode()


async def answer_of(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], Any]:
    """Read one answer, up to the end of the connection or of its declared length."""
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)).decode()
    first, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    body = await asyncio.wait_for(reader.readexactly(int(headers["content-length"])), 10)
    return int(first.split()[1]), headers, msgspec.json.decode(body)


async def send_for_ever(writer: asyncio.StreamWriter, chunk: bytes) -> None:
    while True:
        writer.write(chunk)
        await writer.drain()
        await asyncio.sleep(0)


async def test_a_declared_length_past_the_cap_is_refused_unread(served: Address) -> None:
    async with connection(served) as (reader, writer):
        writer.write(request("POST", "/api/v1/plugins", "Content-Length: 99999999999"))
        status, headers, problem = await answer_of(reader)
    assert (status, problem["type"]) == (413, "/problems/payload-too-large")
    assert headers["connection"] == "close"


async def test_a_client_that_waits_for_leave_to_send_never_sends(served: Address) -> None:
    async with connection(served) as (reader, writer):
        headers = ("Content-Length: 2000000", "Expect: 100-continue")
        writer.write(request("POST", "/api/v1/plugins", *headers))
        assert (await answer_of(reader))[0] == 413


FORM_HEAD = (
    b"--edge\r\nContent-Disposition: form-data; name=package; filename=p\r\n"
    b"Content-Type: application/zip\r\n\r\n"
)


@pytest.mark.parametrize(
    ("media_type", "head"),
    [("application/zip", b""), ("multipart/form-data; boundary=edge", FORM_HEAD)],
    ids=["raw", "form"],
)
async def test_an_oversized_upload_is_refused_while_it_streams_and_leaves_nothing(
    served: Address, settings: Settings, media_type: str, head: bytes
) -> None:
    before = sorted(settings.data_dir.rglob("*"))
    sent = 0
    async with connection(served) as (reader, writer):
        headers = ("Transfer-Encoding: chunked", f"Content-Type: {media_type}")
        writer.write(request("POST", "/api/v1/plugins", *headers))
        if head:
            writer.write(b"%x\r\n%b\r\n" % (len(head), head))
        answer = asyncio.create_task(answer_of(reader))
        chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        while not answer.done() and sent < 50 * settings.upload_bytes_max:
            writer.write(chunk)
            await writer.drain()
            sent += len(chunk)
        status, headers_back, problem = await answer
        # The stream never ended, and still the answer is here and the connection closed.
        assert (status, problem["type"]) == (413, "/problems/payload-too-large")
        assert headers_back["connection"] == "close"
        with pytest.raises(ConnectionError):
            await send_for_ever(writer, chunk)
    assert sent < 50 * settings.upload_bytes_max
    assert sorted(settings.data_dir.rglob("*")) == before


async def test_a_client_library_gets_the_refusal_of_its_oversized_upload(
    served: Address, settings: Settings
) -> None:
    url = f"http://{served[0]}:{served[1]}/api/v1/plugins"
    async with httpx.AsyncClient(trust_env=False) as client:
        refused = await client.post(
            url,
            content=b"x" * (settings.upload_bytes_max + 1),
            headers={"Authorization": f"Bearer {KEY}", "Content-Type": "application/zip"},
        )
    assert refused.status_code == 413


async def test_a_form_is_capped_like_any_upload(admin: httpx.AsyncClient, tmp_path: Path) -> None:
    refused = await admin.post("/api/v1/plugins", files={"p": ("p", b"x" * 1024 * 1024)})
    assert refused.status_code == 413


async def test_other_bodies_have_a_cap_of_their_own(
    admin: httpx.AsyncClient, settings: Settings, calculator: str
) -> None:
    path = f"/api/v1/plugins/{calculator}/functions/divide"
    content = b'{"arguments":{"a":4,"b":2}}'.ljust(settings.body_bytes_max)
    assert (await admin.post(path, content=content)).json()["result"] == 2
    assert (await admin.post(path, content=content + b" ")).status_code == 413


async def test_garbage_in_place_of_http_does_not_end_the_server(served: Address) -> None:
    async with connection(served) as (reader, writer):
        writer.write(b"\x16\x03\x01\x02\x00garbage\r\n\r\n")
        assert b"400" in await reader.readline()
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"http://{served[0]}:{served[1]}/healthz")
    assert answer.status_code == 200


async def busy_workers(host: PluginHost, wanted: int) -> None:
    while (await host.ready()).workers.busy != wanted:
        await asyncio.sleep(0.005)


async def test_a_client_that_hangs_up_frees_its_worker_long_before_the_deadline(
    served: Address, host: PluginHost, misbehaving: str
) -> None:
    path = f"/api/v1/plugins/{misbehaving}/functions/spin"
    async with connection(served) as (_, writer):
        writer.write(request("POST", path, "Content-Length: 2") + b"{}")
        await asyncio.wait_for(busy_workers(host, 1), 3)
    await asyncio.wait_for(busy_workers(host, 0), 2)
    assert (await host.call(misbehaving, "fine", {})).result == 42


async def test_a_request_id_is_answered_and_a_sound_one_kept(stranger: httpx.AsyncClient) -> None:
    assert len((await stranger.get("/healthz")).headers["x-request-id"]) == 32
    kept = await stranger.get("/healthz", headers={"X-Request-ID": "order-17"})
    assert kept.headers["x-request-id"] == "order-17"
    assert kept.headers["x-content-type-options"] == "nosniff"
    refused = await stranger.get("/nowhere", headers={"X-Request-ID": "order-18"})
    assert refused.json()["request_id"] == "order-18"


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/nowhere", 404, "not-found"),
        ("GET", "/api/v1/plugins/", 404, "not-found"),
        ("GET", "/api/v2/plugins", 404, "not-found"),
        ("PATCH", "/api/v1/plugins", 405, "method-not-allowed"),
        ("DELETE", "/healthz", 405, "method-not-allowed"),
        ("GET", "/problems/nothing", 404, "not-found"),
        ("GET", "/docs/../../etc/passwd", 404, "not-found"),
        ("GET", "/docs/nothing.js", 404, "not-found"),
    ],
)
async def test_what_is_not_there_is_a_problem_too(
    stranger: httpx.AsyncClient, method: str, path: str, status: int, kind: str
) -> None:
    answer = await stranger.request(method, path)
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{kind}")
    assert answer.json()["status"] == status


class OneCall:
    """A host whose only plugin does what a test wants."""

    def __init__(self, behaviour: Any) -> None:
        self.keys = SimpleNamespace(authenticate=self._authenticate)
        self.telemetry = Telemetry()
        self.rates = Rates(RatePolicy(key=Rate(1000, 60), tenant=Rate(1000, 60)))
        self.seen: dict[str, Any] = {}
        self._behaviour = behaviour

    async def _authenticate(self, token: str, address: str) -> Caller:
        scopes = frozenset({Scope.CALL})
        return Caller(tenant="default", key_id="1", key_name="tester", scopes=scopes)

    async def call(self, name: str, function: str, arguments: Any, **facts: Any) -> Any:
        self.seen = facts
        return await self._behaviour()


async def call_over(host: Any, headers: dict[str, str] | None = None) -> httpx.Response:
    app = app_over(host, Settings())
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://h") as client:
        sent = {"Authorization": "Bearer wdn_x", **(headers or {})}
        return await client.post(CALL, json={}, headers=sent)


async def threads_that_answer(
    behaviour: Any, monkeypatch: pytest.MonkeyPatch
) -> tuple[httpx.Response, list[threading.Thread]]:
    threads: list[threading.Thread] = []

    def noting(value: Any) -> Any:
        threads.append(threading.current_thread())
        return to_json(value)

    monkeypatch.setattr(functions, "to_json", noting)
    monkeypatch.setattr(problems, "to_json", noting)
    return await call_over(OneCall(behaviour)), threads


@pytest.mark.parametrize(("output_bytes", "elsewhere"), [(64 * 1024, False), (100_000, True)])
async def test_a_large_result_is_encoded_off_the_event_loop(
    monkeypatch: pytest.MonkeyPatch, output_bytes: int, elsewhere: bool
) -> None:
    result = [True] * 10

    async def succeed() -> Any:
        usage = Usage(output_bytes=output_bytes)
        return SimpleNamespace(result=result, usage=usage, call_id="1", age_seconds=None)

    answer, threads = await threads_that_answer(succeed, monkeypatch)
    assert answer.json()["result"] == result
    assert [each is not threading.main_thread() for each in threads] == [elsewhere]


@pytest.mark.parametrize(("output_bytes", "elsewhere"), [(64 * 1024, False), (100_000, True)])
async def test_a_large_declared_error_is_encoded_off_the_event_loop(
    monkeypatch: pytest.MonkeyPatch, output_bytes: int, elsewhere: bool
) -> None:
    async def fail() -> None:
        raise GuestError(payload=[True] * 10, usage=Usage(output_bytes=output_bytes))

    answer, threads = await threads_that_answer(fail, monkeypatch)
    assert (answer.status_code, answer.json()["payload"]) == (422, [True] * 10)
    assert [each is not threading.main_thread() for each in threads] == [elsewhere]


async def test_what_nobody_foresaw_is_logged_and_answered_without_its_insides(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail() -> None:
        raise RuntimeError("secret path /etc/shadow")

    with caplog.at_level(logging.ERROR):
        answer = await call_over(OneCall(fail))
    assert (answer.status_code, answer.json()["type"]) == (500, "/problems/internal-error")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"] == answer.json()["request_id"]
    assert "secret" not in answer.text
    assert "secret" in caplog.text


async def test_an_overloaded_host_answers_with_the_time_to_wait() -> None:
    async def fail() -> None:
        raise Overloaded(retry_after_seconds=3)

    answer = await call_over(OneCall(fail))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "3")


async def test_a_failed_call_names_the_id_that_the_host_was_given() -> None:
    async def fail() -> None:
        raise Trap(usage=Usage(fuel=3))

    host = OneCall(fail)
    problem = (await call_over(host)).json()
    assert problem["call_id"] == host.seen["call_id"]
    assert problem["usage"]["fuel"] == 3


async def test_the_request_s_trace_and_id_reach_the_host() -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    async def fail() -> None:
        raise WardianError

    host = OneCall(fail)
    sent = {"traceparent": trace, "tracestate": "shop=1", "X-Request-ID": "r-1"}
    await call_over(host, sent)
    assert host.seen["traceparent"] == trace
    assert host.seen["tracestate"] == "shop=1"
    assert host.seen["correlation_id"] == "r-1"
    assert host.seen["subject"] == "tester"


async def test_a_call_is_cancelled_when_its_client_goes_away() -> None:
    started, cancelled = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    app = app_over(OneCall(wait), Settings())  # type: ignore[arg-type]
    messages = [{"type": "http.request", "body": b"{}", "more_body": False}]

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        await started.wait()
        return {"type": "http.disconnect"}

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": CALL, "raw_path": CALL.encode(), "headers": [
            (b"authorization", b"Bearer wdn_x")
        ], "query_string": b"", "http_version": "1.1", "scheme": "http", "state": {},
    }  # fmt: skip
    await asyncio.wait_for(app(scope, receive, send), 5)  # type: ignore[arg-type]
    assert cancelled.is_set()
    assert sent == []
