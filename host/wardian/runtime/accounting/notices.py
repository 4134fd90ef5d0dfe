"""`quota.nearing` and `quota.exceeded`: told once a day for each quota, over all hosts."""

from __future__ import annotations

from datetime import timedelta

from wardian.policy.quotas import NEARING, Kind, Quotas, Spent
from wardian.runtime.accounting.writing import EPOCH
from wardian.runtime.journal import Journal
from wardian.storage.accounting import UsageRepository

DAILY = (Kind.CALLS, Kind.FUEL, Kind.EGRESS_BYTES)

_Notice = tuple[str, int, Kind, bool]


class Notices:
    """Tells subscribers of quotas that come to their ends."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._told: set[_Notice] = set()
        self._refused: set[tuple[str, int, Kind]] = set()

    def exceeded(self, tenant: str, day: int, kind: Kind) -> None:
        """Note that a call was refused; `look` tells of it."""
        self._refused.add((tenant, day, kind))

    async def look(self, tenant: str, day: int, quotas: Quotas, spent: Spent) -> None:
        """Tell what is to be told of a tenant's day.

        Raises:
            WardianError: the database did not answer; then it is told the next time.
        """
        self._forget(day)
        for kind in DAILY:
            most, used = quotas.of(kind), spent.of(kind)
            if most is None:
                continue
            is_exceeded = used >= most or (tenant, day, kind) in self._refused
            if used >= most * NEARING and used > 0:
                await self._tell((tenant, day, kind, False), used, most)
            if is_exceeded:
                await self._tell((tenant, day, kind, True), used, most)

    async def _tell(self, notice: _Notice, used: int, most: int) -> None:
        if notice in self._told:
            return
        tenant, day, kind, is_exceeded = notice
        bit = 1 << (2 * DAILY.index(kind) + is_exceeded)
        async with self._journal.change(tenant, "host") as change:
            if await UsageRepository(change.connection, tenant).tell(day, bit):
                date = (EPOCH + timedelta(days=day)).date().isoformat()
                detail = {"quota": kind.value, "used": used, "limit": most, "day": date}
                await change.note_quota("exceeded" if is_exceeded else "nearing", detail)
        self._told.add(notice)

    def _forget(self, day: int) -> None:
        self._told = {notice for notice in self._told if notice[1] >= day}
        self._refused = {refused for refused in self._refused if refused[1] >= day}
