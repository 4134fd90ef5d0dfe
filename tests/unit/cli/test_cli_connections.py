import asyncio
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from wardian.cli import connections
from wardian.cli.connections import RESERVED, connections_max, wanted_descriptors
from wardian.cli.serve import Server, listen

UNLIMITED = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("soft", "hard", "wanted"),
    [
        (1024, 4096, 4096),
        (1024, 1_048_576, 65_536),
        (1024, UNLIMITED, 65_536),
        (100_000, 1_048_576, 100_000),
        (1024, 1024, 1024),
        (UNLIMITED, UNLIMITED, UNLIMITED),
    ],
)
def test_the_limit_on_open_files_is_raised_to_the_hard_one_within_a_bound(
    soft: int, hard: int, wanted: int
) -> None:
    assert wanted_descriptors(soft, hard) == wanted


@pytest.mark.parametrize(
    ("descriptors", "wanted"),
    [(64, 64), (384, 64), (448, 64), (449, 65), (1024, 640), (65_536, 65_152), (UNLIMITED, 65_152)],
)
def test_connections_leave_384_descriptors_and_are_at_least_64(
    descriptors: int, wanted: int
) -> None:
    assert connections_max(descriptors) == wanted


async def application(scope: Any, receive: Any, send: Any) -> None:
    headers = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})


@asynccontextmanager
async def served(
    limit: int | None = None, application: Any = application
) -> AsyncIterator[tuple[Server, tuple[str, int]]]:
    with listen("127.0.0.1", 0) as listener:
        server = Server(listener, application)
        if limit is not None:
            server.config.limit_concurrency = limit
        running = asyncio.create_task(server.run_until_stopped())
        try:
            yield server, listener.getsockname()
        finally:
            server.stop()
            await running


@pytest.mark.anyio
async def test_the_server_takes_its_number_of_connections_from_the_limit_in_force() -> None:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    with listen("127.0.0.1", 0) as listener:
        config = Server(listener, application).config
    assert config.limit_concurrency == max(64, soft - RESERVED)


@pytest.mark.anyio
async def test_idle_connections_past_the_number_are_closed_and_the_others_kept() -> None:
    async with served(limit=3) as (server, address):
        opened = [await asyncio.open_connection(*address) for _ in range(10)]
        ends = [asyncio.create_task(reader.read()) for reader, _ in opened]
        closed, kept = await asyncio.wait(ends, timeout=10, return_when=asyncio.FIRST_COMPLETED)
        while len(closed) < 7:
            more, kept = await asyncio.wait(kept, timeout=10, return_when=asyncio.FIRST_COMPLETED)
            assert more
            closed |= more
        assert len(server.server_state.connections) == 3
        for _, writer in opened:
            writer.close()
        await asyncio.gather(*ends, return_exceptions=True)


@pytest.mark.anyio
@pytest.mark.parametrize("answered", [False, True])
@pytest.mark.parametrize("sent", [b"", b"G", b"GET / HTTP/1.1\r\nHost:"])
async def test_a_connection_that_never_ends_a_request_s_head_is_closed(
    monkeypatch: pytest.MonkeyPatch, sent: bytes, answered: bool
) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.1)
    async with served() as (server, address):
        server.config.timeout_keep_alive = 1
        reader, writer = await asyncio.open_connection(*address)
        if answered:
            writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            await reader.readuntil(b"ok")
        writer.write(sent)
        with suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), 10) == b""
        assert not server.server_state.connections
        writer.close()


@pytest.mark.anyio
async def test_an_answer_s_head_and_body_arrive_together() -> None:
    async with served() as (_, address):
        reader, writer = await asyncio.open_connection(*address)
        for _ in range(20):
            writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            arrived = await asyncio.wait_for(reader.read(65_536), 10)
            assert arrived.endswith(b"\r\n\r\nok")
        writer.close()


async def reading(scope: Any, receive: Any, send: Any) -> None:
    """Read the whole body, and answer its size; as every route does that takes one."""
    size, message = 0, {"more_body": True}
    while message.get("more_body"):
        message = await receive()
        if message["type"] == "http.disconnect":
            ended.append(scope["path"])
            return
        size += len(message["body"])
    body = b"%d" % size
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


ended: list[str] = []

SLOW = b"POST /slow HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n"
CHUNKED = b"POST /slow HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.anyio
@pytest.mark.parametrize("head", [SLOW, CHUNKED], ids=["declared", "chunked"])
async def test_a_body_that_does_not_come_is_answered_with_408_and_its_request_ends(
    monkeypatch: pytest.MonkeyPatch, head: bytes
) -> None:
    monkeypatch.setattr(connections, "BODY_SECONDS", 0.1)
    ended.clear()
    async with served(application=reading) as (server, address):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(head)
        answer = await asyncio.wait_for(reader.read(), 10)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"/problems/request-timeout" in answer
        assert b"connection: close" in answer.lower()
        while server.server_state.tasks or server.server_state.connections:
            await asyncio.sleep(0)
        writer.close()
    assert ended == ["/slow"]


@pytest.mark.anyio
async def test_a_body_that_comes_slowly_but_steadily_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections, "BODY_SECONDS", 0.2)
    monkeypatch.setattr(connections, "BODY_BYTES_PER_SECOND", 10)
    async with served(application=reading) as (_, address):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(SLOW)
        loop = asyncio.get_running_loop()
        began = loop.time()
        for piece in (b"x" * 90, b"y" * 10):
            while loop.time() < began + 0.4 and piece[:1] == b"y":
                await asyncio.sleep(0.02)
            writer.write(piece)
            await writer.drain()
        assert (await asyncio.wait_for(reader.readuntil(b"100"), 10)).startswith(b"HTTP/1.1 200")
        writer.close()


@pytest.mark.anyio
@pytest.mark.parametrize("sent", [b"", b"GET / HT", SLOW, SLOW + b"x"])
async def test_as_many_slow_connections_as_there_may_be_keep_nobody_out(sent: bytes) -> None:
    async with served(limit=4, application=reading) as (server, address):
        slow = [await asyncio.open_connection(*address) for _ in range(12)]
        for _, writer in slow:
            writer.write(sent)
        for _ in range(20):
            reader, writer = await asyncio.open_connection(*address)
            writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            assert (await asyncio.wait_for(reader.readline(), 10)).startswith(b"HTTP/1.1 200")
            writer.close()
        assert len(server.server_state.connections) <= 4
        for _, writer in slow:
            writer.close()


@pytest.mark.anyio
async def test_requests_that_are_being_answered_are_not_closed_for_others() -> None:
    go_on = asyncio.Event()

    async def waiting(scope: Any, receive: Any, send: Any) -> None:
        await go_on.wait()
        await application(scope, receive, send)

    async with served(limit=2, application=waiting) as (server, address):
        working = [await asyncio.open_connection(*address) for _ in range(2)]
        for _, writer in working:
            writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        while len(server.server_state.tasks) < 2:
            await asyncio.sleep(0)
        reader, writer = await asyncio.open_connection(*address)
        with suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), 10) == b""
        go_on.set()
        for reader, _ in working:
            assert (await asyncio.wait_for(reader.readline(), 10)).startswith(b"HTTP/1.1 200")
        writer.close()
        for _, each in working:
            each.close()
