"""Jobs: what is queued, who makes which call until when, and what came of it.

Whoever writes to a tenant has the tenant's lock, so what a transaction reads here is so until it
ends. A job is its holder's as long as the row says that it runs and has the holder's call id:
whatever else is to become of it is decided by whoever changes that first.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    select,
    update,
)

from wardian.storage.database import Connection
from wardian.storage.rows import JobRow, QueuedRow, now
from wardian.storage.statements import AT, OF_ID, mine
from wardian.storage.tables import api_keys, jobs

QUEUED = "queued"
RUNNING = "running"
"""The states of jobs that have not ended."""

_J = jobs.c
_ROW = tuple(_J[name] for name in JobRow.__dataclass_fields__)
_IS_OPEN = _J.state.in_([QUEUED, RUNNING])

_FIND = select(*_ROW).where(mine(jobs, _J.id == OF_ID))
_OUTCOME = select(_J.outcome).where(mine(jobs, _J.id == OF_ID))
_OWN = _J.api_key_id == bindparam("of_key")
_LOAD = select(
    func.count(_J.id).label("count"),
    func.coalesce(func.sum(_J.request_bytes), 0).label("size"),
    func.count(case((_OWN, 1))).label("own_count"),
    func.coalesce(func.sum(case((_OWN, _J.request_bytes))), 0).label("own_size"),
).where(mine(jobs, _J.state == QUEUED))
_MAY_BEGIN = and_(_J.state == QUEUED, _J.not_before <= AT)
_WAITING = (
    select(_J.tenant, func.count().label("number"))
    .where(_MAY_BEGIN)
    .group_by(_J.tenant)
    .order_by(func.min(_J.position))
)
_NEXT = (
    select(
        *_ROW,
        _J.request,
        api_keys.c.scopes,
        api_keys.c.plugins,
        api_keys.c.revoked_at,
        api_keys.c.expires_at,
    )
    .select_from(
        jobs.outerjoin(
            api_keys, and_(api_keys.c.tenant == _J.tenant, api_keys.c.id == _J.api_key_id)
        )
    )
    .where(mine(jobs, _MAY_BEGIN))
    .order_by(_J.position)
    .limit(bindparam("of_most"))
)
_BEGIN = (
    update(jobs)
    .where(mine(jobs, _J.id == OF_ID))
    .values(
        state=RUNNING,
        attempt=_J.attempt + 1,
        call_id=bindparam("of_call"),
        began_at=AT,
        lease_until=bindparam("of_until"),
    )
)
_ABANDONED = (
    select(_J.tenant, _J.id)
    .where(_J.state == RUNNING, _J.lease_until < AT)
    .order_by(_J.lease_until)
    .limit(bindparam("of_most"))
)
_IS_HELD = and_(_J.state == RUNNING, _J.call_id.in_(bindparam("calls", expanding=True)))
_RENEW = (
    update(jobs)
    .where(_J.call_id.in_(select(_J.call_id).where(_IS_HELD).with_for_update(skip_locked=True)))
    .values(lease_until=AT)
)
_HELD = select(_J.call_id).where(_IS_HELD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How many jobs of a tenant wait, and how many bytes of requests they have; ``own`` are those
    of one key among them."""

    count: int
    size: int
    own_count: int
    own_size: int


class JobRepository:
    """The jobs of one tenant, over one open transaction."""

    def __init__(self, connection: Connection, tenant: str) -> None:
        self._connection = connection.of(tenant)
        self._tenant = tenant

    async def load(self, api_key_id: str | None) -> Load:
        """Return what waits, and what of it was asked for with a key."""
        given = {"in_tenant": self._tenant, "of_key": api_key_id}
        row = (await self._connection.execute(_LOAD, given)).mappings().one()
        return Load(**{name: int(number) for name, number in row.items()})

    async def add(self, row: JobRow, request: bytes) -> None:
        """Queue a job."""
        values = asdict(row) | {"tenant": self._tenant, "request": request}
        del values["position"]
        await self._connection.execute(insert(jobs).values(values))

    async def find(self, job_id: str) -> JobRow | None:
        """Return one job."""
        given = {"in_tenant": self._tenant, "of_id": job_id}
        row = (await self._connection.execute(_FIND, given)).mappings().one_or_none()
        return None if row is None else JobRow(**row)

    async def outcome(self, job_id: str) -> bytes | None:
        """Return what came of a job, as it is stored; None if that is not kept."""
        given = {"in_tenant": self._tenant, "of_id": job_id}
        return (await self._connection.execute(_OUTCOME, given)).scalar_one_or_none()

    async def next(self, at: datetime, most: int) -> list[QueuedRow]:
        """Return the jobs that are to be begun, the oldest first."""
        given = {"in_tenant": self._tenant, "at": at, "of_most": most}
        return [_queued(row) for row in await self._connection.execute(_NEXT, given)]

    async def begin(self, begun: Mapping[str, str], at: datetime, until: datetime) -> None:
        """Have jobs run, each by the call of this id, until their leases end."""
        given = {"in_tenant": self._tenant, "at": at, "of_until": until}
        for job_id, call_id in begun.items():
            await self._connection.execute(_BEGIN, {**given, "of_id": job_id, "of_call": call_id})

    async def change(self, job_id: str, **values: Any) -> None:
        """Set some of a job's columns."""
        await self._connection.execute(update(jobs).where(self._is(job_id)).values(values))

    async def page(
        self,
        *,
        limit: int,
        before: int | None = None,
        states: Collection[str] = (),
        plugin: str | None = None,
        asker: str | None = None,
        of: Collection[str] | None = None,
    ) -> list[JobRow]:
        """Return jobs, the newest first, those ``before`` a position if that is given; of an
        ``asker``, those that keys of this name asked for; calls ``of`` these plugins alone."""
        chosen = [_J.tenant == self._tenant]
        if before is not None:
            chosen.append(_J.position < before)
        if states:
            chosen.append(_J.state.in_(list(states)))
        if plugin is not None:
            chosen.append(_J.plugin == plugin)
        if asker is not None:
            chosen += _J.subject == asker, _J.api_key_id.is_not(None)
        if of is not None:
            chosen.append(_J.plugin.in_(sorted(of)))
        found = await self._connection.execute(
            select(*_ROW).where(*chosen).order_by(_J.position.desc()).limit(limit)
        )
        return [JobRow(**row) for row in found.mappings()]

    async def forget_old(self, before: datetime, at_once: int) -> int:
        """Remove jobs that ended before a moment; return how many."""
        old = select(_J.position).where(self._has_ended(), _J.ended_at < before).limit(at_once)
        gone = await self._connection.execute(
            delete(jobs).where(_J.tenant == self._tenant, _J.position.in_(old))
        )
        return gone.rowcount

    async def forget_beyond(self, kept: int) -> None:
        """Remove the oldest jobs that have ended, beyond so many."""
        last = (
            select(_J.position)
            .where(self._has_ended())
            .order_by(_J.position.desc())
            .offset(kept)
            .limit(1)
        )
        await self._connection.execute(
            delete(jobs).where(self._has_ended(), _J.position <= last.scalar_subquery())
        )

    async def forget_outcomes_beyond(self, bytes_max: int) -> None:
        """Forget what came of the oldest jobs, beyond so many bytes; the jobs stay."""
        found = await self._connection.execute(
            select(_J.position, _J.outcome_bytes)
            .where(_J.tenant == self._tenant, _J.outcome_bytes > 0)
            .order_by(_J.position.desc())
        )
        kept = 0
        for row in found:
            kept += row.outcome_bytes
            if kept > bytes_max:
                await self._connection.execute(
                    update(jobs)
                    .where(_J.tenant == self._tenant, _J.position <= row.position, ~_IS_OPEN)
                    .values(outcome=None, outcome_bytes=0)
                )
                return

    def _is(self, job_id: str) -> ColumnElement[bool]:
        return and_(_J.tenant == self._tenant, _J.id == job_id)

    def _has_ended(self) -> ColumnElement[bool]:
        return and_(_J.tenant == self._tenant, _J.ended_at.is_not(None))


async def waiting(connection: Connection, at: datetime) -> list[tuple[str, int]]:
    """Return the tenants whose jobs are to be begun, and how many each has; who has waited for the
    longest comes first."""
    found = await connection.of_every_tenant().execute(_WAITING, {"at": at})
    return [(row.tenant, row.number) for row in found]


async def abandoned(connection: Connection, at: datetime, most: int) -> Sequence[tuple[str, str]]:
    """Return the tenants and ids of jobs that were left by a host that is gone."""
    found = await connection.of_every_tenant().execute(_ABANDONED, {"at": at, "of_most": most})
    return [(row.tenant, row.id) for row in found]


async def renew(connection: Connection, calls: Collection[str], until: datetime) -> None:
    """Have the leases of those who make these calls, of every tenant, last longer.

    What is being changed at this moment is left alone: to wait for it, with rows of others locked
    already, would be a deadlock as soon as whoever changes it wants those.
    """
    given = {"calls": list(calls), "at": until}
    await connection.of_every_tenant().execute(_RENEW, given)


async def held(connection: Connection, calls: Collection[str]) -> set[str]:
    """Return for which of these calls the jobs are still their holders'."""
    found = await connection.of_every_tenant().execute(_HELD, {"calls": list(calls)})
    return set(found.scalars())


def _queued(row: Row[Any]) -> QueuedRow:
    values = row._mapping
    job = JobRow(**{name: values[name] for name in JobRow.__dataclass_fields__})
    has_key = job.api_key_id is not None
    return QueuedRow(
        job=job,
        request=row.request,
        scopes=(row.scopes or ()) if has_key else None,
        plugins=row.plugins if has_key else None,
        is_revoked=has_key and not _is_held(row),
    )


def _is_held(row: Row[Any]) -> bool:
    """Tell whether the key that a job was asked for with is still one."""
    is_over = row.expires_at is not None and row.expires_at <= now()
    return row.scopes is not None and row.revoked_at is None and not is_over
