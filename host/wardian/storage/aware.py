"""What plugins keep beside rows that are not theirs: of the host, or of host apps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from sqlalchemy import ColumnElement, Table, and_, delete, func, insert, select, update

from wardian.storage.database import Connection
from wardian.storage.rows import AwareRow
from wardian.storage.tables import api_keys, endpoints, plugin_aware_rows, plugins

_R = plugin_aware_rows.c
_COLUMNS = tuple(_R[name] for name in AwareRow.__dataclass_fields__)

HOST_ROWS: Mapping[str, tuple[Table, str]] = {
    "keys": (api_keys, "id"),
    "plugins": (plugins, "name"),
    "endpoints": (endpoints, "id"),
}
"""The kinds of rows that the host itself has, and what they are found by."""


class PluginAwareBase:
    """What one plugin keeps beside rows of others, over one open transaction."""

    def __init__(self, connection: Connection, tenant: str, plugin_id: str) -> None:
        self._connection = connection.of(tenant)
        self._tenant = tenant
        self._plugin_id = plugin_id

    async def find(self, kind: str, row_id: str) -> AwareRow | None:
        """Return what there is beside a row."""
        found = await self._connection.execute(
            select(*_COLUMNS).where(self._mine(), _R.kind == kind, _R.row_id == row_id)
        )
        row = found.mappings().one_or_none()
        return None if row is None else AwareRow(**row)

    async def write(self, row: AwareRow) -> None:
        """Write a row; a first version is added, any other takes the place of the one before."""
        values = asdict(row) | {"plugin_metadata": dict(row.plugin_metadata)}
        if row.version == 1:
            await self._connection.execute(
                insert(plugin_aware_rows).values(tenant=self._tenant, **values)
            )
            return
        await self._connection.execute(
            update(plugin_aware_rows)
            .where(self._mine(), _R.kind == row.kind, _R.row_id == row.row_id)
            .values(values)
        )

    async def remove(self, kind: str, row_id: str) -> bool:
        """Remove what there is beside a row; tell whether there was anything."""
        gone = await self._connection.execute(
            delete(plugin_aware_rows).where(self._mine(), _R.kind == kind, _R.row_id == row_id)
        )
        return bool(gone.rowcount)

    async def page(self, kind: str, *, after: str, limit: int) -> list[AwareRow]:
        """Return what there is beside rows of a kind, by the rows' ids, behind one of them."""
        found = await self._connection.execute(
            select(*_COLUMNS)
            .where(self._mine(), _R.kind == kind, _R.row_id > after)
            .order_by(_R.row_id)
            .limit(limit)
        )
        return [AwareRow(**row) for row in found.mappings()]

    async def outdated(self, kind: str, version: int, *, after: str, limit: int) -> list[AwareRow]:
        """Return what does not fit the schema of this version, or is not known to, as `page`."""
        found = await self._connection.execute(
            select(*_COLUMNS)
            .where(self._mine(), _R.kind == kind, _R.schema_version != version, _R.row_id > after)
            .order_by(_R.row_id)
            .limit(limit)
        )
        return [AwareRow(**row) for row in found.mappings()]

    async def counts(self) -> dict[tuple[str, int], tuple[int, int]]:
        """Return how many there are by kind and schema version, and how many with a fault."""
        faulty = func.count().filter(_R.fault != "")
        found = await self._connection.execute(
            select(_R.kind, _R.schema_version, func.count().label("rows"), faulty.label("faults"))
            .where(self._mine())
            .group_by(_R.kind, _R.schema_version)
        )
        return {(row.kind, row.schema_version): (row.rows, row.faults) for row in found}

    async def count(self) -> int:
        """Return how many there are, of every kind."""
        found = await self._connection.execute(
            select(func.count()).select_from(plugin_aware_rows).where(self._mine())
        )
        return int(found.scalar_one())

    def _mine(self) -> ColumnElement[bool]:
        return and_(_R.tenant == self._tenant, _R.plugin_id == self._plugin_id)


async def beside_row(
    connection: Connection, tenant: str, kind: str, row_id: str
) -> Sequence[tuple[str, AwareRow]]:
    """Return what plugins keep beside one row, by their names."""
    found = await connection.of(tenant).execute(
        select(plugins.c.name.label("plugin"), *_COLUMNS)
        .join(plugins, and_(plugins.c.tenant == _R.tenant, plugins.c.id == _R.plugin_id))
        .where(_R.tenant == tenant, _R.kind == kind, _R.row_id == row_id)
        .order_by(plugins.c.name)
    )
    return [
        (row["plugin"], AwareRow(**{name: row[name] for name in AwareRow.__dataclass_fields__}))
        for row in found.mappings()
    ]


async def forget_row(connection: Connection, tenant: str, kind: str, row_id: str) -> int:
    """Remove what every plugin keeps beside one row; return of how many."""
    gone = await connection.of(tenant).execute(
        delete(plugin_aware_rows).where(_R.tenant == tenant, _R.kind == kind, _R.row_id == row_id)
    )
    return gone.rowcount


async def is_there(connection: Connection, tenant: str, kind: str, row_id: str) -> bool:
    """Tell whether a row of the host's own is there; rows of others always are."""
    known = HOST_ROWS.get(kind)
    if known is None:
        return True
    table, column = known
    found = await connection.of(tenant).execute(
        select(table.c[column]).where(table.c.tenant == tenant, table.c[column] == row_id)
    )
    return found.first() is not None
