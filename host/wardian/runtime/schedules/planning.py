"""Rows in step with manifests: a schedule comes, changes and goes with its plugin's version."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from wardian.errors import NotFound
from wardian.plugins import Installed
from wardian.plugins.registry import read_installed
from wardian.plugins.schedules import Schedule
from wardian.runtime.schedules.grid import Grid, SchedulePolicy
from wardian.storage import Connection, Database
from wardian.storage.rows import ScheduleRow, now
from wardian.storage.schedules import ScheduleRepository

UNPLANNED: Mapping[str, datetime | None] = {"next_tick": None, "due_at": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """One row to be added, changed or removed."""

    name: str
    add: ScheduleRow | None = None
    change: Mapping[str, Any] = field(default_factory=dict)


class Planner:
    """Plans schedules.

    Attributes:
        policy: the operator's.
        now: the wall clock.
    """

    def __init__(
        self, database: Database, policy: SchedulePolicy, clock: Callable[[], datetime] = now
    ) -> None:
        self._database = database
        self.policy = policy
        self.now = clock

    async def plan(self, tenant: str, name: str) -> None:
        """Have a plugin's rows be what its manifest says, if there is such a plugin."""
        try:
            async with self._database.reading() as connection:
                if not await self._steps(connection, tenant, name):
                    return
            async with self._database.transaction() as connection:
                # Read again: what was read before may be of another version by now.
                await self.plan_within(connection, tenant, name)
        except NotFound:
            return

    async def plan_within(self, connection: Connection, tenant: str, name: str) -> None:
        """Do so in a transaction that writes.

        Raises:
            NotFound: no such plugin.
        """
        plugin = await read_installed(connection, tenant, name)
        repository = ScheduleRepository(connection, tenant)
        for step in await self._steps(connection, tenant, name):
            if step.add is not None:
                await repository.add(step.add)
            elif step.change:
                await repository.change(plugin.id, step.name, **step.change)
            else:
                await repository.remove(plugin.id, step.name)

    def wanted(self, plugin: Installed) -> dict[str, Schedule]:
        """Return the schedules of a plugin that this host takes, by name."""
        taken = plugin.manifest.schedule[: self.policy.schedules_max]
        return {schedule.name: schedule for schedule in taken}

    def grid(self, plugin: Installed, schedule: Schedule, anchor: datetime) -> Grid:
        """Return the ticks of a schedule."""
        return Grid(
            timing=schedule.timing,
            anchor=anchor,
            apart=self.policy.apart,
            jitter=self.policy.jitter,
            seed=f"{plugin.tenant}/{plugin.id}/{schedule.name}",
        )

    def from_now(self, plugin: Installed, schedule: Schedule, anchor: datetime) -> dict[str, Any]:
        """Return the columns of a schedule whose next tick is the first one from now on."""
        grid = self.grid(plugin, schedule, anchor)
        tick = grid.first(self.now())
        return {"next_tick": tick, "due_at": tick and grid.due_at(tick)}

    async def _steps(self, connection: Connection, tenant: str, name: str) -> list[_Step]:
        plugin = await read_installed(connection, tenant, name)
        if not plugin.is_readable:
            return []  # what its manifest says is not known now
        rows = await ScheduleRepository(connection, tenant).of_plugin(plugin.id)
        wanted = self.wanted(plugin)
        gone = [_gone(row) for name, row in rows.items() if name not in wanted]
        return [step for step in gone if step] + list(self._kept(plugin, wanted, rows))

    def _kept(
        self, plugin: Installed, wanted: Mapping[str, Schedule], rows: Mapping[str, ScheduleRow]
    ) -> Iterator[_Step]:
        anchor = self.now().replace(microsecond=0)
        for name, schedule in wanted.items():
            row, timing = rows.get(name), str(schedule.timing)
            if row is None:
                values = self._begun(plugin, schedule, anchor)
                added = ScheduleRow(
                    plugin_id=plugin.id, name=name, timing=timing, anchor=anchor, **values
                )
                yield _Step(name=name, add=added)
            elif row.timing != timing:
                values = self._begun(plugin, schedule, anchor, paused=row.paused)
                yield _Step(name=name, change={"timing": timing, "anchor": anchor, **values})
            elif row.next_tick is None:
                values = self._begun(plugin, schedule, row.anchor, paused=row.paused)
                if values["next_tick"] is not None:
                    yield _Step(name=name, change=values)

    def _begun(
        self, plugin: Installed, schedule: Schedule, anchor: datetime, *, paused: bool = False
    ) -> dict[str, Any]:
        """Plan from now; a plugin that was never switched on misses nothing yet."""
        if paused or not plugin.is_callable:
            return dict(UNPLANNED)
        return self.from_now(plugin, schedule, anchor)


def _gone(row: ScheduleRow) -> _Step | None:
    """Remove a schedule that the manifest has no more; a pause outlives that, for if it returns."""
    if not row.paused:
        return _Step(name=row.name)
    if not row.timing:
        return None
    return _Step(name=row.name, change={"timing": "", "run_id": None, **UNPLANNED})
