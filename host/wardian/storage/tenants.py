"""Tenants and their API keys."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import RowMapping, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from wardian.errors import Conflict
from wardian.storage.database import Connection
from wardian.storage.rows import KeyRow, now
from wardian.storage.tables import api_keys, tenants


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
            insert(api_keys).values(
                tenant=self._tenant,
                id=row.id,
                name=row.name,
                prefix=row.prefix,
                digest=row.digest,
                scopes=list(row.scopes),
                created_at=row.created_at,
            )
        )

    async def all(self) -> list[KeyRow]:
        """Return the tenant's keys, revoked ones too, oldest first."""
        found = await self._connection.execute(
            select(api_keys).where(api_keys.c.tenant == self._tenant).order_by(api_keys.c.id)
        )
        return [_key(row) for row in found.mappings()]

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


async def find_key(connection: Connection, digest: str) -> KeyRow | None:
    """Return the key with this digest, of whichever tenant: the key itself names its tenant."""
    found = await connection.of_every_tenant().execute(
        select(api_keys).where(api_keys.c.digest == digest)
    )
    row = found.mappings().one_or_none()
    return None if row is None else _key(row)


async def any_key(connection: Connection) -> bool:
    """Tell whether this host ever had an API key."""
    found = await connection.of_every_tenant().execute(select(api_keys.c.id).limit(1))
    return found.first() is not None


def _key(row: RowMapping) -> KeyRow:
    values = dict(row)
    return KeyRow(**values | {"scopes": tuple(values["scopes"])})
