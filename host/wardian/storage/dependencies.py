"""Which plugins of one tenant need which, without the rest of their rows."""

from __future__ import annotations

from sqlalchemy import Select, select

from wardian.storage.database import Connection
from wardian.storage.rows import DependencyRow
from wardian.storage.statements import mine
from wardian.storage.tables import plugins, tenants

_ALL = (
    select(
        plugins.c.name,
        plugins.c.plugin_version,
        plugins.c.state,
        plugins.c.state_reason,
        plugins.c.manifest["dependencies"].label("dependencies"),
    )
    .where(mine(plugins))
    .order_by(plugins.c.name)
)


class DependencyRepository:
    """The dependencies between the plugins of one tenant, over one open transaction."""

    def __init__(self, connection: Connection, tenant: str) -> None:
        self._connection = connection.of(tenant)
        self._tenant = tenant

    async def hold(self) -> None:
        """Have the next change that holds the tenant's dependencies wait for this one's end.

        Because: where writers do not take turns, one could take a plugin away while another
        enables the plugin that needs it.
        """
        if self._connection.is_alone:
            return
        await self._connection.execute(holding(self._tenant))

    async def all(self) -> list[DependencyRow]:
        """Return every plugin of the tenant, by name."""
        found = await self._connection.execute(_ALL, {"in_tenant": self._tenant})
        return [
            DependencyRow(**{**row, "dependencies": row["dependencies"] or {}})
            for row in found.mappings()
        ]


def holding(tenant: str) -> Select[tuple[str]]:
    """Lock a tenant's row, on a database that locks rows; who only refers to it goes on."""
    return select(tenants.c.name).where(tenants.c.name == tenant).with_for_update(key_share=True)
