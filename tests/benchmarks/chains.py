"""A row about plugins that call plugins."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.bench import Bench, Measurement
from benchmarks.crossings import TEXT
from benchmarks.figures import Figure, Row
from benchmarks.measuring import MICRO, seconds_of, take_turns
from relays import asking, relay
from wardian.bootstrap import open_host
from wardian.runtime.host import PluginHost
from wardian.settings import Settings

CALLS_IN_A_TURN = 50
PLAIN = "the called plugin alone"

NESTED = Row("call of a plugin that calls another, p50", "µs", PLAIN)


def chains(bench: Bench) -> Iterator[Figure]:
    """The same small function, called by the host app and by another plugin, by turns."""
    yield asyncio.run(_chains(bench))


async def _chains(bench: Bench) -> Figure:
    with TemporaryDirectory() as folder:
        async with open_host(Settings(data_dir=Path(folder))) as host:
            for name in "ab":
                await host.install(relay(name), grants="all")
            nested = partial(_p50, host, "a", "relay", asking("b", text=TEXT))
            plain = partial(_p50, host, "b", "echo", {"text": TEXT})
            await nested()
            found = await take_turns({"nested": nested, PLAIN: plain}, bench.effort.samples(40))
    ours, alone = (median(found[name]) * MICRO for name in ("nested", PLAIN))
    return Figure(NESTED, ours, {PLAIN: alone})


async def _p50(host: PluginHost, name: str, function: str, arguments: dict[str, str]) -> float:
    return median(
        [await seconds_of(host.call(name, function, arguments)) for _ in range(CALLS_IN_A_TURN)]
    )


MEASUREMENTS = (Measurement((NESTED,), chains),)
