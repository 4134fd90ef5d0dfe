"""A row about events that plugins handle."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from benchmarks.bench import Bench, Measurement
from benchmarks.figures import Figure, Row
from guests.handlers import HANDLE, handling
from wardian.bootstrap import open_host
from wardian.runtime.host import PluginHost
from wardian.settings import Settings

EVENTS_IN_A_TURN = 200
KEYS = 10
PLAIN = "calls of the handler, one after the other"

HANDLED = Row("events from publish to handled by a plugin, on SQLite", "events/s", PLAIN)


def events(bench: Bench) -> Iterator[Figure]:
    """The same handler, called for published events and by the host app, by turns."""
    yield asyncio.run(_events(bench))


async def _events(bench: Bench) -> Figure:
    delivered: list[float] = []
    called: list[float] = []
    with TemporaryDirectory() as folder:
        async with open_host(Settings(data_dir=Path(folder), event_rate_max=1e9)) as host:
            # Without its `kv:write` it is refused to count, which costs a host call and no commit.
            await host.install(handling("handles", "bench.*"), grants=["events:subscribe:bench.*"])
            for _ in range(bench.effort.samples(5)):
                delivered.append(await _delivered(host))
                called.append(await _called(host))
    return Figure(HANDLED, median(delivered), {PLAIN: median(called)})


async def _delivered(host: PluginHost) -> float:
    start = perf_counter()
    for number in range(EVENTS_IN_A_TURN):
        await host.events.publish("default", "bench.new", '"ok"', key=f"k{number % KEYS}")
    while any(each.queued for each in await host.deliveries.subscribers()):
        await asyncio.sleep(0.002)
    return EVENTS_IN_A_TURN / (perf_counter() - start)


async def _called(host: PluginHost) -> float:
    event = {
        "id": "1",
        "topic": "bench.new",
        "source": "host",
        "time": "2026-01-01T00:00:00Z",
        "correlation-id": "1",
        "key": None,
        "attempt": 1,
        "data": '"ok"',
    }
    start = perf_counter()
    for _ in range(EVENTS_IN_A_TURN):
        await host.call("handles", HANDLE, {"event": event})
    return EVENTS_IN_A_TURN / (perf_counter() - start)


MEASUREMENTS = (Measurement((HANDLED,), events),)
