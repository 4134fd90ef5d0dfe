"""Schedules as operators see them: when each runs next, how it went, and what they may change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec

from wardian.errors import Conflict, InvalidArguments
from wardian.plugins import Installed, Registry
from wardian.plugins.registry import read_installed
from wardian.plugins.schedules import Schedule
from wardian.runtime.entrance import Entrance
from wardian.runtime.journal import Journal
from wardian.runtime.schedules.claims import Claimed, Claims, schedule_of
from wardian.runtime.schedules.planning import UNPLANNED, Planner
from wardian.runtime.schedules.running import Runner
from wardian.storage import Database
from wardian.storage.rows import RunRow, ScheduleRow
from wardian.storage.schedules import ScheduleRepository

PAGE_MAX = 100


class RunView(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a schedule.

    Attributes:
        cause: ``tick``, ``missed`` for a tick that is made up for, or ``operator``.
        tick: when it was to be; None if an operator asked for it.
        state: ``running``, ``done``, ``failed``, or ``lost`` with its host.
        attempt: how often it was begun.
        seconds: how long it took; None until it has ended.
        detail: why it failed.
    """

    id: str
    cause: str
    tick: datetime | None
    state: str
    attempt: int
    began_at: datetime
    ended_at: datetime | None
    seconds: float | None
    detail: str


class ScheduleView(msgspec.Struct, frozen=True, kw_only=True):
    """One schedule of a plugin.

    Attributes:
        missed: what becomes of ticks at which it could not run.
        function, topic: what it calls, or the event that it publishes.
        state: ``waiting``, ``running``, ``paused``, ``off`` while the plugin takes no calls, or
            ``ended`` where there is no tick any more.
        next_run: when it runs next, as far as that is known.
        missed_ticks: how many ticks there was no run for.
    """

    plugin: str
    name: str
    description: str
    cron: str | None
    every: str | None
    timezone: str
    missed: str
    function: str | None
    topic: str | None
    state: str
    next_run: datetime | None
    missed_ticks: int
    last_run: RunView | None


class RunsPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some runs, the newest first; ``next`` asks for those before them."""

    runs: list[RunView]
    next: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulesParts:
    """What operators see schedules with, and change them."""

    database: Database
    registry: Registry
    journal: Journal
    planner: Planner
    claims: Claims
    runner: Runner
    entrance: Entrance


class Schedules:
    """The schedules of every tenant."""

    def __init__(self, parts: SchedulesParts) -> None:
        self._parts = parts
        self._planner = parts.planner

    async def all(
        self, *, plugin: str | None = None, tenant: str = "default"
    ) -> list[ScheduleView]:
        """Return the schedules of a tenant's plugins, or of one, in the manifests' order.

        Raises:
            NotFound: no such plugin.
        """
        if plugin is None:
            plugins = await self._parts.registry.all(tenant)
        else:
            plugins = [await self._parts.registry.get(tenant, plugin)]
        async with self._parts.database.reading() as connection:
            repository = ScheduleRepository(connection, tenant)
            rows, runs = await repository.all(), await repository.last_runs()
        return [
            _view(found, schedule, rows.get((found.id, name)), runs.get((found.id, name)))
            for found in plugins
            for name, schedule in self._planner.wanted(found).items()
        ]

    async def find(self, plugin: str, name: str, *, tenant: str = "default") -> ScheduleView:
        """Return one schedule.

        Raises:
            NotFound: no such plugin or schedule.
        """
        schedule_of(self._planner, await self._parts.registry.get(tenant, plugin), name)
        found = await self.all(plugin=plugin, tenant=tenant)
        return next(view for view in found if view.name == name)

    async def runs(
        self,
        plugin: str,
        name: str,
        *,
        limit: int = 20,
        before: int | None = None,
        tenant: str = "default",
    ) -> RunsPage:
        """Return a page of a schedule's runs, the newest first.

        Raises:
            InvalidArguments: no page of this size.
            NotFound: no such plugin or schedule.
        """
        if not 1 <= limit <= PAGE_MAX:
            raise InvalidArguments(f"A page has 1 to {PAGE_MAX} runs.", path="limit")
        found = await self._parts.registry.get(tenant, plugin)
        schedule_of(self._planner, found, name)
        async with self._parts.database.reading() as connection:
            rows = await ScheduleRepository(connection, tenant).runs(
                found.id, name, limit=limit + 1, before=before
            )
        return RunsPage(
            runs=[_run_view(row) for row in rows[:limit]],
            next=rows[limit - 1].position if len(rows) > limit else None,
        )

    async def set_paused(
        self,
        plugin: str,
        name: str,
        paused: bool,
        *,
        tenant: str = "default",
        actor: str = "host",
    ) -> ScheduleView:
        """Have a schedule wait for nothing, or go on from its next tick.

        What is running goes on. Ticks that come while it is paused are not made up for.

        Raises:
            NotFound: no such plugin or schedule.
        """
        async with self._parts.journal.change(tenant, actor) as change:
            await self._planner.plan_within(change.connection, tenant, plugin)
            found = await read_installed(change.connection, tenant, plugin)
            schedule = schedule_of(self._planner, found, name)
            repository = ScheduleRepository(change.connection, tenant)
            row = await repository.find(found.id, name)
            if row is not None and row.paused != paused:
                values = dict(UNPLANNED)
                if not paused and found.is_callable:
                    values = self._planner.from_now(found, schedule, row.anchor)
                await repository.change(found.id, name, paused=paused, **values)
                what = "schedule-paused" if paused else "schedule-resumed"
                await change.note(what, plugin, {"schedule": name})
        return await self.find(plugin, name, tenant=tenant)

    async def run_now(
        self, plugin: str, name: str, *, tenant: str = "default", actor: str = "host"
    ) -> RunView:
        """Run a schedule now, also one that is paused, and return how that ended.

        Its next tick stays what it is.

        Raises:
            NotFound: no such plugin or schedule.
            Conflict: it is running, or the plugin takes no calls.
            Overloaded: every worker is busy and the queue is full.
        """
        await self._parts.entrance.named(tenant, plugin)
        begun = await self._parts.claims.begin(tenant, plugin, name, actor)
        ended = await self._parts.runner.perform(begun) if isinstance(begun, Claimed) else begun
        if ended is None:
            raise Conflict(f"The schedule {name!r} of {plugin} was changed while it ran.")
        return _run_view(ended)


def _view(
    plugin: Installed, schedule: Schedule, row: ScheduleRow | None, run: RunRow | None
) -> ScheduleView:
    state = _state(plugin, row)
    return ScheduleView(
        plugin=plugin.name,
        name=schedule.name,
        description=schedule.description,
        cron=schedule.cron,
        every=schedule.every,
        timezone=schedule.timing.timezone,
        missed=schedule.missed.value,
        function=schedule.function,
        topic=schedule.topic,
        state=state,
        next_run=row.due_at if row is not None and state in ("waiting", "running") else None,
        missed_ticks=row.missed if row else 0,
        last_run=_run_view(run) if run else None,
    )


def _state(plugin: Installed, row: ScheduleRow | None) -> str:
    if row is not None and row.run_id is not None:
        return "running"
    if row is not None and row.paused:
        return "paused"
    if not plugin.is_callable:
        return "off"
    # One that is new is planned in a moment.
    return "ended" if row is not None and row.next_tick is None else "waiting"


def _run_view(row: RunRow) -> RunView:
    seconds = None if row.ended_at is None else (row.ended_at - row.began_at).total_seconds()
    return RunView(
        id=row.id,
        cause=row.cause,
        tick=row.tick,
        state=row.state,
        attempt=row.attempt,
        began_at=row.began_at,
        ended_at=row.ended_at,
        seconds=seconds,
        detail=row.detail,
    )
