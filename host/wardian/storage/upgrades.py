"""Upgrades and rollbacks of one tenant's plugins, and what was in their storage before."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy import (
    CursorResult,
    Executable,
    and_,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)

from wardian.storage.database import Connection
from wardian.storage.rows import PastUpgradeRow, UpgradeRow, now
from wardian.storage.statements import OF_ID, OF_PLUGIN, mine
from wardian.storage.tables import kv, kv_snapshots, kv_usage, upgrades

RUNNING = "running"
SWAPPED = "swapped"
COMMITTED = "committed"
ROLLED_BACK = "rolled-back"
"""How far an upgrade is, or how it ended."""

_COLUMNS = tuple(upgrades.c[name] for name in UpgradeRow.__dataclass_fields__)
_PAST_COLUMNS = tuple(upgrades.c[name] for name in PastUpgradeRow.__dataclass_fields__)

_ADD = insert(upgrades)
_CHANGE = update(upgrades).where(mine(upgrades, upgrades.c.id == OF_ID))
_NEWEST_FIRST = (
    select(*_COLUMNS)
    .where(mine(upgrades))
    .order_by(upgrades.c.started_at.desc(), upgrades.c.id.desc())
)
_FIND = _NEWEST_FIRST.where(upgrades.c.id == OF_ID)
_RUNNING = _NEWEST_FIRST.where(upgrades.c.outcome.in_((RUNNING, SWAPPED)))
_OF_PLUGIN = _NEWEST_FIRST.where(upgrades.c.plugin_id == OF_PLUGIN)
_PAST = _OF_PLUGIN.with_only_columns(*_PAST_COLUMNS)


class UpgradeRepository:
    """The upgrades of one tenant, over one open transaction."""

    def __init__(self, connection: Connection, tenant: str) -> None:
        self._connection = connection.of(tenant)
        self._tenant = tenant

    async def add(self, row: UpgradeRow) -> None:
        """Write down that an upgrade begins."""
        values = asdict(row) | {"report": dict(row.report)}
        await self._connection.execute(_ADD, {"tenant": self._tenant, **values})

    async def change(self, upgrade_id: str, **values: Any) -> None:
        """Change columns of an upgrade."""
        await self._execute(_CHANGE, of_id=upgrade_id, **values)

    async def end(self, upgrade_id: str, outcome: str, reason: str = "") -> None:
        """Write down how an upgrade ended."""
        await self.change(upgrade_id, outcome=outcome, reason=reason, ended_at=now())

    async def find(self, upgrade_id: str) -> UpgradeRow | None:
        """Return an upgrade."""
        return next(iter(await self._rows(_FIND, of_id=upgrade_id)), None)

    async def running(self) -> list[UpgradeRow]:
        """Return the upgrades that have not ended."""
        return await self._rows(_RUNNING)

    async def of_plugin(self, plugin_id: str) -> list[UpgradeRow]:
        """Return a plugin's upgrades, the newest first."""
        return await self._rows(_OF_PLUGIN, of_plugin=plugin_id)

    async def past(self, plugin_id: str) -> list[PastUpgradeRow]:
        """Return the little of what `of_plugin` does that tells which of them still matter."""
        found = await self._execute(_PAST, of_plugin=plugin_id)
        return [PastUpgradeRow(**row) for row in found.mappings()]

    async def _rows(self, statement: Executable, **values: Any) -> list[UpgradeRow]:
        found = await self._execute(statement, **values)
        return [UpgradeRow(**row) for row in found.mappings()]

    async def _execute(self, statement: Executable, **values: Any) -> CursorResult[Any]:
        return await self._connection.execute(statement, {"in_tenant": self._tenant, **values})

    async def remove(self, upgrade_id: str) -> None:
        """Forget an upgrade and its snapshot."""
        await self._connection.execute(
            delete(upgrades).where(upgrades.c.tenant == self._tenant, upgrades.c.id == upgrade_id)
        )

    async def snapshot(self, upgrade_id: str, plugin_id: str) -> int:
        """Copy a plugin's stored entries; return how many there are."""
        mine = and_(kv.c.tenant == self._tenant, kv.c.plugin_id == plugin_id)
        entries = select(
            kv.c.tenant, literal(upgrade_id), kv.c.key, kv.c.value, kv.c.expires_at
        ).where(mine)
        copied = await self._connection.execute(
            insert(kv_snapshots).from_select(
                ["tenant", "upgrade_id", "key", "value", "expires_at"], entries
            )
        )
        return copied.rowcount

    async def restore(self, upgrade_id: str, plugin_id: str) -> None:
        """Put a plugin's stored entries back to what they were, and count them again."""
        tenant = self._tenant
        await self._connection.execute(
            delete(kv).where(kv.c.tenant == tenant, kv.c.plugin_id == plugin_id)
        )
        kept = and_(kv_snapshots.c.tenant == tenant, kv_snapshots.c.upgrade_id == upgrade_id)
        entries = select(
            kv_snapshots.c.tenant,
            literal(plugin_id),
            kv_snapshots.c.key,
            kv_snapshots.c.value,
            kv_snapshots.c.expires_at,
        ).where(kept)
        await self._connection.execute(
            insert(kv).from_select(["tenant", "plugin_id", "key", "value", "expires_at"], entries)
        )
        size = func.length(kv_snapshots.c.key) + func.length(kv_snapshots.c.value)
        counted = await self._connection.execute(
            select(func.coalesce(func.sum(size), 0), func.count()).where(kept)
        )
        totals: Any = counted.one()
        await self._connection.execute(
            update(kv_usage)
            .where(kv_usage.c.tenant == tenant, kv_usage.c.plugin_id == plugin_id)
            .values(used_bytes=int(totals[0]), used_keys=int(totals[1]))
        )

    async def forget_snapshot(self, upgrade_id: str) -> None:
        """Keep an upgrade's snapshot no longer."""
        await self._connection.execute(
            delete(kv_snapshots).where(
                kv_snapshots.c.tenant == self._tenant, kv_snapshots.c.upgrade_id == upgrade_id
            )
        )
