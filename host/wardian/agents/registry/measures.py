"""What was seen of agents: in memory, and in rows that all hosts add to.

What this host has seen is added to the rows by `flush`, and what others have is read back by
`pull`. Sums are added to what is in the rows at that moment, so nobody's are lost, and they are
the same whoever was first. A version of which there is no row begins with a share of what is known
of the version before it; see `wardian.agents.registry.quality`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from wardian.agents.registry.decay import CLOCKS_APART_SECONDS, Evidence, HalfLives
from wardian.agents.registry.merging import Merged, Place, Version, evidence_of, merged, newest
from wardian.agents.registry.quality import inherited
from wardian.storage import Connection, Database
from wardian.storage.agents import MeasureRepository, clock, measures_after

PLUGINS_AT_ONCE = 20
"""Agents whose rows are written in one transaction, so that none takes long."""

WRITING_SECONDS = 5.0
"""How long it may be from when a row says that it was written until others see it."""


@dataclass(slots=True)
class Measure:
    """What is known of one version of an agent, for one capability.

    Attributes:
        written: what the row had when it was last seen.
        written_at: when the row was written, by the database's clock.
        moving: what is on its way to the row.
        pending: what is yet to be.
    """

    written: Evidence | None = None
    written_at: float = 0.0
    moving: Evidence | None = None
    pending: Evidence | None = None


Taken = dict[Version, Measure]

_Versions = dict[str, Measure]


class Measures:
    """What was seen of the agents of those tenants that have asked any."""

    def __init__(
        self, database: Database, lives: HalfLives, now: Callable[[], float] = time.time
    ) -> None:
        self.now = now
        self._database = database
        self._lives = lives
        self._known: dict[str, dict[Place, _Versions]] = {}
        self._loaded: set[str] = set()
        self._dirty: dict[str, set[Version]] = {}
        self._seen_at: float | None = None

    async def load(self, tenant: str) -> None:
        """Have what was seen of a tenant's agents in memory.

        Raises:
            WardianError: the database did not answer.
        """
        if tenant in self._loaded:
            return
        async with self._database.reading() as connection:
            moment = await clock(connection)
            rows = await MeasureRepository(connection, tenant).all()
        if self._seen_at is None:
            self._seen_at = moment
        known = self._known.setdefault(tenant, {})
        for row in rows:
            versions = known.setdefault((row.plugin_id, row.capability), {})
            measure = versions.setdefault(row.version, Measure())
            if measure.written_at < row.written_at:
                measure.written, measure.written_at = evidence_of(row), row.written_at
        self._loaded.add(tenant)

    def of(self, tenant: str, version: Version) -> Evidence:
        """Return what is known of a version for a capability, as of now."""
        now = self.now()
        total = Evidence(now)
        (plugin_id, capability), number = version
        versions = self._known.get(tenant, {}).get((plugin_id, capability))
        if versions is None:
            return total
        measure = versions.get(number)
        written = None if measure is None else measure.written
        if written is None:
            written = _inheritance(versions, number)
        moving, pending = (None, None) if measure is None else (measure.moving, measure.pending)
        for evidence in (written, moving, pending):
            if evidence is not None:
                total.add(evidence.no_later_than(now + CLOCKS_APART_SECONDS), self._lives)
        total.grow_old(now, self._lives)
        return total

    def learn(self, tenant: str, version: Version, evidence: Evidence) -> None:
        """Add what was seen."""
        place, number = version
        versions = self._known.setdefault(tenant, {}).setdefault(place, {})
        measure = versions.setdefault(number, Measure())
        if measure.pending is None:
            measure.pending = Evidence(evidence.as_of)
        measure.pending.add(evidence, self._lives)
        self._dirty.setdefault(tenant, set()).add(version)

    def keep(self, tenant: str, plugin_ids: Iterable[str]) -> None:
        """Forget all agents of a tenant but these."""
        there, known = set(plugin_ids), self._known.get(tenant, {})
        for place in [place for place in known if place[0] not in there]:
            del known[place]

    async def flush(self) -> list[tuple[str, Version]]:
        """Add what was seen here to the rows; what cannot be written stays in memory. Returns of
        what the rows may have had more than was known here.

        Raises:
            WardianError: the database did not answer.
        """
        found: list[tuple[str, Version]] = []
        for tenant in sorted(self._dirty):
            plugin_ids = sorted({place[0] for place, _ in self._dirty[tenant]})
            for start in range(0, len(plugin_ids), PLUGINS_AT_ONCE):
                some = plugin_ids[start : start + PLUGINS_AT_ONCE]
                found += [(tenant, version) for version in await self._flush(tenant, some)]
        return found

    async def pull(self) -> list[tuple[str, Version]]:
        """Read what other hosts have written since the last time; returns of what.

        Raises:
            WardianError: the database did not answer.
        """
        if self._seen_at is None:
            return []
        async with self._database.reading() as connection:
            rows = await measures_after(connection, self._seen_at - WRITING_SECONDS)
        found = []
        for row in rows:
            self._seen_at = max(self._seen_at, row.written_at)
            if row.tenant not in self._loaded:
                continue
            known, place = self._known[row.tenant], (row.plugin_id, row.capability)
            measure = known.setdefault(place, {}).setdefault(row.version, Measure())
            if measure.written_at != row.written_at:
                measure.written, measure.written_at = evidence_of(row), row.written_at
                found.append((row.tenant, (place, row.version)))
        return found

    async def _flush(self, tenant: str, plugin_ids: Sequence[str]) -> Collection[Version]:
        taken = self._take(tenant, set(plugin_ids))
        connection: Connection | None = None
        result: Merged | None = None
        try:
            async with self._database.transaction() as connection:
                result = await self._write(connection, tenant, taken)
        finally:
            # Also when this was cancelled: before its commit nothing has been written.
            if result is None or connection is None or not connection.committed:
                self._take_back(tenant, taken)
            else:
                self._settle(tenant, taken, result)
        return taken.keys()

    def _take(self, tenant: str, plugin_ids: set[str]) -> Taken:
        dirty, known = self._dirty[tenant], self._known.get(tenant, {})
        versions = {each for each in dirty if each[0][0] in plugin_ids}
        dirty -= versions
        if not dirty:
            del self._dirty[tenant]
        taken: Taken = {}
        for place, number in versions:
            measure = known.get(place, {}).get(number)
            if measure is not None and measure.pending is not None:
                measure.moving, measure.pending = measure.pending, None
                taken[place, number] = measure
        return taken

    async def _write(self, connection: Connection, tenant: str, taken: Taken) -> Merged:
        repository = MeasureRepository(connection, tenant)
        there = await repository.plugins()
        ids = sorted({place[0] for place, _ in taken} & there)
        news = {
            version: measure.moving
            for version, measure in taken.items()
            if measure.moving is not None and version[0][0] in there
        }
        rows, at = await repository.of(ids), await clock(connection)
        result = merged(tenant, rows, news, self._lives, written_at=at)
        await repository.remove(result.removed)
        await repository.change(result.changed)
        await repository.add(result.added)
        return result

    def _take_back(self, tenant: str, taken: Taken) -> None:
        for version, measure in taken.items():
            evidence, measure.moving = measure.moving, None
            if evidence is not None:
                if measure.pending is not None:
                    evidence.add(measure.pending, self._lives)
                measure.pending = evidence
                self._dirty.setdefault(tenant, set()).add(version)

    def _settle(self, tenant: str, taken: Taken, result: Merged) -> None:
        for row in (*result.added, *result.changed):
            measure = taken[(row.plugin_id, row.capability), row.version]
            measure.written, measure.written_at = evidence_of(row), row.written_at
        known = self._known.get(tenant, {})
        for row in result.removed:
            versions = known.get((row.plugin_id, row.capability), {})
            removed = versions.get(row.version)
            if removed is not None and removed.pending is None:
                del versions[row.version]
        for (place, _), measure in taken.items():
            measure.moving = None
            if measure.written is None:  # its plugin is not there any more
                known.pop(place, None)


def _inheritance(versions: _Versions, number: str) -> Evidence | None:
    others = [
        measure.written
        for other, measure in versions.items()
        if other != number and measure.written is not None
    ]
    former = newest(others)
    return None if former is None else inherited(former)
