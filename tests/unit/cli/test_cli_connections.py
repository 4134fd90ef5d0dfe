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
async def served(limit: int | None = None) -> AsyncIterator[tuple[Server, tuple[str, int]]]:
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
