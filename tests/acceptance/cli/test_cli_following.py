"""`wardian logs`: what plugins log, now and as it comes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from hosts import FakeHost, fake_host, package
from wardian.api.app import app_over, end_streams
from wardian.cli.serve import Server, listen
from wardian.runtime.executor.job import HostCalls
from wardian.settings import Settings

pytestmark = pytest.mark.anyio


async def say(arguments: Mapping[str, Any], answer: HostCalls) -> None:
    for level, message in arguments["lines"]:
        await answer("logging", "log", [level, message, [("order", "7")]])


@asynccontextmanager
async def talking(folder: Path) -> AsyncIterator[FakeHost]:
    async with fake_host(folder, {"say": say}) as made:
        await made.host.install(package())
        yield made


async def told(made: FakeHost, *lines: tuple[str, str]) -> str:
    return (await made.host.call("stores", "say", {"lines": lines})).call_id


@asynccontextmanager
async def served(made: FakeHost, port: int = 0) -> AsyncIterator[int]:
    """Serve a host on a port of loopback, and end its streams at the end."""
    app = app_over(made.host, Settings())
    with listen("127.0.0.1", port) as listener:
        server = Server(listener, app, partial(end_streams, app))
        running = asyncio.create_task(server.run_until_stopped())
        try:
            yield listener.getsockname()[1]
        finally:
            server.stop()
            await running


@asynccontextmanager
async def following(
    made: FakeHost, port: int, *arguments: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    access = {
        "WARDIAN_URL": f"http://127.0.0.1:{port}",
        "WARDIAN_API_KEY": str(made.host.bootstrap_token),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", "-m", "wardian", "logs", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **access},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def line_of(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    return (await asyncio.wait_for(process.stdout.readline(), 60)).decode().rstrip("\n")


async def test_the_newest_lines_are_shown_in_columns(tmp_path: Path) -> None:
    async with talking(tmp_path) as made, served(made) as port:
        call = await told(made, ("info", "one"), ("warn", "two\x1b[2J"))
        async with following(made, port, "--level", "warn") as process:
            out, err = await process.communicate()
            assert process.returncode == 0, err

    (line,) = out.decode().splitlines()
    assert line.endswith(rf"warn  stores {call[:8]} two\x1b[2J order=7")
    assert b"\x1b" not in out


async def test_lines_are_followed_as_they_come_and_ctrl_c_ends_it(tmp_path: Path) -> None:
    async with talking(tmp_path) as first, served(first) as port:
        kept = await told(first, ("info", "kept"))
        arguments = ("-f", "--json", "--plugin", "stores")
        async with following(first, port, *arguments) as process:
            assert json.loads(await line_of(process))["call_id"] == kept
            while not first.host.telemetry.lines._followers:
                await asyncio.sleep(0.01)
            await told(first, ("error", "came"))
            assert json.loads(await line_of(process))["message"] == "came"

            process.send_signal(signal.SIGINT)
            _, err = await process.communicate()
            assert (process.returncode, err) == (130, b"")


async def test_a_host_that_comes_back_is_followed_on_from_its_first_line(tmp_path: Path) -> None:
    async with talking(tmp_path) as made:
        async with served(made) as port:
            await told(made, ("info", "before"))
            follower = following(made, port, "--follow", "--json")
            process = await follower.__aenter__()
            assert json.loads(await line_of(process))["message"] == "before"
            while not made.host.telemetry.lines._followers:
                await asyncio.sleep(0.01)
        await told(made, ("info", "while nobody served"))
        async with served(made, port):
            # To this command the application is another run of the host: all it has is told.
            assert json.loads(await line_of(process))["message"] == "before"
            assert json.loads(await line_of(process))["message"] == "while nobody served"
            await follower.__aexit__(None, None, None)


async def test_a_key_that_is_none_ends_it_at_once(tmp_path: Path) -> None:
    async with talking(tmp_path) as made, served(made) as port:
        made.host.bootstrap_token = "wdn_nobodys-key-at-all-0123456789"
        async with following(made, port, "-f", "--json") as process:
            out, _ = await process.communicate()

    assert process.returncode == 1
    assert json.loads(out)["error"]["type"] == "unauthenticated"
