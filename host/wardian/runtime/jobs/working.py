"""All that does jobs, put together and kept going."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from wardian.events import Event, Events
from wardian.runtime.entrance import Entrance
from wardian.runtime.jobs.claims import Claims
from wardian.runtime.jobs.dispatching import Dispatcher, DispatcherParts
from wardian.runtime.jobs.jobs import Jobs, JobsNeeds
from wardian.runtime.jobs.orders import JobPolicy
from wardian.runtime.jobs.running import Runner
from wardian.runtime.jobs.upkeep import JobUpkeep
from wardian.runtime.jobs.watching import Watches
from wardian.runtime.journal import Journal
from wardian.storage import Database
from wardian.storage.rows import now
from wardian.telemetry import Telemetry
from wardian.tenants import Tenants


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsParts:
    """What jobs are done with.

    Attributes:
        telemetry: counts the jobs that ended.
        now: the wall clock.
    """

    database: Database
    events: Events
    journal: Journal
    tenants: Tenants
    entrance: Entrance
    telemetry: Telemetry
    now: Callable[[], datetime] = now


class Jobbing:
    """Does jobs.

    Attributes:
        jobs: what callers see of it.
    """

    def __init__(self, parts: JobsParts, policy: JobPolicy) -> None:
        self._watches = Watches(is_shared=parts.database.is_shared)
        claims = Claims(parts.database, parts.journal, policy, parts.now, parts.telemetry.job_ended)
        self.upkeep = JobUpkeep(parts.database, parts.tenants, claims, policy)
        self.dispatcher = Dispatcher(
            DispatcherParts(
                database=parts.database,
                claims=claims,
                runner=Runner(claims, parts.entrance, policy),
                watches=self._watches,
                ended=self.upkeep.ended,
            ),
            policy,
        )
        self.jobs = Jobs(
            JobsNeeds(
                database=parts.database,
                entrance=parts.entrance,
                claims=claims,
                watches=self._watches,
                begin=self.dispatcher.wake,
            )
        )
        # Of jobs that ended on whichever host: each announces the events of all.
        parts.events.subscribe("job.*", self._hear)

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Do what waits while this is open."""
        async with self.upkeep.kept(), self.dispatcher.kept():
            yield

    def _hear(self, event: Event) -> None:
        job_id = event.value()["job"]
        self._watches.tell(job_id)
        if event.topic == "job.cancelled":
            self.dispatcher.end(job_id)
