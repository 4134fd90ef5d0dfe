"""Monitor mode: which permissions a plugin's calls need, counted in memory, written now and then.

What a guest asks for is text of its own choosing, so everything here is bounded: of each layer's
decisions `DISTINCT_PER_LAYER` permissions of a plugin are kept apart. Further ones count under the
pattern by which they were judged (the grant that allowed them, the request that was not granted),
so that a suggestion made from the rows still covers every use. A guest that floods one layer
pushes nothing out of another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from wardian.capabilities.base import Observer
from wardian.policy.grants import Authority, Layer
from wardian.policy.permissions import Permission, tightest, widest
from wardian.runtime.flushing import flushed
from wardian.runtime.tally import Plugin, Tally
from wardian.storage import Connection, Database
from wardian.storage.permission_uses import PermissionUseRepository
from wardian.storage.rows import PermissionUseRow, now

DISTINCT_PER_LAYER = 200
"""Of five layers (allowed, and refused by one of four): 1,000 of a plugin, and the patterns."""

FLUSH_SECONDS = 2.0

_MAX_CALL_ID_CHARS = 200

_Key = tuple[str, Layer | None]


class Monitoring:
    """Counts what the calls of monitored plugins need."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tally = Tally(database, "The use of permissions", _Book, _write)

    def observer(self, tenant: str, plugin_id: str, call_id: str) -> Observer:
        """Return what a call of a monitored plugin reports to."""
        return partial(self._note, (tenant, plugin_id), call_id[:_MAX_CALL_ID_CHARS])

    def _note(
        self,
        plugin: Plugin,
        call_id: str,
        wanted: Permission,
        refused_by: Layer | None,
        authority: Authority,
    ) -> None:
        """Count one decision; this is on the way of host calls, and must not fail."""
        at = now()
        self._tally.of(plugin).add(refused_by, _Count(wanted, authority, 1, at, at, call_id))

    async def uses(self, tenant: str, plugin_id: str) -> list[PermissionUseRow]:
        """Return what was counted up to now, by permission.

        Raises:
            WardianError: the database did not answer.
        """
        await self.flush()
        async with self._database.reading() as connection:
            return await PermissionUseRepository(connection, tenant, plugin_id).all()

    @asynccontextmanager
    async def clearing(self, tenant: str, plugin_id: str) -> AsyncIterator[None]:
        """Keep flushes away while the block removes a plugin's rows; what is pending goes too."""
        async with self._tally.lock:
            yield
            self._tally.drop((tenant, plugin_id))

    async def flush(self) -> None:
        """Write down what has been counted; what cannot be written stays counted."""
        await self._tally.flush()

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Flush every `FLUSH_SECONDS` while this is open, and once more at its end."""
        async with flushed(self.flush, seconds=FLUSH_SECONDS, name="wardian-monitoring"):
            yield


@dataclass(slots=True)
class _Count:
    """What is being added up; changed in place, because this is on the way of host calls.

    Attributes:
        wanted, authority: a permission, and what it was judged by.
    """

    wanted: Permission
    authority: Authority
    uses: int
    first_at: datetime
    last_at: datetime
    call_id: str

    def add(self, other: _Count) -> None:
        self.uses += other.uses
        self.first_at = min(self.first_at, other.first_at)
        if other.last_at >= self.last_at:
            self.last_at, self.call_id = other.last_at, other.call_id

    def row(self, key: _Key) -> PermissionUseRow:
        return PermissionUseRow(
            permission=key[0],
            refused_by=key[1] or "",
            uses=self.uses,
            first_at=self.first_at,
            last_at=self.last_at,
            last_call_id=self.call_id,
        )


class _Book:
    """What one plugin needed since it was last written down.

    Attributes:
        counts: by permission and the layer that refused it.
    """

    def __init__(self, known: Iterable[_Key] = ()) -> None:
        self.counts: dict[_Key, _Count] = {}
        self._known = set(known)
        self._distinct = Counter(layer for _, layer in self._known)

    def add(self, layer: Layer | None, count: _Count) -> None:
        """Count uses under their permission, or under a pattern once there are too many."""
        wanted = count.wanted
        key = str(wanted), layer
        if key not in self._known and self._distinct[layer] >= DISTINCT_PER_LAYER:
            wanted = _judged_by(layer, count)
            key = str(wanted), layer
        if key not in self._known:
            self._known.add(key)
            self._distinct[layer] += 1
        counted = self.counts.get(key)
        if counted is None:
            # A copy, because the other book keeps its own until this one is committed.
            self.counts[key] = replace(count, wanted=wanted)
        else:
            counted.add(count)

    def add_all(self, other: _Book) -> None:
        """Count all that another book has, too."""
        for (_, layer), count in other.counts.items():
            self.add(layer, count)


def _judged_by(layer: Layer | None, count: _Count) -> Permission:
    """Return the pattern that a permission was judged by: there are as many as people wrote."""
    authority = count.authority
    patterns = {
        None: authority.granted,
        Layer.GRANT: authority.asked,
        Layer.LEVEL: authority.asked,
        Layer.OPERATOR: authority.excluded,
        Layer.MANIFEST: (),
    }[layer]
    return tightest(patterns, count.wanted) or widest(count.wanted)


async def _write(connection: Connection, plugin: Plugin, book: _Book) -> None:
    repository = PermissionUseRepository(connection, *plugin)
    if not await repository.owner_exists():
        return
    there = {(row.permission, row.refused_by) for row in await repository.all()}
    merged = _Book((text, Layer(layer) if layer else None) for text, layer in there)
    merged.add_all(book)
    rows = [count.row(key) for key, count in merged.counts.items()]
    await repository.add(row for row in rows if (row.permission, row.refused_by) not in there)
    for row in rows:
        if (row.permission, row.refused_by) in there:
            await repository.count(row)
