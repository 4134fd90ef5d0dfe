"""A row about several hosts on one PostgreSQL: how long until what one changes holds on another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import postgres
from benchmarks.bench import Bench, Measurement, Skipped
from benchmarks.figures import Figure, Row, at_most
from benchmarks.measuring import MILLI
from guests import guest
from hosts import package
from wardian.bootstrap import open_host
from wardian.events import Event
from wardian.runtime.host import PluginHost
from wardian.settings import Settings

CHANGES = 100

SEEN = Row(
    "a revoke on one host, held to by another on the same PostgreSQL, the slowest",
    "ms",
    goal=at_most(1000, absolute=True),
)


def changes(bench: Bench) -> Iterator[Figure]:
    """Revoke and grant on one host; the other is asked nothing, and is told."""
    try:
        with postgres.server() as server, TemporaryDirectory() as folder:
            taken = asyncio.run(_seen(server, Path(folder), bench.effort.samples(CHANGES)))
    except postgres.NotInstalled as error:
        raise Skipped(str(error)) from error
    yield Figure(SEEN, max(taken) * MILLI)


async def _seen(server: postgres.Server, folder: Path, count: int) -> list[float]:
    async with server.lent() as url, _two(url, folder) as (one, other):
        await one.install(package("stores", guest("stores")), grants=["kv:read"])
        heard: asyncio.Queue[Event] = asyncio.Queue()
        other.events.subscribe("plugin.granted", heard.put_nowait)
        taken: list[float] = []
        for number in range(count):
            granted = ["kv:read"] if number % 2 else []
            start = perf_counter()
            await one.set_grants("stores", granted)
            # The install granted, too, and may be heard of only now.
            while (await heard.get()).value()["granted"] != granted:
                pass
            taken.append(perf_counter() - start)
            assert (await other.grants("stores")).granted == granted
        return taken


@asynccontextmanager
async def _two(url: str, folder: Path) -> AsyncIterator[tuple[PluginHost, PluginHost]]:
    shared = {"database_url": url, "packages_dir": folder / "packages", "workers_max": 1}
    root_key = f"file:{folder / 'one' / 'root.key'}"
    async with open_host(Settings(data_dir=folder / "one", **shared)) as one:
        settings = Settings(data_dir=folder / "other", root_key=root_key, **shared)
        async with open_host(settings) as other:
            yield one, other


MEASUREMENTS = (Measurement((SEEN,), changes),)
