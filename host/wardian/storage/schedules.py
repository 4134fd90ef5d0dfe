"""Schedules of plugins: when each is due, who runs it, and how its runs ended.

Whoever writes to a tenant has the tenant's lock, so what a transaction reads here is so until it
ends: of two hosts that look at one tick, the second finds it dealt with.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Executable,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from wardian.storage.database import Connection
from wardian.storage.rows import DueRow, RunRow, ScheduleRow
from wardian.storage.statements import AT, OF_NAME, OF_PLUGIN, mine
from wardian.storage.tables import plugins, schedule_runs, schedules

_S, _R = schedules.c, schedule_runs.c
_SCHEDULE = tuple(_S[name] for name in ScheduleRow.__dataclass_fields__)
_RUN = tuple(_R[name] for name in RunRow.__dataclass_fields__)

_ALL = select(*_SCHEDULE).where(mine(schedules))
_OF_PLUGIN = _ALL.where(_S.plugin_id == OF_PLUGIN)
_FIND = _OF_PLUGIN.where(_S.name == OF_NAME)

_ABANDONED = and_(_S.run_id.is_not(None), _S.lease_until < AT)
_IS_DUE = and_(
    _S.run_id.is_(None),
    _S.paused.is_(False),
    _S.due_at <= AT,
    plugins.c.state.in_(bindparam("states", expanding=True)),
)
_PLACE = func.row_number().over(partition_by=_S.tenant, order_by=_S.due_at).label("place")
_NUMBERED = (
    select(_S.tenant, _S.plugin_id, plugins.c.name.label("plugin"), _S.name, _S.due_at, _PLACE)
    .join(plugins, and_(plugins.c.tenant == _S.tenant, plugins.c.id == _S.plugin_id))
    .where(or_(_IS_DUE, _ABANDONED))
    .subquery()
)
_DUE = (
    select(_NUMBERED).where(_NUMBERED.c.place <= bindparam("of_each")).order_by(_NUMBERED.c.due_at)
)


class ScheduleRepository:
    """The schedules of one tenant, over one open transaction."""

    def __init__(self, connection: Connection, tenant: str) -> None:
        self._connection = connection.of(tenant)
        self._tenant = tenant

    async def of_plugin(self, plugin_id: str) -> dict[str, ScheduleRow]:
        """Return a plugin's schedules by name."""
        rows = await self._rows(_OF_PLUGIN, of_plugin=plugin_id)
        return {row.name: row for row in rows}

    async def all(self) -> dict[tuple[str, str], ScheduleRow]:
        """Return the tenant's schedules by plugin and name."""
        rows = await self._rows(_ALL)
        return {(row.plugin_id, row.name): row for row in rows}

    async def find(self, plugin_id: str, name: str) -> ScheduleRow | None:
        """Return one schedule."""
        rows = await self._rows(_FIND, of_plugin=plugin_id, of_name=name)
        return rows[0] if rows else None

    async def add(self, row: ScheduleRow) -> None:
        """Add a schedule."""
        await self._connection.execute(insert(schedules).values(tenant=self._tenant, **asdict(row)))

    async def change(self, plugin_id: str, name: str, **values: Any) -> None:
        """Set some of a schedule's columns."""
        await self._connection.execute(
            update(schedules).where(self._is(plugin_id, name)).values(values)
        )

    async def remove(self, plugin_id: str, name: str) -> None:
        """Remove a schedule, with its runs."""
        await self._connection.execute(delete(schedules).where(self._is(plugin_id, name)))

    async def add_run(self, row: RunRow) -> None:
        """Write down that a run has begun."""
        values = asdict(row) | {"tenant": self._tenant}
        del values["position"]
        await self._connection.execute(insert(schedule_runs).values(values))

    async def change_run(self, run_id: str, **values: Any) -> None:
        """Set some of a run's columns."""
        await self._connection.execute(
            update(schedule_runs).where(self._is_run(run_id)).values(values)
        )

    async def forget_run(self, run_id: str) -> None:
        """Remove a run that came to nothing."""
        await self._connection.execute(delete(schedule_runs).where(self._is_run(run_id)))

    async def find_run(self, run_id: str) -> RunRow | None:
        """Return one run."""
        found = await self._connection.execute(select(*_RUN).where(self._is_run(run_id)))
        row = found.mappings().one_or_none()
        return None if row is None else RunRow(**row)

    async def has_run(self, plugin_id: str, name: str, tick: datetime) -> bool:
        """Tell whether there is a run for a tick."""
        found = await self._connection.execute(
            select(_R.id).where(self._of(plugin_id, name), _R.tick == tick)
        )
        return found.first() is not None

    async def runs(
        self, plugin_id: str, name: str, *, limit: int, before: int | None = None
    ) -> list[RunRow]:
        """Return a schedule's runs, the newest first."""
        chosen = [self._of(plugin_id, name)]
        if before is not None:
            chosen.append(_R.position < before)
        found = await self._connection.execute(
            select(*_RUN).where(*chosen).order_by(_R.position.desc()).limit(limit)
        )
        return [RunRow(**row) for row in found.mappings()]

    async def last_runs(self) -> dict[tuple[str, str], RunRow]:
        """Return the newest run of each schedule, by plugin and name."""
        newest = (
            select(func.max(_R.position))
            .where(_R.tenant == self._tenant)
            .group_by(_R.plugin_id, _R.schedule)
        )
        found = await self._connection.execute(select(*_RUN).where(_R.position.in_(newest)))
        rows = [RunRow(**row) for row in found.mappings()]
        return {(row.plugin_id, row.schedule): row for row in rows}

    async def forget_runs_beyond(self, plugin_id: str, name: str, kept: int) -> None:
        """Remove a schedule's oldest runs beyond so many."""
        mine = self._of(plugin_id, name)
        last = select(_R.position).where(mine).order_by(_R.position.desc()).offset(kept).limit(1)
        await self._connection.execute(
            delete(schedule_runs).where(mine, _R.position <= last.scalar_subquery())
        )

    async def _rows(self, statement: Executable, **values: Any) -> list[ScheduleRow]:
        found = await self._connection.execute(statement, {"in_tenant": self._tenant, **values})
        return [ScheduleRow(**row) for row in found.mappings()]

    def _is(self, plugin_id: str, name: str) -> ColumnElement[bool]:
        return and_(_S.tenant == self._tenant, _S.plugin_id == plugin_id, _S.name == name)

    def _of(self, plugin_id: str, name: str) -> ColumnElement[bool]:
        return and_(_R.tenant == self._tenant, _R.plugin_id == plugin_id, _R.schedule == name)

    def _is_run(self, run_id: str) -> ColumnElement[bool]:
        return and_(_R.tenant == self._tenant, _R.id == run_id)


async def due(
    connection: Connection, at: datetime, states: Collection[str], *, of_each: int
) -> list[DueRow]:
    """Return what something is to be done about, of every tenant, the longest due first.

    That is what is due of plugins in one of ``states``, and what was left by a host that is gone;
    of each tenant no more than so many.
    """
    found = await connection.of_every_tenant().execute(
        _DUE, {"at": at, "states": list(states), "of_each": of_each}
    )
    return [
        DueRow(tenant=row.tenant, plugin_id=row.plugin_id, plugin=row.plugin, schedule=row.name)
        for row in found
    ]


async def renew(connection: Connection, owners: Collection[str], until: datetime) -> None:
    """Have the leases of ``owners``, of every tenant, last longer.

    What is being changed at this moment is left alone: to wait for it, with rows of others locked
    already, would be a deadlock as soon as whoever changes it wants those.
    """
    held = (
        select(_S.lease_owner)
        .where(_S.lease_owner.in_(list(owners)))
        .with_for_update(skip_locked=True)
    )
    await connection.of_every_tenant().execute(
        update(schedules).where(_S.lease_owner.in_(held)).values(lease_until=until)
    )
