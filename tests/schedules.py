"""Schedules of a test's own: by a clock that stands still, and without jitter."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from hosts import MANIFEST, WASM
from wardian.plugins.archive import write_archive
from wardian.runtime.host import HostParts
from wardian.runtime.schedules.grid import SchedulePolicy
from wardian.runtime.schedules.scheduling import Scheduling, SchedulingParts

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


class Clock:
    """Stands still until it is told how much later it is."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def goes_on(self, **time: float) -> None:
        self.now += timedelta(**time)


class Working:
    """A function that notes what it was called with, and does what a test says."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.running = 0
        self.most = 0
        self.fails: Exception | None = None
        self.began = asyncio.Event()
        self.go = asyncio.Event()
        self.go.set()

    async def __call__(self, arguments: Mapping[str, Any], answer: Any) -> None:
        self.calls.append(dict(arguments))
        self.running += 1
        self.most = max(self.most, self.running)
        self.began.set()
        try:
            await self.go.wait()
        finally:
            self.running -= 1
        if self.fails is not None:
            raise self.fails


def scheduling_of(parts: HostParts, clock: Clock, **policy: Any) -> Scheduling:
    """What runs schedules over a host's parts, and hears of changes as the host's own does."""
    chosen = {"jitter": timedelta(), "apart": timedelta(seconds=1)} | policy
    return Scheduling(
        SchedulingParts(
            database=parts.database,
            events=parts.events,
            registry=parts.registry,
            journal=parts.journal,
            tenants=parts.tenants,
            calls=parts.calls,
            entrance=parts.entrance,
            telemetry=parts.telemetry,
            now=clock,
        ),
        SchedulePolicy(**chosen),
    )


def scheduled(lines: str, name: str = "works", version: str = "1.0.0") -> bytes:
    """The package of a plugin with schedules, each a line of its fields."""
    tables = "".join(f"\n[[schedule]]\n{line}\n" for line in lines.strip().split("\n---\n"))
    text = MANIFEST.format(name=name, more=tables).replace('"1.0.0"', f'"{version}"', 1)
    return write_archive({"plugin.toml": text.encode(), "plugin.wasm": WASM + version.encode()})


def hourly(more: str = "", function: str = "run") -> str:
    """A schedule that calls a function on the hour."""
    return f'name = "hourly"\ncron = "0 * * * *"\nfunction = "{function}"\n{more}'
