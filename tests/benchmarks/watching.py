"""Rows about what it costs to see a call: lines in the log, and traces."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Sampler

from benchmarks.bench import Bench, Measurement
from benchmarks.crossings import TEXT
from benchmarks.figures import Figure, Row
from benchmarks.measuring import MICRO, seconds_of, take_turns
from relays import relay
from wardian.bootstrap import open_host
from wardian.cli.logs import LogLevel, TextLines, logging_to
from wardian.runtime.host import PluginHost
from wardian.settings import Settings

CALLS_IN_A_TURN = 50
PLAIN = "nobody logs or traces"

LOGGED = Row("call with its line in the log, p50", "µs", PLAIN)
UNSAMPLED = Row("call whose trace is not sampled, p50", "µs", PLAIN)
SAMPLED = Row("call whose trace is sampled, p50", "µs", PLAIN)


class _Nowhere(SpanExporter):
    """Takes spans and sends them to nobody: what a collector does is not the call's."""

    def export(self, spans: object) -> SpanExportResult:
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Nothing is open."""


def watching(bench: Bench) -> Iterator[Figure]:
    """The same small call, by turns with nobody looking, with a line, and with traces."""
    yield from asyncio.run(_watching(bench))


async def _watching(bench: Bench) -> list[Figure]:
    with TemporaryDirectory() as folder, open(os.devnull, "w") as sink:  # noqa: ASYNC230 -- a device
        async with open_host(Settings(data_dir=Path(folder))) as host:
            await host.install(relay("a"))
            await _p50(host)
            turns = {
                PLAIN: lambda: _p50(host),
                "logged": lambda: _logged(host, logging.StreamHandler(sink)),
                "unsampled": lambda: _traced(host, ALWAYS_OFF),
                "sampled": lambda: _traced(host, ALWAYS_ON),
            }
            found = await take_turns(turns, bench.effort.samples(40))
    plain, logged, unsampled, sampled = (median(found[name]) * MICRO for name in turns)
    return [
        Figure(LOGGED, logged, {PLAIN: plain}),
        Figure(UNSAMPLED, unsampled, {PLAIN: plain}),
        Figure(SAMPLED, sampled, {PLAIN: plain}),
    ]


async def _logged(host: PluginHost, handler: logging.Handler) -> float:
    handler.setFormatter(TextLines())
    with logging_to(handler, LogLevel.INFO):
        return await _p50(host)


async def _traced(host: PluginHost, sampler: Sampler) -> float:
    provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(_Nowhere()))
    host.telemetry.tracing.use(provider)
    try:
        return await _p50(host)
    finally:
        host.telemetry.tracing.use(None)
        await asyncio.to_thread(provider.shutdown)


async def _p50(host: PluginHost) -> float:
    call = {"text": TEXT}
    return median([await seconds_of(host.call("a", "echo", call)) for _ in range(CALLS_IN_A_TURN)])


MEASUREMENTS = (Measurement((LOGGED, UNSAMPLED, SAMPLED), watching),)
