"""All that runs schedules, put together and kept going."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from wardian.events import Event, Events
from wardian.plugins import Registry
from wardian.runtime.calls import Calls
from wardian.runtime.entrance import Entrance
from wardian.runtime.journal import Journal
from wardian.runtime.schedules.claims import ClaimParts, Claims
from wardian.runtime.schedules.grid import SchedulePolicy
from wardian.runtime.schedules.planning import Planner
from wardian.runtime.schedules.running import Runner
from wardian.runtime.schedules.scheduler import Scheduler, SchedulerParts
from wardian.runtime.schedules.schedules import Schedules, SchedulesParts
from wardian.storage import Database
from wardian.storage.rows import now
from wardian.telemetry import Telemetry
from wardian.tenants import Tenants


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulingParts:
    """What schedules are run with.

    Attributes:
        now: the wall clock.
    """

    database: Database
    events: Events
    registry: Registry
    journal: Journal
    tenants: Tenants
    calls: Calls
    entrance: Entrance
    telemetry: Telemetry
    now: Callable[[], datetime] = now


class Scheduling:
    """Runs schedules.

    Attributes:
        schedules: what operators see of it, and change.
    """

    def __init__(self, parts: SchedulingParts, policy: SchedulePolicy) -> None:
        planner = Planner(parts.database, policy, parts.now)
        claims = Claims(
            ClaimParts(
                journal=parts.journal,
                events=parts.events,
                planner=planner,
                calls=parts.calls,
                telemetry=parts.telemetry,
            )
        )
        runner = Runner(claims, parts.entrance, parts.telemetry.tracing)
        self.scheduler = Scheduler(
            SchedulerParts(
                database=parts.database,
                registry=parts.registry,
                tenants=parts.tenants,
                planner=planner,
                claims=claims,
                runner=runner,
            )
        )
        self.schedules = Schedules(
            SchedulesParts(
                database=parts.database,
                registry=parts.registry,
                journal=parts.journal,
                planner=planner,
                claims=claims,
                runner=runner,
                entrance=parts.entrance,
            )
        )
        parts.events.subscribe("plugin.*", self._hear)

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Run what is due while this is open."""
        async with self.scheduler.kept():
            yield

    def _hear(self, event: Event) -> None:
        name = event.value().get("plugin")
        if name is not None:
            self.scheduler.plugin_changed(event.tenant, name)
