"""Tenants and their API keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from wardian.errors import Conflict
from wardian.storage.database import Connection
from wardian.storage.rows import FoundKeyRow, KeyRow, TenantLimitsRow, now
from wardian.storage.statements import AT, IN_TENANT, OF_DIGEST, OF_ID, mine
from wardian.storage.tables import api_keys, tenants

_K = api_keys.c
_KEY = tuple(_K[name] for name in KeyRow.__dataclass_fields__)

_NAMES = select(tenants.c.name)
_WITH_DIGEST = (
    select(*_KEY, tenants.c.rate.label("tenant_rate"), tenants.c.key_rate.label("tenant_key_rate"))
    .select_from(api_keys.join(tenants, tenants.c.name == _K.tenant))
    .where(or_(_K.digest == OF_DIGEST, _K.old_digest == OF_DIGEST))
)
_USED = (
    update(api_keys)
    .where(mine(api_keys, _K.id == OF_ID, or_(_K.last_used_at.is_(None), _K.last_used_at < AT)))
    .values(last_used_at=AT)
)
_HOLDING = and_(_K.revoked_at.is_(None), or_(_K.expires_at.is_(None), _K.expires_at > AT))
_ABOUT_TO_EXPIRE = (
    select(*_KEY)
    .where(_HOLDING, _K.expires_at <= bindparam("before"), _K.expiry_told_at.is_(None))
    .order_by(_K.tenant, _K.id)
)
_TOLD = (
    update(api_keys)
    .where(mine(api_keys, _K.id == OF_ID, _K.expiry_told_at.is_(None), _K.revoked_at.is_(None)))
    .values(expiry_told_at=AT)
)
_LATELY_USED = (
    select(_K.digest)
    .where(_HOLDING, _K.last_used_at.is_not(None))
    .order_by(_K.last_used_at.desc())
    .limit(bindparam("so_many"))
)
_SCOPES = select(_K.scopes).where(_K.tenant == IN_TENANT, _HOLDING)


class TenantRepository:
    """Every tenant of the host; the one repository that is bound to none."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def hold(self) -> None:
        """Have others who call this, on other hosts too, wait for the end of this transaction."""
        await self._connection.of_every_tenant().execute(select(1))

    async def add(self, name: str) -> datetime:
        """Add a tenant and return when.

        Raises:
            Conflict: there is one of this name.
        """
        created = now()
        try:
            await self._connection.execute(insert(tenants).values(name=name, created_at=created))
        except IntegrityError as exc:
            raise Conflict(f"There is a tenant named {name!r} already.") from exc
        return created

    async def all(self) -> list[tuple[str, datetime]]:
        """Return names and times of creation, by name."""
        found = await self._connection.execute(
            select(tenants.c.name, tenants.c.created_at).order_by(tenants.c.name)
        )
        return [(row.name, row.created_at) for row in found]

    async def names(self) -> frozenset[str]:
        """Return the names."""
        return frozenset((await self._connection.execute(_NAMES)).scalars())

    async def exists(self, name: str) -> bool:
        """Tell whether there is a tenant of this name."""
        found = await self._connection.execute(
            select(func.count()).select_from(tenants).where(tenants.c.name == name)
        )
        return bool(found.scalar_one())


class KeyRepository:
    """The API keys of one tenant, over one open transaction."""

    def __init__(self, connection: Connection, tenant: str) -> None:
        self._connection = connection.of(tenant)
        self._tenant = tenant

    async def add(self, row: KeyRow) -> None:
        """Add a key."""
        await self._connection.execute(
            insert(api_keys).values(asdict(row) | {"tenant": self._tenant})
        )

    async def all(self) -> list[KeyRow]:
        """Return the tenant's keys, revoked ones too, oldest first."""
        found = await self._connection.execute(
            select(*_KEY).where(_K.tenant == self._tenant).order_by(_K.id)
        )
        return [key_row(row) for row in found.mappings()]

    async def change(self, key_id: str, values: Mapping[str, Any]) -> None:
        """Set columns of a key."""
        await self._connection.execute(
            update(api_keys).where(_K.tenant == self._tenant, _K.id == key_id).values(dict(values))
        )

    async def used(self, key_id: str, at: datetime) -> None:
        """Write down that a key was used; a moment before one that is written down changes none."""
        await self._connection.execute(
            _USED, {"in_tenant": self._tenant, "of_id": key_id, "at": at}
        )

    async def told_of_expiry(self, key_id: str, at: datetime) -> bool:
        """Write down that it is told of a key that it is about to expire; False if it was."""
        values = {"in_tenant": self._tenant, "of_id": key_id, "at": at}
        changed = await self._connection.execute(_TOLD, values)
        return changed.rowcount > 0

    async def revoke(self, key_id: str) -> bool:
        """Revoke a key; tell whether there was a valid one of this id."""
        changed = await self._connection.execute(
            update(api_keys)
            .where(
                api_keys.c.tenant == self._tenant,
                api_keys.c.id == key_id,
                api_keys.c.revoked_at.is_(None),
            )
            .values(revoked_at=now())
        )
        return changed.rowcount > 0


class TenantLimitsRepository:
    """A tenant's own bounds on requests, over one open transaction."""

    def __init__(self, connection: Connection, tenant: str) -> None:
        self._connection = connection.of(tenant)
        self._tenant = tenant

    async def find(self) -> TenantLimitsRow | None:
        """Return them; None if there is no such tenant."""
        found = await self._connection.execute(
            select(tenants.c.rate, tenants.c.key_rate).where(tenants.c.name == self._tenant)
        )
        row = found.mappings().one_or_none()
        return None if row is None else TenantLimitsRow(**row)

    async def set(self, limits: TenantLimitsRow) -> None:
        """Set them."""
        await self._connection.execute(
            update(tenants).where(tenants.c.name == self._tenant).values(asdict(limits))
        )


async def find_key(connection: Connection, digest: str) -> FoundKeyRow | None:
    """Return the key with this digest, or whose token before had it, of whichever tenant: the key
    itself names its tenant."""
    found = await connection.of_every_tenant().execute(_WITH_DIGEST, {"of_digest": digest})
    row = found.mappings().one_or_none()
    if row is None:
        return None
    values = dict(row)
    bounds = {name: values.pop(name) for name in ("tenant_rate", "tenant_key_rate")}
    return FoundKeyRow(key=key_row(values), **bounds)


async def about_to_expire(connection: Connection, at: datetime, before: datetime) -> list[KeyRow]:
    """Return the keys of every tenant that hold, expire by then, and of which nobody was told."""
    found = await connection.of_every_tenant().execute(
        _ABOUT_TO_EXPIRE, {"at": at, "before": before}
    )
    return [key_row(row) for row in found.mappings()]


async def lately_used(connection: Connection, at: datetime, limit: int) -> list[str]:
    """Return the digests of keys of every tenant that hold, those that were used last first."""
    found = await connection.of_every_tenant().execute(_LATELY_USED, {"at": at, "so_many": limit})
    return list(found.scalars())


async def any_key(connection: Connection) -> bool:
    """Tell whether this host ever had an API key."""
    found = await connection.of_every_tenant().execute(select(api_keys.c.id).limit(1))
    return found.first() is not None


async def scopes_in_force(connection: Connection, tenant: str, at: datetime) -> list[list[str]]:
    """Return the scopes of each key of a tenant that holds."""
    found = await connection.of(tenant).execute(_SCOPES, {"in_tenant": tenant, "at": at})
    return list(found.scalars())


def key_row(found: Mapping[Any, Any]) -> KeyRow:
    """Return a key of what a statement found, in which lists are as JSON has them."""
    lists = {
        name: None if found[name] is None else tuple(found[name])
        for name in ("scopes", "plugins", "networks")
    }
    return KeyRow(**dict(found) | lists)
