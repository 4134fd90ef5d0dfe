"""Plugins, their grants and their configuration: the rows of one tenant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import RowMapping, delete, exists, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from wardian.errors import Conflict
from wardian.storage.database import Connection
from wardian.storage.rows import CallTotals, PluginRow, now
from wardian.storage.tables import config, grants, kv_usage, packages, plugins

_COLUMNS = tuple(plugins.c[name] for name in PluginRow.__dataclass_fields__)


class PluginRepository:
    """The plugins of one tenant, over one open transaction."""

    def __init__(self, connection: Connection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    async def add(self, row: PluginRow, *, size_bytes: int) -> None:
        """Add a plugin and the package it is made of.

        Raises:
            Conflict: a plugin of this name is installed.
        """
        if not await self._has_package(row.digest):
            await self._connection.execute(
                insert(packages).values(
                    tenant=self._tenant,
                    digest=row.digest,
                    size_bytes=size_bytes,
                    created_at=row.installed_at,
                )
            )
        values = {name: getattr(row, name) for name in PluginRow.__dataclass_fields__}
        values |= {"tenant": self._tenant, "updated_at": row.installed_at}
        try:
            await self._connection.execute(insert(plugins).values(values))
        except IntegrityError as exc:
            raise Conflict(f"A plugin named {row.name!r} is installed already.") from exc
        await self._connection.execute(
            insert(kv_usage).values(
                tenant=self._tenant, plugin_id=row.id, used_bytes=0, used_keys=0
            )
        )

    async def find(self, name: str) -> PluginRow | None:
        """Return the plugin of this name, if it is installed."""
        found = await self._connection.execute(self._plugins().where(plugins.c.name == name))
        row = found.mappings().one_or_none()
        return None if row is None else _plugin(row)

    async def all(self) -> list[PluginRow]:
        """Return every plugin of the tenant, by name."""
        found = await self._connection.execute(self._plugins().order_by(plugins.c.name))
        return [_plugin(row) for row in found.mappings()]

    async def named_by_reason(self, reason: str) -> list[str]:
        """Return the names of the plugins that are in their state for this reason."""
        found = await self._connection.execute(
            select(plugins.c.name)
            .where(plugins.c.tenant == self._tenant, plugins.c.state_reason == reason)
            .order_by(plugins.c.name)
        )
        return list(found.scalars())

    async def set_state(self, plugin_id: str, state: str, reason: str) -> None:
        """Write a plugin's state and why it is in it."""
        await self._connection.execute(
            update(plugins)
            .where(plugins.c.tenant == self._tenant, plugins.c.id == plugin_id)
            .values(
                state=state,
                state_reason=reason,
                updated_at=now(),
                version=plugins.c.version + 1,
            )
        )

    async def remove(self, plugin_id: str, digest: str) -> bool:
        """Remove a plugin with all that belongs to it; tell whether its package went too."""
        tenant = self._tenant
        await self._connection.execute(
            delete(plugins).where(plugins.c.tenant == tenant, plugins.c.id == plugin_id)
        )
        used = exists().where(plugins.c.tenant == tenant, plugins.c.digest == digest)
        gone = await self._connection.execute(
            delete(packages).where(packages.c.tenant == tenant, packages.c.digest == digest, ~used)
        )
        return gone.rowcount > 0

    async def count(self, plugin_id: str, totals: CallTotals) -> None:
        """Add finished calls to a plugin's totals, averages included."""
        requests = plugins.c.total_requests + totals.requests
        errors = plugins.c.error_count + totals.errors
        seconds = plugins.c.avg_response_time * plugins.c.total_requests + totals.seconds
        await self._connection.execute(
            update(plugins)
            .where(plugins.c.tenant == self._tenant, plugins.c.id == plugin_id)
            .values(
                total_requests=requests,
                error_count=errors,
                avg_response_time=seconds / requests,
                success_rate=1.0 - (1.0 * errors) / requests,
            )
        )

    async def totals(self, plugin_id: str) -> Mapping[str, float]:
        """Return a plugin's columns of call statistics."""
        found = await self._connection.execute(
            select(
                plugins.c.total_requests,
                plugins.c.error_count,
                plugins.c.avg_response_time,
                plugins.c.success_rate,
            ).where(plugins.c.tenant == self._tenant, plugins.c.id == plugin_id)
        )
        return dict(found.mappings().one())

    async def granted(self, plugin_id: str) -> list[str]:
        """Return the permissions granted to a plugin, in order."""
        found = await self._connection.execute(
            select(grants.c.permission)
            .where(grants.c.tenant == self._tenant, grants.c.plugin_id == plugin_id)
            .order_by(grants.c.permission)
        )
        return list(found.scalars())

    async def all_granted(self) -> dict[str, list[str]]:
        """Return what `granted` does, of every plugin that was granted anything, by its id."""
        found = await self._connection.execute(
            select(grants.c.plugin_id, grants.c.permission)
            .where(grants.c.tenant == self._tenant)
            .order_by(grants.c.permission)
        )
        granted: dict[str, list[str]] = {}
        for row in found:
            granted.setdefault(row.plugin_id, []).append(row.permission)
        return granted

    async def set_granted(self, plugin_id: str, permissions: Iterable[str], by: str) -> None:
        """Replace the permissions granted to a plugin."""
        await self._connection.execute(
            delete(grants).where(grants.c.tenant == self._tenant, grants.c.plugin_id == plugin_id)
        )
        rows = [
            {
                "tenant": self._tenant,
                "plugin_id": plugin_id,
                "permission": permission,
                "granted_at": now(),
                "granted_by": by,
            }
            for permission in permissions
        ]
        if rows:
            await self._connection.execute(insert(grants), rows)

    async def config(self, plugin_id: str) -> dict[str, Any]:
        """Return what the operator set for a plugin; an empty object at first."""
        found = await self._connection.execute(
            select(config.c.settings).where(
                config.c.tenant == self._tenant, config.c.plugin_id == plugin_id
            )
        )
        return dict(found.scalar_one_or_none() or {})

    async def all_config(self) -> dict[str, dict[str, Any]]:
        """Return what `config` does, of every plugin for which anything was set, by its id."""
        found = await self._connection.execute(
            select(config.c.plugin_id, config.c.settings).where(config.c.tenant == self._tenant)
        )
        return {row.plugin_id: dict(row.settings or {}) for row in found}

    async def set_config(self, plugin_id: str, settings: Mapping[str, Any]) -> None:
        """Replace what the operator set for a plugin."""
        await self._connection.execute(
            delete(config).where(config.c.tenant == self._tenant, config.c.plugin_id == plugin_id)
        )
        await self._connection.execute(
            insert(config).values(
                tenant=self._tenant,
                plugin_id=plugin_id,
                settings=dict(settings),
                updated_at=now(),
            )
        )

    def _plugins(self) -> Any:
        return select(*_COLUMNS).where(plugins.c.tenant == self._tenant)

    async def _has_package(self, digest: str) -> bool:
        found = await self._connection.execute(
            select(func.count())
            .select_from(packages)
            .where(packages.c.tenant == self._tenant, packages.c.digest == digest)
        )
        return bool(found.scalar_one())


async def digests_in_use(connection: Connection) -> set[str]:
    """Return the digests that any tenant's packages name."""
    found = await connection.execute(select(packages.c.digest).distinct())
    return set(found.scalars())


def _plugin(row: RowMapping) -> PluginRow:
    return PluginRow(**row)
