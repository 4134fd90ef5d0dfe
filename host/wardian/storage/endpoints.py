"""Endpoints of host apps: the rows of one tenant, and how the last deliveries to them went."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, and_, delete, func, insert, or_, select, update

from wardian.storage.database import Connection
from wardian.storage.rows import AttemptRow, EndpointRow, KeyRow, now
from wardian.storage.statements import AT, mine
from wardian.storage.tables import api_keys, endpoint_attempts, endpoints
from wardian.storage.tenants import key_row

_E, _A = endpoints.c, endpoint_attempts.c
_ATTEMPT = tuple(_A[name] for name in AttemptRow.__dataclass_fields__)
_ENDPOINT = tuple(_E[name] for name in EndpointRow.__dataclass_fields__)
_KEY = tuple(api_keys.c[name].label(f"owner_{name}") for name in KeyRow.__dataclass_fields__)

_IS_ITS_KEY = and_(api_keys.c.tenant == _E.tenant, api_keys.c.id == _E.api_key_id)
_LISTENING = (
    select(_E.id, _E.topics, _E.queued, api_keys.c.scopes)
    .select_from(endpoints.join(api_keys, _IS_ITS_KEY))
    .where(
        mine(
            endpoints,
            _E.paused.is_(False),
            api_keys.c.revoked_at.is_(None),
            or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > AT),
        )
    )
    .order_by(_E.id)  # whoever locks several locks them in one order
)


@dataclass(frozen=True, slots=True)
class Listening:
    """An endpoint that may get events now; ``scopes`` are those of its key."""

    id: str
    topics: Sequence[str]
    queued: int
    scopes: Sequence[str]


@dataclass(frozen=True, slots=True)
class Owned:
    """An endpoint, and the key whose rights it has."""

    row: EndpointRow
    key: KeyRow


class EndpointRepository:
    """The endpoints of one tenant, over one open transaction."""

    def __init__(self, connection: Connection, tenant: str) -> None:
        self._connection = connection.of(tenant)
        self._tenant = tenant

    async def listening(self) -> list[Listening]:
        """Return those that are enabled and whose key holds."""
        found = await self._connection.execute(_LISTENING, {"in_tenant": self._tenant, "at": now()})
        return [Listening(**row) for row in found.mappings()]

    async def add(self, row: EndpointRow) -> None:
        """Add an endpoint."""
        values = asdict(row) | {"tenant": self._tenant, "topics": list(row.topics)}
        await self._connection.execute(insert(endpoints).values(values))

    async def count(self) -> int:
        """Count the tenant's endpoints."""
        found = await self._connection.execute(
            select(func.count()).select_from(endpoints).where(_E.tenant == self._tenant)
        )
        return int(found.scalar_one())

    async def all(self) -> list[Owned]:
        """Return the tenant's endpoints, the oldest first."""
        return await self._owned()

    async def find(self, endpoint_id: str) -> Owned | None:
        """Return one endpoint."""
        found = await self._owned(_E.id == endpoint_id)
        return found[0] if found else None

    async def of_ended_keys(self) -> list[Owned]:
        """Return those that are enabled, and whose key was revoked or has expired."""
        ended = or_(api_keys.c.revoked_at.is_not(None), api_keys.c.expires_at <= now())
        return await self._owned(_E.paused.is_(False), ended)

    async def change(self, endpoint_id: str, values: Mapping[str, Any]) -> None:
        """Set columns of an endpoint."""
        await self._connection.execute(
            update(endpoints).where(self._is(endpoint_id)).values(dict(values))
        )

    async def disable(self, endpoint_id: str, reason: str) -> bool:
        """Hold back what waits for an endpoint; tell whether it was enabled until now."""
        changed = await self._connection.execute(
            update(endpoints)
            .where(self._is(endpoint_id), _E.paused.is_(False))
            .values(paused=True, reason=reason, updated_at=now())
        )
        return changed.rowcount > 0

    async def remove(self, endpoint_id: str) -> bool:
        """Remove an endpoint with all that waits for it; tell whether there was one."""
        gone = await self._connection.execute(delete(endpoints).where(self._is(endpoint_id)))
        return gone.rowcount > 0

    async def reseal(self, before: EndpointRow, key_id: str, sealed: bytes) -> bool:
        """Write what an endpoint signs with sealed anew, if it is still as it was ``before``."""
        changed = await self._connection.execute(
            update(endpoints)
            .where(self._is(before.id), _E.sealed == before.sealed)
            .values(key_id=key_id, sealed=sealed)
        )
        return changed.rowcount > 0

    async def not_sealed_with(self, key_id: str) -> list[EndpointRow]:
        """Return the endpoints whose secrets another key has sealed."""
        return [found.row for found in await self._owned(_E.key_id != key_id)]

    async def those_of(self, ids: Collection[str]) -> dict[str, EndpointRow]:
        """Return those of these endpoints that are there still, by id."""
        return {found.row.id: found.row for found in await self._owned(_E.id.in_(list(ids)))}

    async def add_attempts(self, attempts: Sequence[AttemptRow], kept: int) -> None:
        """Write down attempts of one endpoint, of which the newest are ``kept``."""
        endpoint_id = attempts[0].endpoint_id
        for attempt in attempts:
            values = asdict(attempt) | {"tenant": self._tenant}
            del values["position"]
            await self._connection.execute(insert(endpoint_attempts).values(values))
        of_it = and_(_A.tenant == self._tenant, _A.endpoint_id == endpoint_id)
        last = select(_A.position).where(of_it).order_by(_A.position.desc()).offset(kept).limit(1)
        await self._connection.execute(
            delete(endpoint_attempts).where(of_it, _A.position <= last.scalar_subquery())
        )

    async def attempts(
        self, endpoint_id: str, *, limit: int, before: int | None = None
    ) -> list[AttemptRow]:
        """Return the last attempts to post to an endpoint, the newest first."""
        query = select(*_ATTEMPT).where(_A.tenant == self._tenant, _A.endpoint_id == endpoint_id)
        if before is not None:
            query = query.where(_A.position < before)
        found = await self._connection.execute(query.order_by(_A.position.desc()).limit(limit))
        return [AttemptRow(**row) for row in found.mappings()]

    async def _owned(self, *conditions: ColumnElement[bool]) -> list[Owned]:
        found = await self._connection.execute(
            select(*_ENDPOINT, *_KEY)
            .select_from(endpoints.join(api_keys, _IS_ITS_KEY))
            .where(_E.tenant == self._tenant, *conditions)
            .order_by(_E.created_at, _E.id)
        )
        return [_owned(row) for row in found.mappings()]

    def _is(self, endpoint_id: str) -> ColumnElement[bool]:
        return and_(_E.tenant == self._tenant, _E.id == endpoint_id)


def _owned(found: RowMapping) -> Owned:
    row = {name: found[name] for name in EndpointRow.__dataclass_fields__}
    key = {name: found[f"owner_{name}"] for name in KeyRow.__dataclass_fields__}
    return Owned(EndpointRow(**row), key_row(key))
