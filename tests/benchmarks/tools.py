"""Rows about tools for models: MCP beside ACT, which serves components over it, too."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import httpx2
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

from benchmarks.bench import SOURCES, Bench, Measurement, Skipped
from benchmarks.crossings import TEXT
from benchmarks.figures import Figure, Row
from benchmarks.over_http import server_in

OURS = "ours"
ACT = "act"
CALLS = 50

Place = tuple[str, str, str]
"""An address, a key and the name of a tool."""

NEWEST = Row("MCP tool call of a tiny guest, p50", "µs", ACT)
SHAKEN = Row("MCP tool call of a tiny guest after a handshake, p50", "µs", ACT)
MODES = {NEWEST: "auto", SHAKEN: "legacy"}
"""How the SDK's client begins: `auto` with the newest version that the server speaks."""

STARTS_SECONDS = 20


def calls(bench: Bench) -> Iterator[Figure]:
    """The same text there and back, by the SDK's own client, on one connection to each server.

    ACT keeps one instance for all calls, bounds neither time nor fuel and takes no key; its audit
    is off. Wardian authenticates, makes a fresh instance in a worker process and counts.
    """
    with (
        TemporaryDirectory() as folder,
        server_in(Path(folder)) as server,
        act(Path(folder)) as url,
    ):
        places = {
            OURS: (f"{server['url']}/mcp", server["key"], "echo-restricted__echo"),
            ACT: (f"{url}/mcp", "none", "echo"),
        }
        for row, mode in MODES.items():
            found = asyncio.run(_compared(bench, places, mode))
            yield Figure(row, found[OURS] * 1e6, {ACT: found[ACT] * 1e6})


async def _compared(bench: Bench, places: Mapping[str, Place], mode: str) -> dict[str, float]:
    samples: dict[str, list[float]] = {name: [] for name in places}
    async with AsyncExitStack() as stack:
        clients = {
            name: await stack.enter_async_context(_client(url, key, mode))
            for name, (url, key, _) in places.items()
        }
        order = list(places)
        for _ in range(bench.effort.samples(11)):
            for name in order:
                tool = places[name][2]
                samples[name] += [await _timed(clients[name], tool) for _ in range(CALLS)]
            order.append(order.pop(0))
    return {name: median(found) for name, found in samples.items()}


async def _timed(client: Client, tool: str) -> float:
    start = time.perf_counter()
    answer = await client.call_tool(tool, {"value": TEXT})
    seconds = time.perf_counter() - start
    assert [block.text for block in answer.content] == [TEXT], answer  # type: ignore[union-attr]
    return seconds


@asynccontextmanager
async def _client(url: str, key: str, mode: str) -> AsyncIterator[Client]:
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        httpx2.AsyncClient(headers=headers, trust_env=False) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode) as client,
    ):
        yield client


@contextmanager
def act(folder: Path) -> Iterator[str]:
    """ACT on a port of its own, with the guest; its address.

    Raises:
        Skipped: it, or what builds its guest, is not installed.
    """
    program = shutil.which("act")
    if program is None:
        raise Skipped("act is not installed: pip install 'wardian[bench]'.")
    port = _free_port()
    process = subprocess.Popen(
        [
            program, "run", "--mcp", "--http", "--no-audit", "--listen", f"127.0.0.1:{port}",
            str(_guest(folder)),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    with process:
        try:
            _wait_for(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _guest(folder: Path) -> Path:
    """Make the guest in ACT's own world from its text."""
    tools = shutil.which("wasm-tools")
    if tools is None:
        raise Skipped("wasm-tools is not installed: pip install 'wardian[build]'.")
    sources, made = SOURCES / "act", folder / "act.wasm"
    embed = ["embed", sources / "wit", sources / "echo.wat", "--world", "echo", "-o", made]
    for command in (embed, ["new", made, "-o", made]):
        subprocess.run([tools, "component", *map(str, command)], check=True)
    made.write_bytes(made.read_bytes() + _section())
    return made


def _section() -> bytes:
    """The custom section ``act:component``: its name and version, as CBOR."""
    content = _text("act:component")[1:] + _map(std=_map(name=_text("echo"), version=_text("1")))
    return bytes([0, len(content) + 1, len("act:component")]) + content


def _text(text: str) -> bytes:
    return bytes([0x60 | len(text)]) + text.encode()


def _map(**members: bytes) -> bytes:
    inside = b"".join(_text(name) + value for name, value in members.items())
    return bytes([0xA0 | len(members)]) + inside


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + STARTS_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise Skipped("act did not begin to serve.")


MEASUREMENTS = (Measurement((NEWEST, SHAKEN), calls),)
