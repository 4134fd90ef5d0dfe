"""Rows about a host with many plugins: how long it takes to start, and what it keeps in memory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple
from urllib.parse import urlsplit

from benchmarks import components
from benchmarks.bench import Bench, Measurement
from benchmarks.figures import Figure, Row
from benchmarks.processes import memory_of
from commands import announced, serve_process
from packages import package
from wardian.bootstrap import open_host
from wardian.settings import Settings

PLUGINS = 1_000
EMPTY = "empty host"

START = Row("start of a host with 1,000 plugins", "ms", EMPTY)
HELD = Row("memory of the host for 1,000 plugins", "MiB")
INSTALLS = Row("installs of a plugin whose code is compiled", "installs/s")


class _Started(NamedTuple):
    seconds: float
    memory: float


def starts(bench: Bench) -> Iterator[Figure]:
    """``wardian serve`` until it answers that it is ready, with plugins and without, by turns.

    The plugins are installed for real, one after the other; all have one small component.
    """
    count = bench.effort.samples(PLUGINS)
    with TemporaryDirectory() as folder:
        full, empty = Path(folder, "full"), Path(folder, "empty")
        took = asyncio.run(_installed(full, count))
        found: dict[Path, list[_Started]] = {full: [], empty: []}
        for _ in range(1 if bench.effort.quick else 5):
            for path, turns in found.items():
                turns.append(_start(path))
    seconds = {path: median(each.seconds for each in turns) for path, turns in found.items()}
    memory = {path: median(each.memory for each in turns) for path, turns in found.items()}
    yield Figure(START, seconds[full] * 1e3, {EMPTY: seconds[empty] * 1e3})
    yield Figure(HELD, (memory[full] - memory[empty]) * PLUGINS / count)
    yield Figure(INSTALLS, count / took)


async def _installed(folder: Path, count: int) -> float:
    """Install plugins, and return how many seconds that took after the first one."""
    wasm = components.echo()
    async with open_host(Settings(data_dir=folder)) as host:
        await host.install(package("echo-0", wasm))
        started = time.perf_counter()
        for number in range(1, count):
            await host.install(package(f"echo-{number}", wasm))
        return time.perf_counter() - started


def _start(folder: Path) -> _Started:
    started = time.perf_counter()
    with serve_process("--data-dir", folder, "--port", 0, "--json") as process:
        address = urlsplit(announced(process)["url"])
        assert address.hostname is not None
        connection = HTTPConnection(address.hostname, address.port or 0, timeout=30)
        connection.request("GET", "/readyz")
        assert connection.getresponse().status == 200
        seconds = time.perf_counter() - started
        connection.close()
        return _Started(seconds, memory_of(process.pid).own)


MEASUREMENTS = (Measurement((START, HELD, INSTALLS), starts),)
