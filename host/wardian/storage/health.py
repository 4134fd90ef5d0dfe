"""How plugins do: health and call statistics on their rows, for one tenant.

None of this is a change of the plugin: nobody is told of it, and its row's version stays.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, CursorResult, Executable, RowMapping, and_, select, update

from wardian.storage.database import Connection
from wardian.storage.rows import CallTotals, HealthRow, SurveyRow, TotalsRow
from wardian.storage.statements import OF_PLUGIN, mine
from wardian.storage.tables import plugins

_HEALTH = tuple(plugins.c[name] for name in HealthRow.__dataclass_fields__)
_TOTALS = tuple(plugins.c[name] for name in TotalsRow.__dataclass_fields__)
_SURVEY = tuple(plugins.c[name] for name in SurveyRow.__dataclass_fields__)

_CHANGE = update(plugins).where(mine(plugins, plugins.c.id == OF_PLUGIN))
_FIND_HEALTH = select(*_HEALTH).where(mine(plugins, plugins.c.id == OF_PLUGIN))


class HealthRepository:
    """How the plugins of one tenant do, over one open transaction."""

    def __init__(self, connection: Connection, tenant: str) -> None:
        self._connection = connection.of(tenant)
        self._tenant = tenant

    async def health(self, plugin_id: str) -> HealthRow | None:
        """Return what a plugin's checks found; None if it is not installed any more."""
        found = await self._execute(_FIND_HEALTH, plugin_id)
        row = found.mappings().one_or_none()
        return None if row is None else HealthRow(**row)

    async def all(self) -> dict[str, tuple[HealthRow, TotalsRow]]:
        """Return how every plugin of the tenant does, by id."""
        found = await self._connection.execute(
            select(plugins.c.id, *_HEALTH, *_TOTALS).where(plugins.c.tenant == self._tenant)
        )
        return {row["id"]: _both(row) for row in found.mappings()}

    async def of(self, plugin_id: str) -> tuple[HealthRow, TotalsRow]:
        """Return how one plugin does; of one that is not installed any more, nothing is known."""
        found = await self._connection.execute(
            select(*_HEALTH, *_TOTALS).where(self._is(plugin_id))
        )
        row = found.mappings().one_or_none()
        return (HealthRow(), TotalsRow()) if row is None else _both(row)

    async def claim(self, plugin_id: str, before: datetime | None, at: datetime) -> bool:
        """Begin a check at ``at``, unless one has begun since the one of ``before``."""
        last = plugins.c.last_health_check
        unchanged = last.is_(None) if before is None else last == before
        changed = await self._connection.execute(
            update(plugins).where(self._is(plugin_id), unchanged).values(last_health_check=at)
        )
        return bool(changed.rowcount)

    async def record(
        self, plugin_id: str, package_digest: str, states: Iterable[str], row: HealthRow
    ) -> bool:
        """Write down what the check found that began at ``row.last_health_check``.

        Nothing is written, and the answer is False, if another has begun since, or if the plugin
        is at another version, in none of ``states`` or gone.
        """
        changed = await self._connection.execute(
            update(plugins)
            .where(
                self._is(plugin_id),
                plugins.c.package_digest == package_digest,
                plugins.c.state.in_(list(states)),
                plugins.c.last_health_check == row.last_health_check,
            )
            .values(asdict(row))
        )
        return bool(changed.rowcount)

    async def reset(self, plugin_id: str) -> None:
        """Forget what a plugin's checks found."""
        await self._execute(_CHANGE, plugin_id, **asdict(HealthRow()))

    async def count(self, plugin_id: str, totals: CallTotals) -> None:
        """Add finished calls to a plugin's totals, averages included."""
        requests = plugins.c.total_requests + totals.requests
        errors = plugins.c.error_count + totals.errors
        seconds = plugins.c.avg_response_time * plugins.c.total_requests + totals.seconds
        await self._connection.execute(
            update(plugins)
            .where(self._is(plugin_id))
            .values(
                total_requests=requests,
                error_count=errors,
                avg_response_time=seconds / requests,
                success_rate=1.0 - (1.0 * errors) / requests,
            )
        )

    async def _execute(
        self, statement: Executable, plugin_id: str, **values: Any
    ) -> CursorResult[Any]:
        named = {"in_tenant": self._tenant, "of_plugin": plugin_id, **values}
        return await self._connection.execute(statement, named)

    def _is(self, plugin_id: str) -> ColumnElement[bool]:
        return and_(plugins.c.tenant == self._tenant, plugins.c.id == plugin_id)


async def survey(connection: Connection) -> list[SurveyRow]:
    """Return where every tenant's plugins are and how they feel: metrics are the host's."""
    found = await connection.of_every_tenant().execute(
        select(*_SURVEY).order_by(plugins.c.tenant, plugins.c.name)
    )
    return [SurveyRow(**row) for row in found.mappings()]


def _both(row: RowMapping) -> tuple[HealthRow, TotalsRow]:
    health = {name: row[name] for name in HealthRow.__dataclass_fields__}
    totals = {name: row[name] for name in TotalsRow.__dataclass_fields__}
    return HealthRow(**health), TotalsRow(**totals)
