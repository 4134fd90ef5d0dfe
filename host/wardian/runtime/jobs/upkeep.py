"""Jobs that have ended, kept within bounds of age, number and size."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from wardian.errors import WardianError
from wardian.runtime.flushing import flushed
from wardian.runtime.jobs.claims import Claims
from wardian.runtime.jobs.orders import JobPolicy
from wardian.storage import Database
from wardian.storage.jobs import JobRepository
from wardian.tenants import Tenants

PRUNES_SECONDS = 60.0
AT_ONCE = 1_000
"""Rows that one transaction removes: nobody else can write meanwhile."""

_ROW_BYTES = 16 * 1024
_SHARE = 16
"""A tenant's jobs are looked at once more after a sixteenth of what may be kept of them has come;
each counts for `_ROW_BYTES` beside its outcome."""

_log = logging.getLogger("wardian.jobs")


class JobUpkeep:
    """Removes jobs that are old, or too many, and forgets outcomes that are too large together."""

    def __init__(
        self, database: Database, tenants: Tenants, claims: Claims, policy: JobPolicy
    ) -> None:
        self._database = database
        self._tenants = tenants
        self._claims = claims
        self._policy = policy
        self._come: Counter[str] = Counter()

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Remove them every `PRUNES_SECONDS` while this is open."""
        async with flushed(self.tend, seconds=PRUNES_SECONDS, name="wardian-job-upkeep"):
            yield

    async def ended(self, tenant: str, size: int) -> None:
        """Be told that a job has ended, whose outcome has so many bytes."""
        self._come[tenant] += size + _ROW_BYTES
        if self._come[tenant] * _SHARE > self._policy.kept_bytes:
            with _later():
                await self.prune(tenant)

    async def tend(self) -> None:
        """Remove them now; what goes wrong can wait, and is logged."""
        with _later():
            for tenant in await self._tenants.list():
                await self.prune(tenant.name)

    async def prune(self, tenant: str) -> None:
        """Remove a tenant's jobs that are not to be kept."""
        del self._come[tenant]
        before = self._claims.now() - self._policy.age
        gone = AT_ONCE
        while gone >= AT_ONCE:
            async with self._database.transaction() as connection:
                repository = JobRepository(connection, tenant)
                gone = await repository.forget_old(before, AT_ONCE)
                await repository.forget_beyond(self._policy.kept)
                await repository.forget_outcomes_beyond(self._policy.kept_bytes)


@contextmanager
def _later() -> Iterator[None]:
    try:
        yield
    except WardianError as error:
        _log.warning("Old jobs were not removed: %s", error)
