"""Rows about events that plugins handle."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, TypeVar

import jetstreams
import postgres
from benchmarks.bench import Bench, Measurement, Skipped
from benchmarks.figures import Figure, Row
from guests.handlers import HANDLE, handling
from servers import NotInstalled
from wardian.bootstrap import open_host
from wardian.runtime.host import PluginHost
from wardian.settings import Settings

T = TypeVar("T")

EVENTS_IN_A_TURN = 200
KEYS = 10
PLAIN = "calls of the handler, one after the other"

WHAT = "events from publish to handled by a plugin"
HANDLED = Row(f"{WHAT}, on SQLite", "events/s", PLAIN)
ON_POSTGRESQL = Row(f"{WHAT}, on PostgreSQL", "events/s", PLAIN)
ON_JETSTREAM = Row(f"{WHAT}, on JetStream and PostgreSQL", "events/s", PLAIN)

AS_DELIVERED = ("autovacuum=off",)
"""PostgreSQL writes what is committed to the disk, as the operator's does."""


def on_sqlite(bench: Bench) -> Iterator[Figure]:
    """The same handler, called for published events and by the host app, by turns."""
    yield asyncio.run(_events(bench, HANDLED))


def on_postgresql(bench: Bench) -> Iterator[Figure]:
    """The same, over PostgreSQL."""
    with _installed(postgres.server(AS_DELIVERED)) as server:
        yield asyncio.run(_over_postgresql(bench, ON_POSTGRESQL, server))


def on_jetstream(bench: Bench) -> Iterator[Figure]:
    """The same, with JetStream beside it."""
    with (
        _installed(postgres.server(AS_DELIVERED)) as server,
        _installed(jetstreams.server()) as nats,
    ):
        settings = {"event_bus": "nats", "nats_url": nats.url}
        yield asyncio.run(_over_postgresql(bench, ON_JETSTREAM, server, **settings))


@contextmanager
def _installed(server: AbstractContextManager[T]) -> Iterator[T]:
    try:
        with server as running:
            yield running
    except NotInstalled as missing:
        raise Skipped(str(missing)) from missing


async def _over_postgresql(
    bench: Bench, row: Row, server: postgres.Server, **settings: Any
) -> Figure:
    async with server.lent() as url:
        return await _events(bench, row, database_url=url, **settings)


async def _events(bench: Bench, row: Row, **settings: Any) -> Figure:
    delivered: list[float] = []
    called: list[float] = []
    with TemporaryDirectory() as folder:
        chosen = Settings(data_dir=Path(folder), event_rate_max=1e9, **settings)
        async with open_host(chosen) as host:
            # Without its `kv:write` it is refused to count, which costs a host call and no commit.
            await host.install(handling("handles", "bench.*"), grants=["events:subscribe:bench.*"])
            for _ in range(bench.effort.samples(5)):
                delivered.append(await _delivered(host))
                called.append(await _called(host))
    return Figure(row, median(delivered), {PLAIN: median(called)})


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


MEASUREMENTS = (
    Measurement((HANDLED,), on_sqlite),
    Measurement((ON_POSTGRESQL,), on_postgresql),
    Measurement((ON_JETSTREAM,), on_jetstream),
)
