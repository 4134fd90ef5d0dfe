"""Jobs of a test's own: by a clock that stands still, over a host whose plugins are functions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from schedules import Clock
from wardian.runtime.host import HostParts
from wardian.runtime.jobs import Jobbing, JobOrder, JobPolicy, JobsParts


def jobbing_of(parts: HostParts, clock: Clock | None = None, **policy: Any) -> Jobbing:
    """What does jobs over a host's parts; by the real clock unless there is another."""
    time = {} if clock is None else {"now": clock}
    return Jobbing(
        JobsParts(
            database=parts.database,
            events=parts.events,
            journal=parts.journal,
            tenants=parts.tenants,
            entrance=parts.entrance,
            telemetry=parts.telemetry,
            **time,
        ),
        JobPolicy(**({"drain": timedelta()} | policy)),
    )


def order(function: str = "run", plugin: str = "stores", **more: Any) -> JobOrder:
    """A job that is asked for."""
    return JobOrder(**({"plugin": plugin, "function": function, "arguments": {}} | more))
