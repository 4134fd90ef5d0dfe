"""One host begins a run, and writes down how it ended.

That a tick is dealt with and who has its run are written in one transaction, in which nobody else
writes to the tenant: two hosts that look at one tick never both run it. A host that is killed in
the middle leaves a lease behind, which ends; then the same run is begun anew, by any host, up to
`ATTEMPTS_MAX` times. An event is published in that very transaction, and so exactly once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from wardian.crypto.identifiers import new_id
from wardian.errors import Conflict, NotFound
from wardian.events import Events
from wardian.plugins import Installed
from wardian.plugins.registry import read_installed
from wardian.plugins.schedules import Schedule
from wardian.policy.permissions import Permission
from wardian.runtime.calls import Calls
from wardian.runtime.journal import Change, Journal
from wardian.runtime.schedules.grid import Cause, decide
from wardian.runtime.schedules.planning import Planner
from wardian.storage.rows import DueRow, RunRow, ScheduleRow
from wardian.storage.schedules import ScheduleRepository
from wardian.telemetry import Telemetry

ATTEMPTS_MAX = 3
"""How often a run is begun whose host is lost each time."""

PUT_OFF = timedelta(seconds=5)
"""How long a run waits that could not be begun for no fault of the plugin's."""

REST = timedelta(seconds=60)
"""How long a schedule is left alone whose plugin cannot be run now."""

_FREE: dict[str, Any] = {"run_id": None, "lease_owner": None, "lease_until": None}


class RunState(StrEnum):
    """How far a run has come."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A run that this host is to make, for as long as it holds the lease."""

    tenant: str
    plugin: Installed
    schedule: Schedule
    run: RunRow
    owner: str
    timing: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimParts:
    """What runs are begun and ended with."""

    journal: Journal
    events: Events
    planner: Planner
    calls: Calls
    telemetry: Telemetry


class Claims:
    """Begins and ends runs."""

    def __init__(self, parts: ClaimParts) -> None:
        self._parts = parts

    async def take(self, due: DueRow) -> Claimed | None:
        """Deal with what is due; return a run if this host is to make one."""
        async with self._parts.journal.change(due.tenant, "host") as change:
            taking = _Taking(self._parts, change)
            row = await taking.repository.find(due.plugin_id, due.schedule)
            if row is None:
                return None
            if row.run_id is not None:
                return await taking.over(row, due.plugin)
            return await taking.tick(row, due.plugin)

    async def begin(self, tenant: str, plugin: str, schedule: str, actor: str) -> Claimed | RunRow:
        """Begin a run that an operator asks for; return it, or its end if it had one at once.

        Raises:
            NotFound: no such plugin or schedule.
            Conflict: it is running.
        """
        async with self._parts.journal.change(tenant, actor) as change:
            taking = _Taking(self._parts, change)
            return await taking.by_operator(plugin, schedule)

    async def finish(self, claimed: Claimed, state: RunState, detail: str = "") -> RunRow | None:
        """Write down how a run ended; None if it is another host's by now."""
        async with self._parts.journal.change(claimed.tenant, "host") as change:
            taking = _Taking(self._parts, change)
            if await taking.held(claimed) is None:
                return None
            return await taking.end(claimed.plugin, claimed.run, state, detail)

    async def put_off(self, claimed: Claimed) -> None:
        """Have a run that was not begun be one that is due in a moment."""
        async with self._parts.journal.change(claimed.tenant, "host") as change:
            taking = _Taking(self._parts, change)
            row = await taking.held(claimed)
            if row is not None:
                await taking.forget(claimed, row)

    async def release(self, claimed: Claimed) -> None:
        """Let others have a run at once that this host does not end."""
        planner = self._parts.planner
        async with self._parts.journal.change(claimed.tenant, "host") as change:
            taking = _Taking(self._parts, change)
            row = await taking.held(claimed)
            if row is not None:
                gone = planner.now() - timedelta(microseconds=1)
                await taking.change_row(row, lease_until=gone)
                await taking.repository.change_run(claimed.run.id, attempt=claimed.run.attempt - 1)


class _Taking:
    """What is done about one schedule within one transaction."""

    def __init__(self, parts: ClaimParts, change: Change) -> None:
        self._parts = parts
        self._change = change
        self._planner = parts.planner
        self.repository = ScheduleRepository(change.connection, change.tenant)

    async def tick(self, row: ScheduleRow, name: str) -> Claimed | None:
        """Deal with the ticks that are due."""
        at = self._planner.now()
        if row.paused or row.next_tick is None or row.due_at is None or row.due_at > at:
            return None
        plugin, schedule = await self._found(row, name)
        if plugin is None or schedule is None:
            await self.change_row(row, due_at=at + REST)
            return None
        grid = self._planner.grid(plugin, schedule, row.anchor)
        made = decide(grid, row.next_tick, at, schedule.missed, self._planner.policy)
        following = made.next_tick
        await self.change_row(
            row,
            next_tick=following,
            due_at=following and grid.due_at(following),
            missed=row.missed + made.missed,
        )
        await self._tell_missed(plugin, schedule, made.missed)
        if made.run is None or await self.repository.has_run(row.plugin_id, row.name, made.run):
            return None  # a clock that was set back, and a resume, must not run a tick again
        begun = await self._begin(plugin, schedule, made.cause, made.run)
        return begun if isinstance(begun, Claimed) else None

    async def over(self, row: ScheduleRow, name: str) -> Claimed | None:
        """Take over a run whose host is gone, or give it up."""
        at = self._planner.now()
        if row.lease_until is not None and row.lease_until >= at:
            return None
        plugin, schedule = await self._found(row, name)
        run = await self.repository.find_run(row.run_id or "")
        if run is None:
            await self.change_row(row, **_FREE)
            return None
        if plugin is None or schedule is None or row.paused or not _may_begin_anew(run):
            detail = f"Its host was lost, {run.attempt} times." if run.attempt > 1 else _LOST
            await self.end(plugin or name, run, RunState.LOST, detail)
            return None
        run = replace(run, attempt=run.attempt + 1)
        await self.repository.change_run(run.id, attempt=run.attempt)
        return await self._lease(plugin, schedule, run)

    async def by_operator(self, name: str, schedule_name: str) -> Claimed | RunRow:
        change = self._change
        await self._planner.plan_within(change.connection, change.tenant, name)
        plugin = await read_installed(change.connection, change.tenant, name)
        schedule = schedule_of(self._planner, plugin, schedule_name)
        row = await self.repository.find(plugin.id, schedule_name)
        if row is not None and row.run_id is not None:
            raise Conflict(
                f"The schedule {schedule_name!r} of {name} is running; wait until that has ended."
            )
        await change.note("schedule-run", name, {"schedule": schedule_name})
        return await self._begin(plugin, schedule, Cause.OPERATOR, None)

    async def held(self, claimed: Claimed) -> ScheduleRow | None:
        """Return the row of a run, if it is still its holder's."""
        row = await self.repository.find(claimed.plugin.id, claimed.schedule.name)
        return row if row is not None and row.lease_owner == claimed.owner else None

    async def end(
        self, plugin: Installed | str, run: RunRow, state: RunState, detail: str
    ) -> RunRow:
        ended = replace(run, state=state.value, detail=detail, ended_at=self._planner.now())
        await self.repository.change_run(
            run.id, state=ended.state, detail=detail, ended_at=ended.ended_at
        )
        await self.repository.change(run.plugin_id, run.schedule, **_FREE)
        await self._tell_ended(plugin if isinstance(plugin, str) else plugin.name, ended)
        return ended

    async def forget(self, claimed: Claimed, row: ScheduleRow) -> None:
        again: dict[str, Any] = {}
        # Unless the schedule is another one by now, or its operator was who asked for the run.
        if claimed.run.tick is not None and row.timing == claimed.timing and not row.paused:
            again = {"next_tick": claimed.run.tick, "due_at": self._planner.now() + PUT_OFF}
        await self.repository.forget_run(claimed.run.id)
        await self.change_row(row, **_FREE, **again)

    async def change_row(self, row: ScheduleRow, **values: Any) -> None:
        await self.repository.change(row.plugin_id, row.name, **values)

    async def _found(self, row: ScheduleRow, name: str) -> tuple[Installed | None, Schedule | None]:
        """Return a plugin that takes calls and its schedule, if it is still the one of the row."""
        change = self._change
        try:
            plugin = await read_installed(change.connection, change.tenant, name)
        except NotFound:
            return None, None
        if plugin.id != row.plugin_id or not plugin.is_callable:
            return None, None
        schedule = self._planner.wanted(plugin).get(row.name)
        is_same = schedule is not None and str(schedule.timing) == row.timing
        return plugin, schedule if is_same else None

    async def _begin(
        self, plugin: Installed, schedule: Schedule, cause: Cause, tick: datetime | None
    ) -> Claimed | RunRow:
        run = RunRow(
            id=new_id(),
            plugin_id=plugin.id,
            schedule=schedule.name,
            cause=cause.value,
            tick=tick,
            began_at=self._planner.now(),
        )
        await self.repository.add_run(run)
        kept = self._planner.policy.runs_kept
        await self.repository.forget_runs_beyond(plugin.id, schedule.name, kept)
        if schedule.topic is None:
            return await self._lease(plugin, schedule, run)
        refusal = await self._publish(plugin, schedule, schedule.topic, run)
        state = RunState.FAILED if refusal else RunState.DONE
        return await self.end(plugin, run, state, refusal)

    async def _lease(self, plugin: Installed, schedule: Schedule, run: RunRow) -> Claimed:
        owner = new_id()
        await self.repository.change(
            plugin.id,
            schedule.name,
            run_id=run.id,
            lease_owner=owner,
            lease_until=self._planner.now() + self._planner.policy.lease,
        )
        return Claimed(
            tenant=self._change.tenant,
            plugin=plugin,
            schedule=schedule,
            run=run,
            owner=owner,
            timing=str(schedule.timing),
        )

    async def _publish(self, plugin: Installed, schedule: Schedule, topic: str, run: RunRow) -> str:
        """Publish a schedule's event in the plugin's name; return why it may not be."""
        wanted = Permission("events:publish", topic)
        refusal = self._parts.calls.authority(plugin).refusal(wanted)
        if refusal is not None:
            return refusal.reason
        event = await self._parts.events.record(
            self._change.connection,
            plugin.tenant,
            topic,
            schedule.data,
            correlation_id=run.id,
            source=f"plugin:{plugin.name}",
        )
        self._change.noted.append(event)
        return ""

    async def _tell_missed(self, plugin: Installed, schedule: Schedule, missed: int) -> None:
        if missed:
            detail = {"schedule": schedule.name, "missed": missed, "policy": schedule.missed.value}
            await self._change.note_schedule("missed", plugin.name, detail)
            self._parts.telemetry.schedule_ended(plugin.tenant, plugin.name, "missed", missed)

    async def _tell_ended(self, plugin: str, run: RunRow) -> None:
        self._parts.telemetry.schedule_ended(self._change.tenant, plugin, run.state)
        if run.state != RunState.DONE:
            detail = {
                "schedule": run.schedule,
                "run": run.id,
                "outcome": run.state,
                "reason": run.detail,
            }
            await self._change.note_schedule("failed", plugin, detail)


_LOST = "Its host was lost."


def schedule_of(planner: Planner, plugin: Installed, name: str) -> Schedule:
    """Return a schedule of a plugin.

    Raises:
        NotFound: it has none of this name.
    """
    found = planner.wanted(plugin).get(name)
    if found is None:
        known = ", ".join(planner.wanted(plugin)) or "none"
        raise NotFound(f"{plugin.name} has no schedule {name[:80]!r}; it has: {known}.")
    return found


def _may_begin_anew(run: RunRow) -> bool:
    return run.attempt < ATTEMPTS_MAX and run.cause != Cause.OPERATOR
