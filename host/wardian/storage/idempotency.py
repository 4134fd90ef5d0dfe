"""Requests that are carried out once: who asked for what, and what was answered.

Whoever writes here holds the lock of the tenant's requests, so of two hosts that receive the same
one only one carries it out.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, and_, bindparam, delete, func, insert, or_, select, update

from wardian.storage.database import Connection
from wardian.storage.statements import AT, mine
from wardian.storage.tables import idempotency_keys, idempotency_totals

_K, _T = idempotency_keys.c, idempotency_totals.c
_PART = "idempotency"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRow:
    """A request that is being carried out, or was.

    Attributes:
        mark: a digest of its key.
        request: a digest of what was asked.
        status: of its answer; None until it is known.
        sealed: the answer; None where it is not kept.
        lease_until: when a host that says nothing of it any more is taken for dead.
    """

    api_key_id: str
    mark: str
    claim: str
    request: str
    until: datetime
    status: int | None = None
    sealed: bytes | None = None
    size: int = 0
    lease_owner: str | None = None
    lease_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Total:
    """What is kept of one API key's requests, or of all of a tenant's."""

    requests: int = 0
    bytes: int = 0


_ROW = tuple(_K[name] for name in RequestRow.__dataclass_fields__)
_OF_KEY: BindParameter[Any] = bindparam("of_key")
_OF_MARK: BindParameter[Any] = bindparam("of_mark")
_OF_CLAIM: BindParameter[Any] = bindparam("of_claim")

_FIND = select(*_ROW).where(mine(idempotency_keys, _K.api_key_id == _OF_KEY, _K.mark == _OF_MARK))
_TOTALS = select(_T.api_key_id, _T.requests, _T.bytes).where(mine(idempotency_totals))
_ADD = insert(idempotency_keys)
_IS_CLAIM = mine(
    idempotency_keys,
    _K.api_key_id == _OF_KEY,
    _K.mark == _OF_MARK,
    _K.claim == _OF_CLAIM,
    _K.status.is_(None),
)
_SETTLE = (
    update(idempotency_keys)
    .where(_IS_CLAIM)
    .values(
        status=bindparam("new_status"),
        sealed=bindparam("new_sealed"),
        size=bindparam("new_size"),
        until=bindparam("new_until"),
        lease_owner=None,
        lease_until=None,
    )
)
_RELEASE = delete(idempotency_keys).where(_IS_CLAIM)
_COUNT = (
    update(idempotency_totals)
    .where(mine(idempotency_totals, _T.api_key_id == _OF_KEY))
    .values(
        requests=_T.requests + bindparam("more_requests"), bytes=_T.bytes + bindparam("more_bytes")
    )
)
_IS_OVER = mine(
    idempotency_keys, _K.until <= AT, or_(_K.lease_until.is_(None), _K.lease_until <= AT)
)
_OVER = select(_K.api_key_id, _K.mark, _K.claim, _K.size).where(_IS_OVER)
_DROP = delete(idempotency_keys).where(
    mine(
        idempotency_keys,
        _K.api_key_id == _OF_KEY,
        _K.mark == _OF_MARK,
        _K.claim == _OF_CLAIM,
    )
)
_FIRST_OVER = select(func.min(_K.until)).where(mine(idempotency_keys))


class IdempotencyRepository:
    """The requests of one tenant, over one open transaction."""

    def __init__(self, connection: Connection, tenant: str) -> None:
        self._connection = connection.of(tenant, _PART)
        self._tenant = tenant

    async def find(self, api_key_id: str, mark: str) -> RequestRow | None:
        """Return the request that an API key's holder gave a key."""
        found = await self._connection.execute(
            _FIND, {"in_tenant": self._tenant, "of_key": api_key_id, "of_mark": mark}
        )
        row = found.mappings().one_or_none()
        return None if row is None else RequestRow(**row)

    async def totals(self) -> dict[str, Total]:
        """Return what is kept, by API key."""
        found = await self._connection.execute(_TOTALS, {"in_tenant": self._tenant})
        return {row.api_key_id: Total(row.requests, row.bytes) for row in found}

    async def first_over(self) -> datetime | None:
        """Return when the first of what is kept is over."""
        found = await self._connection.execute(_FIRST_OVER, {"in_tenant": self._tenant})
        moment: datetime | None = found.scalar_one()
        return moment

    async def add(self, row: RequestRow) -> None:
        """Write down that a request is carried out from now on."""
        await self._connection.execute(_ADD, {"tenant": self._tenant, **asdict(row)})
        await self._count(row.api_key_id, 1, row.size)

    async def settle(
        self, row: RequestRow, status: int, sealed: bytes | None, until: datetime
    ) -> bool:
        """Keep the answer to a request; tell whether it was still this claim's to settle."""
        size = 0 if sealed is None else len(sealed)
        changed = await self._connection.execute(
            _SETTLE,
            {
                **self._claim(row),
                "new_status": status,
                "new_sealed": sealed,
                "new_size": size,
                "new_until": until,
            },
        )
        if changed.rowcount:
            await self._count(row.api_key_id, 0, size)
        return changed.rowcount > 0

    async def release(self, row: RequestRow) -> None:
        """Forget a request that may be carried out anew."""
        gone = await self._connection.execute(_RELEASE, self._claim(row))
        if gone.rowcount:
            await self._count(row.api_key_id, -1, 0)

    async def drop(self, row: RequestRow) -> None:
        """Forget a request whose time is over."""
        gone = await self._connection.execute(_DROP, self._claim(row))
        if gone.rowcount:
            await self._count(row.api_key_id, -1, -row.size)

    async def forget_old(self, at: datetime, at_once: int) -> int:
        """Forget up to so many requests whose time is over; return how many those were."""
        found = await self._connection.execute(
            _OVER.limit(at_once), {"in_tenant": self._tenant, "at": at}
        )
        gone: dict[str, Total] = {}
        rows = list(found)
        for row in rows:
            before = gone.get(row.api_key_id, Total())
            gone[row.api_key_id] = Total(before.requests + 1, before.bytes + row.size)
        if rows:
            await self._connection.execute(
                _DROP,
                [
                    {
                        "in_tenant": self._tenant,
                        "of_key": row.api_key_id,
                        "of_mark": row.mark,
                        "of_claim": row.claim,
                    }
                    for row in rows
                ],
            )
        for api_key_id, total in gone.items():
            await self._count(api_key_id, -total.requests, -total.bytes)
        return len(rows)

    def _claim(self, row: RequestRow) -> dict[str, str]:
        return {
            "in_tenant": self._tenant,
            "of_key": row.api_key_id,
            "of_mark": row.mark,
            "of_claim": row.claim,
        }

    async def _count(self, api_key_id: str, requests: int, size: int) -> None:
        changed = await self._connection.execute(
            _COUNT,
            {
                "in_tenant": self._tenant,
                "of_key": api_key_id,
                "more_requests": requests,
                "more_bytes": size,
            },
        )
        if not changed.rowcount:
            await self._connection.execute(
                insert(idempotency_totals),
                {
                    "tenant": self._tenant,
                    "api_key_id": api_key_id,
                    "requests": requests,
                    "bytes": size,
                },
            )


async def renew(connection: Connection, owner: str, claims: Collection[str], at: datetime) -> None:
    """Have the leases of an owner's ``claims``, of every tenant, last until ``at``.

    What is being changed at this moment is left alone, as `wardian.storage.schedules.renew` does.
    """
    held = (
        select(_K.claim)
        .where(and_(_K.lease_owner == owner, _K.claim.in_(list(claims))))
        .with_for_update(skip_locked=True)
    )
    await connection.of_every_tenant().execute(
        update(idempotency_keys)
        .where(_K.lease_owner == owner, _K.claim.in_(held))
        .values(lease_until=at)
    )
