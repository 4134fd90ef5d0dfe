"""Which permissions one plugin needed while it was monitored, and whether it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

from sqlalchemy import and_, delete, insert, select, update

from wardian.storage.database import Connection
from wardian.storage.rows import PermissionUseRow, now
from wardian.storage.tables import permission_uses, plugins

_COLUMNS = tuple(permission_uses.c[name] for name in PermissionUseRow.__dataclass_fields__)


class PermissionUseRepository:
    """The uses of one plugin of one tenant, over one open transaction."""

    def __init__(self, connection: Connection, tenant: str, plugin_id: str) -> None:
        self._connection = connection.of(tenant, plugin_id)
        self._owner = {"tenant": tenant, "plugin_id": plugin_id}
        self._mine = and_(
            permission_uses.c.tenant == tenant, permission_uses.c.plugin_id == plugin_id
        )
        self._plugin = and_(plugins.c.tenant == tenant, plugins.c.id == plugin_id)

    async def all(self) -> list[PermissionUseRow]:
        """Return every use, by permission."""
        found = await self._connection.execute(
            select(*_COLUMNS)
            .where(self._mine)
            .order_by(permission_uses.c.permission, permission_uses.c.refused_by)
        )
        return [PermissionUseRow(**row) for row in found.mappings()]

    async def owner_exists(self) -> bool:
        """Tell whether the plugin is installed still: uses of another belong to nobody."""
        found = await self._connection.execute(select(plugins.c.id).where(self._plugin))
        return found.one_or_none() is not None

    async def add(self, rows: Iterable[PermissionUseRow]) -> None:
        """Add rows for permissions that have none."""
        values = [{**self._owner, **asdict(row)} for row in rows]
        if values:
            await self._connection.execute(insert(permission_uses), values)

    async def count(self, row: PermissionUseRow) -> None:
        """Add the uses of ``row`` to the row that there is."""
        await self._connection.execute(
            update(permission_uses)
            .where(
                self._mine,
                permission_uses.c.permission == row.permission,
                permission_uses.c.refused_by == row.refused_by,
            )
            .values(
                uses=permission_uses.c.uses + row.uses,
                last_at=row.last_at,
                last_call_id=row.last_call_id,
            )
        )

    async def clear(self) -> None:
        """Forget every use."""
        await self._connection.execute(delete(permission_uses).where(self._mine))

    async def set_monitored(self, monitored: bool) -> None:
        """Write whether the plugin's use of permissions is recorded."""
        await self._connection.execute(
            update(plugins)
            .where(self._plugin)
            .values(monitored=monitored, updated_at=now(), version=plugins.c.version + 1)
        )
