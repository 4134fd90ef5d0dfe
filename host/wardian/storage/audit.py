"""The audit trail: the rows of one tenant, each bound to the one before, never changed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, insert, select

from wardian.crypto.chains import BEGINNING, Head, hash_of
from wardian.policy.wildcards import WILDCARD
from wardian.storage.database import Connection
from wardian.storage.rows import AuditEntryRow, AuditRow
from wardian.storage.statements import mine
from wardian.storage.tables import audit

_PAGE = 500

_A = audit.c
_COLUMNS = tuple(_A[name] for name in AuditEntryRow.__dataclass_fields__)

_ADD = insert(audit)
_HEAD = select(_A.sequence, _A.hash).where(mine(audit)).order_by(_A.sequence.desc()).limit(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedEntries:
    """Which entries are wanted; None stands for any.

    Attributes:
        action, subject: with ``*`` for any run of characters.
        since, until: from the one moment on, and before the other.
    """

    actor: str | None = None
    action: str | None = None
    subject: str | None = None
    decision: str | None = None
    layer: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return what rows must meet."""
        exact = (("actor", self.actor), ("decision", self.decision), ("layer", self.layer))
        like = (("action", self.action), ("subject", self.subject))
        found = [_A[name] == value for name, value in exact if value is not None]
        found += [
            _A[name].like(_like(value), escape="\\") for name, value in like if value is not None
        ]
        if self.since is not None:
            found.append(_A.time >= self.since)
        if self.until is not None:
            found.append(_A.time < self.until)
        return found


class AuditRepository:
    """The audit trail of one tenant, over one open transaction.

    Whoever writes to a tenant has the tenant's lock, so nobody else appends to it meanwhile.
    """

    def __init__(self, connection: Connection, tenant: str) -> None:
        self._connection = connection.of(tenant)
        self._tenant = tenant
        self._end: Head | None = None

    async def add(self, row: AuditRow) -> AuditEntryRow:
        """Append an entry, and return it with its place in the chain."""
        end = self._end or await self.head()
        fields: dict[str, Any] = {**asdict(row), "tenant": self._tenant}
        fields |= {"sequence": end.sequence + 1, "previous": end.hash}
        fields["hash"] = hash_of({**fields, "time": moment(row.time)})
        await self._connection.execute(_ADD, fields)
        self._end = Head(sequence=fields["sequence"], hash=fields["hash"])
        return AuditEntryRow(**fields)

    async def head(self) -> Head:
        """Return the last entry's number and hash; of the beginning, if there is none."""
        found = await self._connection.execute(_HEAD, {"in_tenant": self._tenant})
        row = found.first()
        if row is None:
            return Head(sequence=0, hash=BEGINNING)
        return Head(sequence=row.sequence, hash=row.hash)

    async def recent(self, limit: int) -> list[AuditEntryRow]:
        """Return the newest entries, newest first."""
        return await self.page(WantedEntries(), limit=limit)

    async def page(
        self, wanted: WantedEntries, *, limit: int, before: int | None = None
    ) -> list[AuditEntryRow]:
        """Return the newest entries that are wanted, from ``before`` a number, newest first."""
        query = select(*_COLUMNS).where(_A.tenant == self._tenant, *wanted.conditions())
        if before is not None:
            query = query.where(_A.sequence < before)
        found = await self._connection.execute(query.order_by(_A.sequence.desc()).limit(limit))
        return [AuditEntryRow(**row) for row in found.mappings()]

    async def oldest_first(self) -> AsyncIterator[list[AuditEntryRow]]:
        """Go through all entries in their order, in pages."""
        after = 0
        while True:
            found = await self._connection.execute(
                select(*_COLUMNS)
                .where(_A.tenant == self._tenant, _A.sequence > after)
                .order_by(_A.sequence)
                .limit(_PAGE)
            )
            rows = [AuditEntryRow(**row) for row in found.mappings()]
            if rows:
                yield rows
                after = rows[-1].sequence
            if len(rows) < _PAGE:
                return


def _like(pattern: str) -> str:
    """Write a pattern with ``*`` as LIKE has it, where nothing else is special."""
    for special in ("\\", "%", "_"):
        pattern = pattern.replace(special, "\\" + special)
    return pattern.replace(WILDCARD, "%")


def moment(time: datetime) -> str:
    """Write a moment as it is hashed and exported: in UTC, to the microsecond."""
    return time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def exported(row: AuditEntryRow) -> Mapping[str, Any]:
    """Return an entry as a JSON object, in which its hash is that of the rest."""
    return {**asdict(row), "time": moment(row.time)}
