"""What is done about API keys now and then: when they were used, which expire, who guesses.

Calls wait for none of it.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from wardian.errors import WardianError
from wardian.runtime.flushing import flushed
from wardian.runtime.journal import Journal
from wardian.storage import Database
from wardian.storage.rows import KeyRow, now
from wardian.storage.tenants import KeyRepository, about_to_expire, lately_used
from wardian.tenants import KeyRing
from wardian.tenants.known import SEEN_MAX
from wardian.tenants.making import note_key

SECONDS = 30.0
"""How often it is done."""

USED_APART = timedelta(minutes=1)
"""The least time between two moments of a key's use that are written down."""

_log = logging.getLogger("wardian.tenants")


class KeyUpkeep:
    """Looks after API keys."""

    def __init__(
        self,
        database: Database,
        journal: Journal,
        keys: KeyRing,
        *,
        default_tenant: str,
        told_before: timedelta,
        clock: Callable[[], datetime] = now,
    ) -> None:
        """Tell of keys that expire ``told_before``; of guesses those of ``default_tenant``."""
        self._database = database
        self._journal = journal
        self._keys = keys
        self._default_tenant = default_tenant
        self._told_before = told_before
        self._now = clock
        self._written: dict[tuple[str, str], datetime] = {}

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Look after keys while this is open."""
        async with self._database.reading() as connection:
            digests = await lately_used(connection, self._now(), SEEN_MAX)
        self._keys.authentication.see(reversed(digests))
        async with flushed(self.run, seconds=SECONDS, name="wardian-keys"):
            yield

    async def run(self) -> None:
        """Do now what is due; what fails is done the next time."""
        for what in (self._write_uses, self._tell_expiries, self._tell_guesses):
            try:
                await what()
            except WardianError as error:
                _log.warning("API keys are looked after later: %s", error)

    async def _write_uses(self) -> None:
        used = self._keys.authentication.used
        due = {key: at for key, at in used.items() if self._is_due(key, at)}
        by_tenant: dict[str, list[tuple[str, datetime]]] = {}
        for (tenant, key_id), at in sorted(due.items()):
            by_tenant.setdefault(tenant, []).append((key_id, at))
        for tenant, uses in by_tenant.items():
            async with self._database.transaction() as connection:
                repository = KeyRepository(connection, tenant)
                for key_id, at in uses:
                    await repository.used(key_id, at)
        for key, at in due.items():
            self._written[key] = at
            if used.get(key) == at:
                del used[key]

    def _is_due(self, key: tuple[str, str], at: datetime) -> bool:
        written = self._written.get(key)
        return written is None or abs(at - written) >= USED_APART

    async def _tell_expiries(self) -> None:
        at = self._now()
        async with self._database.reading() as connection:
            found = await about_to_expire(connection, at, at + self._told_before)
        for row in found:
            await self._tell_expiry(row, at)

    async def _tell_expiry(self, row: KeyRow, at: datetime) -> None:
        async with self._journal.change(row.tenant, "host") as change:
            # Another host may have told of it since it was found.
            if await KeyRepository(change.connection, row.tenant).told_of_expiry(row.id, at):
                await note_key(change, "key.expiring", row)

    async def _tell_guesses(self) -> None:
        found = self._keys.authentication.guesses.to_tell()
        if not found:
            return
        async with self._journal.change(self._default_tenant, "host") as change:
            for each in found:
                detail = {"address": each.address, "wrong": each.wrong}
                await change.note_access("key.guessed", "", detail)
