"""The audit trail, as those see it who look into it: in pages, exported, verified."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import IO, Any

import msgspec

from wardian.crypto.chains import ChainReport, Head, Verification
from wardian.errors import InvalidArguments, WardianError
from wardian.runtime.audit.denials import Denials
from wardian.runtime.journal import Journal
from wardian.storage import Database
from wardian.storage.audit import AuditRepository, WantedEntries, exported, moment
from wardian.storage.rows import AuditEntryRow

PAGE_MAX = 500


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the audit trail.

    Attributes:
        sequence: 1, 2, 3 … without a gap, in its tenant.
        time: in UTC, to the microsecond.
        actor: the name of a key, ``plugin:NAME`` or ``host``.
        action: what was done: ``plugin.installed``; or ``permission.denied``, ``api.denied``.
        subject: to what.
        decision: ``allowed`` or ``denied``.
        layer: what decided: ``host``, ``scope:admin``, ``scope``, ``trust``, ``manifest``,
            ``grant``, ``level`` or ``operator``; empty for what a program asked that the host is a
            part of.
        key_id, address, request_id: of the request that asked for it; empty if none did.
        previous, hash: see `wardian.crypto.chains`.
    """

    sequence: int
    time: str
    tenant: str
    actor: str
    action: str
    subject: str
    decision: str
    layer: str
    key_id: str
    address: str
    request_id: str
    detail: dict[str, Any]
    previous: str
    hash: str


class AuditPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some entries, the newest first; `next` asks for those before them."""

    entries: list[AuditEntry]
    next: int | None


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """How much was exported, and where the chain ended."""

    entries: int
    size_bytes: int
    head: Head


class AuditTrail:
    """The audit trails of every tenant."""

    def __init__(self, database: Database, journal: Journal, denials: Denials) -> None:
        self.denials = denials
        self._database = database
        self._journal = journal

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Write down what is refused while this is open."""
        async with self.denials.kept():
            yield

    async def page(
        self,
        wanted: WantedEntries | None = None,
        *,
        limit: int = 50,
        before: int | None = None,
        tenant: str = "default",
    ) -> AuditPage:
        """Return the newest entries that are wanted, from ``before`` a number.

        Raises:
            InvalidArguments: not such a page.
        """
        if not 1 <= limit <= PAGE_MAX:
            raise InvalidArguments(f"A page has 1 to {PAGE_MAX} entries, not {limit}.")
        async with self._database.reading() as connection:
            rows = await AuditRepository(connection, tenant).page(
                wanted or WantedEntries(), limit=limit, before=before
            )
        entries = [_entry(row) for row in rows]
        return AuditPage(
            entries=entries, next=entries[-1].sequence if len(entries) == limit else None
        )

    async def head(self, *, tenant: str = "default") -> Head:
        """Return the last entry's number and hash: to be kept elsewhere, and verified against."""
        async with self._database.reading() as connection:
            return await AuditRepository(connection, tenant).head()

    async def export(
        self, file: IO[bytes], *, tenant: str = "default", actor: str = "host"
    ) -> Exported:
        """Write a tenant's whole trail to ``file``, as JSON Lines, the oldest entry first.

        That this is done is an entry, too, and is among what is exported.

        Raises:
            WardianError: the file cannot be written, or the database did not answer.
        """
        async with self._journal.change(tenant, actor) as change:
            await change.note_access("audit.exported", tenant, {})
        entries = size = 0
        async with self._database.reading() as connection:
            repository = AuditRepository(connection, tenant)
            head = await repository.head()
            async for rows in repository.oldest_first():
                entries += len(rows)
                size += await asyncio.to_thread(_write, file, rows)
        return Exported(entries=entries, size_bytes=size, head=head)

    async def verify(self, known: Head | None = None, *, tenant: str = "default") -> ChainReport:
        """Go through a tenant's whole trail, and tell whether anything of it was changed.

        Whoever can write to the database can also compute a whole chain anew; that shows only
        beside a ``known`` head, which was kept elsewhere.
        """
        verification = Verification(known)
        async with self._database.reading() as connection:
            async for rows in AuditRepository(connection, tenant).oldest_first():
                await asyncio.to_thread(_verify, verification, rows)
        return verification.report()


def _verify(verification: Verification, rows: list[AuditEntryRow]) -> None:
    for row in rows:
        verification.add(exported(row))


def _write(file: IO[bytes], rows: list[AuditEntryRow]) -> int:
    lines = "".join(f"{json.dumps(exported(row), separators=(',', ':'))}\n" for row in rows)
    content = lines.encode("ascii")
    try:
        file.write(content)
        file.flush()
    except OSError as exc:
        raise WardianError(f"The export cannot be written: {exc.strerror}.") from exc
    return len(content)


def _entry(row: AuditEntryRow) -> AuditEntry:
    return AuditEntry(**{**asdict(row), "time": moment(row.time)})
