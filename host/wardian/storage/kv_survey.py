"""Entries as operators look at them: counted, listed, read one after the other.

Every method reads. What several of them tell is of one moment, because a reading transaction is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, func, select

from wardian.storage.database import Connection
from wardian.storage.kv import alive
from wardian.storage.kv_layout import Namespace
from wardian.storage.tables import kv

BATCH_BYTES = 1024 * 1024
"""Keys and values that are read at once, unless one entry alone has more."""

_LOOKED_AHEAD = 500

_SIZE = func.length(kv.c.key) + func.length(kv.c.value)


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key without its value.

    Attributes:
        key: as it is stored.
        size: what counts of it towards the quota.
        expires_at: Unix milliseconds.
    """

    key: bytes
    size: int
    expires_at: int | None


@dataclass(frozen=True, slots=True)
class StoredRow:
    """One whole entry, its key as it is stored."""

    key: bytes
    value: bytes
    expires_at: int | None


class KvSurvey:
    """What one plugin of one tenant keeps, over one open transaction."""

    def __init__(self, connection: Connection, tenant: str, plugin_id: str) -> None:
        self._connection = connection.of(tenant, plugin_id)
        self._mine = and_(kv.c.tenant == tenant, kv.c.plugin_id == plugin_id, alive())

    async def totals(self, namespace: Namespace) -> tuple[int, int]:
        """Return how many entries a namespace has, and their bytes."""
        found = await self._connection.execute(
            select(func.count(), func.coalesce(func.sum(_SIZE), 0))
            .select_from(kv)
            .where(self._mine, _within(namespace.run()))
        )
        counted: Any = found.one()
        return int(counted[0]), int(counted[1])

    async def page(self, run: tuple[bytes, bytes], after: bytes | None, limit: int) -> list[KeyRow]:
        """Return up to ``limit`` keys of a run that come after ``after``, in byte order."""
        chosen = [self._mine, _within(run)]
        if after is not None:
            chosen.append(kv.c.key > after)
        found = await self._connection.execute(
            select(kv.c.key, _SIZE.label("size"), kv.c.expires_at)
            .where(*chosen)
            .order_by(kv.c.key)
            .limit(limit)
        )
        return [KeyRow(row.key, row.size, row.expires_at) for row in found]

    async def batches(self, run: tuple[bytes, bytes]) -> AsyncIterator[list[StoredRow]]:
        """Go through the entries of a run in byte order, about `BATCH_BYTES` at a time."""
        after: bytes | None = None
        while ahead := await self.page(run, after, _LOOKED_AHEAD):
            for first, last in _batched(ahead):
                found = await self._connection.execute(
                    select(kv.c.key, kv.c.value, kv.c.expires_at)
                    .where(self._mine, kv.c.key >= first, kv.c.key <= last)
                    .order_by(kv.c.key)
                )
                yield [StoredRow(row.key, row.value, row.expires_at) for row in found]
            after = ahead[-1].key


def _batched(rows: list[KeyRow]) -> list[tuple[bytes, bytes]]:
    """Return the first and the last key of each batch."""
    batches: list[tuple[bytes, bytes]] = []
    size = BATCH_BYTES
    for row in rows:
        if size + row.size > BATCH_BYTES:
            batches.append((row.key, row.key))
            size = row.size
        else:
            batches[-1] = (batches[-1][0], row.key)
            size += row.size
    return batches


def _within(run: tuple[bytes, bytes]) -> ColumnElement[bool]:
    return and_(kv.c.key >= run[0], kv.c.key < run[1])
