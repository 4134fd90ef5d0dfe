"""Key-value entries of one plugin in one tenant, with their quota.

Keys and values are UTF-8 bytes. Every method that writes must run in `Database.transaction`: the
quota is read, checked and changed in it, so concurrent writers cannot pass it together. It covers
all namespaces of a plugin; the name of one counts with each of its keys.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    case,
    delete,
    func,
    insert,
    or_,
    select,
    true,
    update,
)

from wardian.errors import NotFound
from wardian.storage.accounting import stored_bytes
from wardian.storage.database import Connection
from wardian.storage.kv_layout import NAMELESS, NAMESPACES_MAX, Namespace
from wardian.storage.tables import kv, kv_usage


class QuotaExceeded(Exception):
    """The write would pass the quota; nothing of it was kept once the transaction ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What one plugin may keep: bytes of keys and values together, and number of keys.

    Attributes:
        of_tenant: what a tenant may keep of everything, by its name; None has no bound. Plugins
            that write at once may pass it by one entry each.
    """

    bytes: int
    keys: int
    of_tenant: Callable[[str], int | None] = lambda tenant: None


@dataclass(frozen=True, slots=True)
class Entry:
    """A value and when it goes (Unix milliseconds)."""

    value: bytes
    expires_at: int | None


class KvRepository:
    """The entries of one namespace of a plugin of one tenant, over one open transaction."""

    def __init__(
        self,
        connection: Connection,
        tenant: str,
        plugin_id: str,
        namespace: Namespace = NAMELESS,
    ) -> None:
        self._namespace = namespace
        self._connection = connection.of(tenant, plugin_id)
        self._owner = {"tenant": tenant, "plugin_id": plugin_id}
        self._mine = and_(kv.c.tenant == tenant, kv.c.plugin_id == plugin_id)
        self._usage = and_(kv_usage.c.tenant == tenant, kv_usage.c.plugin_id == plugin_id)

    async def get(self, key: bytes) -> Entry | None:
        """Return the entry at ``key``, unless there is none or its time is over."""
        found = await self._connection.execute(
            select(kv.c.value, kv.c.expires_at).where(self._mine, self._is(key), alive())
        )
        row = found.one_or_none()
        return None if row is None else Entry(row.value, row.expires_at)

    async def keys(self, prefix: bytes, after: bytes | None, limit: int) -> list[bytes]:
        """Return up to ``limit`` keys with ``prefix`` that come after ``after``, in byte order."""
        chosen = [self._mine, alive(), self._within(prefix)]
        if after is not None:
            chosen.append(kv.c.key > self._namespace.stored(after))
        found = await self._connection.execute(
            select(kv.c.key).where(*chosen).order_by(kv.c.key).limit(limit)
        )
        return [self._namespace.bare(key) for key in found.scalars()]

    async def namespaces(self) -> list[str]:
        """Return the names of the plugin's namespaces that have an entry, in byte order."""
        return sorted(await self._names(alive()))

    async def put(self, key: bytes, entry: Entry, quota: Quota) -> None:
        """Write an entry, whatever was there.

        Raises:
            QuotaExceeded: the plugin would keep more than ``quota``, or have one namespace more
                than `NAMESPACES_MAX`.
            NotFound: the plugin was uninstalled while this call ran.
        """
        used_bytes, used_keys, old = await self._lock_usage(key)
        stored = self._namespace.stored(key)
        size = len(stored) + len(entry.value)
        is_one_too_many = old is None and await self._is_one_too_many()
        if is_one_too_many or _passes(quota, used_bytes, used_keys, old, size):
            used_bytes, used_keys = await self._purge(used_bytes, used_keys)
            old = await self._size(key)
            if _passes(quota, used_bytes, used_keys, old, size):
                raise QuotaExceeded(
                    f"{used_bytes} bytes in {used_keys} keys are kept, and {size} bytes more would "
                    f"pass the quota of {quota.bytes} bytes and {quota.keys} keys"
                )
            if is_one_too_many and await self._is_one_too_many():
                raise QuotaExceeded(f"{NAMESPACES_MAX} namespaces are kept, as many as may be")
        await self._check_tenant(quota, size - (old or 0))
        values = {"value": entry.value, "expires_at": entry.expires_at}
        if old is None:
            await self._connection.execute(insert(kv).values(**self._owner, key=stored, **values))
        else:
            await self._connection.execute(
                update(kv).where(self._mine, self._is(key)).values(values)
            )
        await self._set_usage(used_bytes + size - (old or 0), used_keys + (old is None))

    async def delete(self, key: bytes) -> bool:
        """Remove the entry at ``key``; tell whether there was one."""
        used_bytes, used_keys, size = await self._lock_usage(key)
        if size is None:
            return False
        was_there = await self.get(key) is not None
        await self._connection.execute(delete(kv).where(self._mine, self._is(key)))
        await self._set_usage(used_bytes - size, used_keys - 1)
        return was_there

    async def clear(self, prefix: bytes = b"") -> int:
        """Remove the namespace's entries that start with ``prefix``; return how many there were.

        Raises:
            NotFound: the plugin was uninstalled while this call ran.
        """
        return await self._clear(self._within(prefix))

    async def clear_all(self) -> int:
        """Remove the entries of all the plugin's namespaces; return how many there were.

        Raises:
            NotFound: the plugin was uninstalled while this call ran.
        """
        return await self._clear(true())

    async def usage(self) -> tuple[int, int]:
        """Return the bytes and keys counted for the plugin, expired ones not yet purged too."""
        found = await self._connection.execute(
            select(kv_usage.c.used_bytes, kv_usage.c.used_keys).where(self._usage)
        )
        row = found.one_or_none()
        return (0, 0) if row is None else (row.used_bytes, row.used_keys)

    async def _clear(self, chosen: ColumnElement[bool]) -> int:
        used_bytes, used_keys, _ = await self._lock_usage()
        sizes = self._sizes().add_columns(case((alive(), 1), else_=0).label("alive"))
        gone = sizes.where(chosen).subquery()
        found = await self._connection.execute(
            select(
                func.coalesce(func.sum(gone.c.size), 0),
                func.count(),
                func.coalesce(func.sum(gone.c.alive), 0),
            ).select_from(gone)
        )
        size, keys, were_there = map(int, found.one())
        await self._connection.execute(delete(kv).where(self._mine, chosen))
        await self._set_usage(used_bytes - size, used_keys - keys)
        return were_there

    async def _check_tenant(self, quota: Quota, more: int) -> None:
        tenant = self._owner["tenant"]
        most = quota.of_tenant(tenant)
        if most is None or more <= 0:
            return
        kept = (await stored_bytes(self._connection, tenant, self._owner["plugin_id"])).total
        if kept + more > most:
            raise QuotaExceeded(
                f"the tenant keeps {kept} bytes, and {more} bytes more would pass its quota of "
                f"{most} bytes of storage"
            )

    async def _is_one_too_many(self) -> bool:
        """Tell whether an entry here would be the first of more namespaces than there may be.

        What has expired counts until it is purged: else it could be written anew afterwards.
        """
        if self._namespace == NAMELESS:
            return False
        one = select(kv.c.key).where(self._mine, self._within()).limit(1)
        if (await self._connection.execute(one)).first() is not None:
            return False
        return len(await self._names(true())) >= NAMESPACES_MAX

    async def _names(self, chosen: ColumnElement[bool]) -> list[str]:
        """Jump from each namespace to the next, so that their keys are not all looked at."""
        names: list[str] = []
        _, end = NAMELESS.run()
        while True:
            found = await self._connection.execute(
                select(kv.c.key)
                .where(self._mine, chosen, kv.c.key >= end)
                .order_by(kv.c.key)
                .limit(1)
            )
            key = found.scalar_one_or_none()
            if key is None:
                return names
            namespace = Namespace.of(key)
            names.append(namespace.name)
            _, end = namespace.run()

    async def _lock_usage(self, key: bytes = b"") -> tuple[int, int, int | None]:
        """Hold the counters until the transaction ends; return them and the size at ``key``.

        There is nothing at an empty key.

        Raises:
            NotFound: the plugin was uninstalled while this call ran.
        """
        size = self._sizes().where(self._is(key)).scalar_subquery().label("size")
        found = await self._connection.execute(
            select(kv_usage.c.used_bytes, kv_usage.c.used_keys, size)
            .where(self._usage)
            .with_for_update(of=kv_usage)
        )
        row = found.one_or_none()
        if row is None:
            raise NotFound("The plugin is not installed any more.")
        return row.used_bytes, row.used_keys, row.size

    async def _purge(self, used_bytes: int, used_keys: int) -> tuple[int, int]:
        """Remove what has expired, now that its room is needed, and count again."""
        expired = and_(self._mine, kv.c.expires_at <= now_ms())
        gone = await self._connection.execute(delete(kv).where(expired))
        if gone.rowcount == 0:
            # A plugin at its quota may try again and again: no counting of all its keys for that.
            return used_bytes, used_keys
        left = self._sizes().subquery()
        found = await self._connection.execute(
            select(func.coalesce(func.sum(left.c.size), 0), func.count()).select_from(left)
        )
        counted: Any = found.one()
        used_bytes, used_keys = int(counted[0]), int(counted[1])
        await self._set_usage(used_bytes, used_keys)
        return used_bytes, used_keys

    async def _size(self, key: bytes) -> int | None:
        found = await self._connection.execute(self._sizes().where(self._is(key)))
        return found.scalar_one_or_none()

    def _is(self, key: bytes) -> ColumnElement[bool]:
        return kv.c.key == self._namespace.stored(key)

    def _within(self, prefix: bytes = b"") -> ColumnElement[bool]:
        start, end = self._namespace.run(prefix)
        return and_(kv.c.key >= start, kv.c.key < end)

    def _sizes(self) -> Select[int]:
        size = func.length(kv.c.key) + func.length(kv.c.value)
        return select(size.label("size")).where(self._mine)

    async def _set_usage(self, used_bytes: int, used_keys: int) -> None:
        await self._connection.execute(
            update(kv_usage).where(self._usage).values(used_bytes=used_bytes, used_keys=used_keys)
        )


def _passes(quota: Quota, used_bytes: int, used_keys: int, old: int | None, size: int) -> bool:
    """Tell whether writing ``size`` bytes over ``old`` ones is refused; to shrink never is."""
    if old is not None and size <= old:
        return False
    return used_bytes + size - (old or 0) > quota.bytes or used_keys + (old is None) > quota.keys


def now_ms() -> int:
    """Return the present moment in Unix milliseconds."""
    return time.time_ns() // 1_000_000


def alive() -> ColumnElement[bool]:
    """Return the condition that an entry's time is not over."""
    return or_(kv.c.expires_at.is_(None), kv.c.expires_at > now_ms())
