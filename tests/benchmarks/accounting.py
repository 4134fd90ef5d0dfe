"""A row about accounts: a call that is written to the ledger, beside the same call that is not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.bench import Bench, Measurement
from benchmarks.crossings import TEXT
from benchmarks.figures import Figure, Row, at_most
from benchmarks.measuring import MICRO, seconds_of, take_turns
from relays import relay
from wardian.bootstrap import open_host
from wardian.runtime.accounting import Accounting
from wardian.runtime.host import PluginHost
from wardian.settings import Settings

CALLS_IN_A_TURN = 100
PLAIN = "the same call, unaccounted"

ACCOUNTED = Row("call with its account, p50", "µs", PLAIN, at_most(1.1))


class _Nothing(Accounting):
    """Lets every call in, and writes nothing down."""

    def __init__(self) -> None:
        pass

    def at_once(self, *arguments: object, **more: object) -> Any:
        return _NO_ENTRY


class _NoEntry:
    def __enter__(self) -> _NoEntry:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def bounded(self, limits: Any, authority: Any) -> Any:
        return limits

    def begins(self, *what: object) -> None:
        pass

    def finish(self, *what: object) -> None:
        pass


_NO_ENTRY = _NoEntry()


def accounted(bench: Bench) -> Iterator[Figure]:
    """A small function of a plugin of the level `restricted`, by turns."""
    yield asyncio.run(_accounted(bench))


async def _accounted(bench: Bench) -> Figure:
    with TemporaryDirectory() as folder:
        async with open_host(Settings(data_dir=Path(folder))) as host:
            await host.install(relay("a"), grants="all")
            calls: Any = host._parts.calls
            services = calls._services

            def chosen(found: Any) -> None:
                calls._services = found

            free = replace(services, accounting=_Nothing())
            ours = partial(_p50, host, partial(chosen, services))
            plain = partial(_p50, host, partial(chosen, free))
            await ours()
            found = await take_turns({"ours": ours, PLAIN: plain}, bench.effort.samples(60))
            chosen(services)
    accounted, alone = (median(found[name]) * MICRO for name in ("ours", PLAIN))
    return Figure(ACCOUNTED, accounted, {PLAIN: alone})


async def _p50(host: PluginHost, choose: Callable[[], None]) -> float:
    choose()
    return median(
        [await seconds_of(host.call("a", "echo", {"text": TEXT})) for _ in range(CALLS_IN_A_TURN)]
    )


MEASUREMENTS = (Measurement((ACCOUNTED,), accounted),)
