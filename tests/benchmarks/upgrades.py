"""Rows about upgrades: how long one takes, and what calls of the plugin feel of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.bench import Bench, Measurement
from benchmarks.figures import Figure, Row, at_most
from benchmarks.measuring import MICRO, MILLI, percentile, seconds_of
from guests.lives import version
from wardian.bootstrap import open_host
from wardian.runtime.host import PluginHost
from wardian.settings import Settings

UPGRADES = 50
CALLS_BESIDE = 20
QUIET = "no upgrade"

DURING = Row("call while its plugin is upgraded, p99", "µs", QUIET, at_most(3))
UPGRADE = Row("upgrade of a tiny plugin, p50", "ms")


def upgrades(bench: Bench) -> Iterator[Figure]:
    """One caller calls a plugin without a pause, with upgrades and without, by turns.

    Only calls that were under way during an upgrade count for it; those between do not dilute it.
    """
    yield from asyncio.run(_upgrades(bench))


async def _upgrades(bench: Bench) -> list[Figure]:
    count = bench.effort.samples(UPGRADES)
    packages = [version(number) for number in range(1, count + 2)]
    quiet: list[float] = []
    during: list[float] = []
    took: list[float] = []
    with TemporaryDirectory() as folder:
        async with open_host(Settings(data_dir=Path(folder))) as host:
            await host.install(packages[0], grants="all")
            await _calls(host, 300)
            for content in packages[1:]:
                upgrade = asyncio.create_task(seconds_of(host.upgrade(content)))
                while not upgrade.done():
                    during += await _calls(host, 1)
                took.append(await upgrade)
                quiet += await _calls(host, CALLS_BESIDE)
                until = time.perf_counter() + took[-1] / 2
                while time.perf_counter() < until:
                    quiet += await _calls(host, 1)
    peer = {QUIET: percentile(quiet, 99) * MICRO}
    return [
        Figure(DURING, percentile(during, 99) * MICRO, peer),
        Figure(UPGRADE, percentile(took, 50) * MILLI),
    ]


async def _calls(host: PluginHost, count: int) -> list[float]:
    return [await seconds_of(host.call("lives", "both", {})) for _ in range(count)]


MEASUREMENTS = (Measurement((DURING, UPGRADE), upgrades),)
