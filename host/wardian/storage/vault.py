"""Data keys and sealed credentials: the rows of one tenant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, delete, exists, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from wardian.errors import Conflict, NotFound
from wardian.storage.database import Connection
from wardian.storage.rows import now
from wardian.storage.tables import (
    credentials,
    data_keys,
    endpoints,
    oauth_flows,
    plugins,
    tenants,
)

ACTIVE = "active"
RETIRED = "retired"
"""A key that seals, and one that opens what it has sealed."""

TENANTS_OWN = ""
"""The owner of what belongs to no plugin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataKeyRow:
    """One data key, wrapped.

    Attributes:
        number: counts up within the tenant.
        root_key: the id of the key that wraps it.
        sealings: how often it has encrypted.
    """

    id: str
    number: int
    state: str
    root_key: str
    wrapped: bytes
    sealings: int
    created_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialRow:
    """One credential, sealed.

    Attributes:
        plugin_id: whose it is; None if it is any plugin's of the tenant.
        owner: the same as it is authenticated: empty for the tenant's own.
        public: what of it may be shown.
        bound: where it may go.
        sealed: the rest.
    """

    id: str
    plugin_id: str | None
    owner: str
    name: str
    kind: str
    description: str
    public: Mapping[str, Any]
    bound: Mapping[str, Any]
    key_id: str
    version: int
    sealed: bytes
    expires_at: datetime | None
    rotate_days: int | None
    rotated_at: datetime
    created_at: datetime
    created_by: str
    updated_at: datetime
    updated_by: str
    last_used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A credential as one statement found it.

    Attributes:
        key: the data key that sealed it.
        plugin: the name of the plugin whose it is.
    """

    row: CredentialRow
    key: DataKeyRow
    plugin: str | None


_KEY_COLUMNS = tuple(data_keys.c[name] for name in DataKeyRow.__dataclass_fields__)
_COLUMNS = tuple(credentials.c[name] for name in CredentialRow.__dataclass_fields__)
_KEPT = (
    select(
        *(column.label(f"credential_{column.name}") for column in _COLUMNS),
        *(column.label(f"key_{column.name}") for column in _KEY_COLUMNS),
        plugins.c.name.label("plugin"),
    )
    .join(
        data_keys,
        and_(data_keys.c.tenant == credentials.c.tenant, data_keys.c.id == credentials.c.key_id),
    )
    .outerjoin(
        plugins,
        and_(plugins.c.tenant == credentials.c.tenant, plugins.c.id == credentials.c.plugin_id),
    )
)
# One statement for a credential and its key, because a rotation may drop the key in between.


class VaultRepository:
    """What one tenant keeps in the vault, over one open transaction."""

    def __init__(self, connection: Connection, tenant: str) -> None:
        self._connection = connection.of(tenant)
        self._tenant = tenant

    async def lock(self) -> None:
        """Let no other transaction change the tenant's vault until this one ends.

        Raises:
            NotFound: there is no such tenant.
        """
        # SQLite has one writer anyway, and leaves FOR UPDATE out.
        found = await self._connection.execute(
            select(tenants.c.name).where(tenants.c.name == self._tenant).with_for_update()
        )
        if found.one_or_none() is None:
            raise NotFound(f"There is no tenant named {self._tenant[:80]!r}.")

    async def keys(self) -> list[DataKeyRow]:
        """Return the tenant's data keys, oldest first."""
        found = await self._connection.execute(
            select(*_KEY_COLUMNS)
            .where(data_keys.c.tenant == self._tenant)
            .order_by(data_keys.c.number)
        )
        return [DataKeyRow(**row) for row in found.mappings()]

    async def key(self, key_id: str) -> DataKeyRow | None:
        """Return a data key."""
        return next((key for key in await self.keys() if key.id == key_id), None)

    async def active_key(self) -> DataKeyRow | None:
        """Return the key that seals now."""
        return next((key for key in reversed(await self.keys()) if key.state == ACTIVE), None)

    async def add_key(self, row: DataKeyRow) -> None:
        """Add a data key, which seals from now on; those before it open only."""
        await self._connection.execute(
            update(data_keys)
            .where(data_keys.c.tenant == self._tenant, data_keys.c.state == ACTIVE)
            .values(state=RETIRED, changed_at=now())
        )
        await self._connection.execute(insert(data_keys).values(tenant=self._tenant, **asdict(row)))

    async def count_sealings(self, key_id: str, sealings: int = 1) -> None:
        """Count that a key has encrypted."""
        await self._connection.execute(
            update(data_keys)
            .where(data_keys.c.tenant == self._tenant, data_keys.c.id == key_id)
            .values(sealings=data_keys.c.sealings + sealings)
        )

    async def rewrap(self, before: DataKeyRow, root_key: str, wrapped: bytes) -> bool:
        """Write a key wrapped anew, if it is still as it was ``before``."""
        changed = await self._connection.execute(
            update(data_keys)
            .where(
                data_keys.c.tenant == self._tenant,
                data_keys.c.id == before.id,
                data_keys.c.wrapped == before.wrapped,
            )
            .values(root_key=root_key, wrapped=wrapped, changed_at=now())
        )
        return changed.rowcount > 0

    async def drop_unused_keys(self) -> int:
        """Remove the retired keys that nothing is sealed with any more; return how many."""
        gone = await self._connection.execute(
            delete(data_keys).where(
                data_keys.c.tenant == self._tenant,
                data_keys.c.state == RETIRED,
                *(
                    ~exists().where(
                        table.c.tenant == data_keys.c.tenant, table.c.key_id == data_keys.c.id
                    )
                    for table in (credentials, oauth_flows, endpoints)
                ),
            )
        )
        return gone.rowcount

    async def all(self) -> list[Kept]:
        """Return the tenant's credentials, by name, the tenant's own first."""
        return await self._kept()

    async def find(self, owner: str, name: str) -> Kept | None:
        """Return the credential of this owner and name."""
        found = await self._kept(credentials.c.owner == owner, credentials.c.name == name)
        return found[0] if found else None

    async def usable(self, plugin_id: str, name: str) -> Kept | None:
        """Return the credential that a plugin means by a name: its own, or else the tenant's."""
        owners = or_(credentials.c.owner == plugin_id, credentials.c.owner == TENANTS_OWN)
        found = await self._kept(credentials.c.name == name, owners)
        return found[-1] if found else None

    async def usable_of(self, plugin_id: str, names: Sequence[str]) -> list[Kept]:
        """Return what a plugin may mean by these names: the tenant's own first, then its own."""
        owners = or_(credentials.c.owner == plugin_id, credentials.c.owner == TENANTS_OWN)
        return await self._kept(credentials.c.name.in_(list(names)), owners)

    async def add(self, row: CredentialRow) -> None:
        """Add a credential.

        Raises:
            Conflict: its owner has one of this name; or the plugin whose it is to be is not
                installed any more.
        """
        try:
            await self._connection.execute(
                insert(credentials).values(tenant=self._tenant, **asdict(row))
            )
        except IntegrityError as exc:
            raise Conflict(
                f"The credential {row.name!r} could not be added: there is one already, or the "
                "plugin whose it is to be was uninstalled meanwhile."
            ) from exc

    async def replace(self, row: CredentialRow) -> None:
        """Write a credential over the one of the same id."""
        await self._connection.execute(
            update(credentials)
            .where(credentials.c.tenant == self._tenant, credentials.c.id == row.id)
            .values(asdict(row))
        )

    async def reseal(self, before: CredentialRow, key_id: str, sealed: bytes) -> bool:
        """Write a credential sealed anew, if it is still as it was ``before``."""
        changed = await self._connection.execute(
            update(credentials)
            .where(
                credentials.c.tenant == self._tenant,
                credentials.c.id == before.id,
                credentials.c.sealed == before.sealed,
            )
            .values(key_id=key_id, sealed=sealed)
        )
        return changed.rowcount > 0

    async def remove(self, credential_id: str) -> bool:
        """Remove a credential; tell whether there was one."""
        gone = await self._connection.execute(
            delete(credentials).where(
                credentials.c.tenant == self._tenant, credentials.c.id == credential_id
            )
        )
        return gone.rowcount > 0

    async def not_sealed_with(self, key_id: str, after: str, limit: int) -> list[Kept]:
        """Return up to ``limit`` credentials of other keys whose ids come after ``after``."""
        other = and_(credentials.c.key_id != key_id, credentials.c.id > after)
        query = _KEPT.where(credentials.c.tenant == self._tenant, other)
        found = await self._connection.execute(query.order_by(credentials.c.id).limit(limit))
        return [_kept(row) for row in found]

    async def count(self, *, except_key: str | None = None) -> int:
        """Count the tenant's credentials, or those that a key has not sealed."""
        query = select(func.count()).where(credentials.c.tenant == self._tenant)
        if except_key is not None:
            query = query.where(credentials.c.key_id != except_key)
        return int((await self._connection.execute(query)).scalar_one())

    async def note_uses(self, times: Mapping[str, datetime]) -> None:
        """Write down when credentials were used last."""
        for credential_id, time in times.items():
            await self._connection.execute(
                update(credentials)
                .where(credentials.c.tenant == self._tenant, credentials.c.id == credential_id)
                .values(last_used_at=time)
            )

    async def _kept(self, *conditions: Any) -> list[Kept]:
        found = await self._connection.execute(
            _KEPT.where(credentials.c.tenant == self._tenant, *conditions).order_by(
                credentials.c.owner, credentials.c.name
            )
        )
        return [_kept(row) for row in found]


async def all_keys(connection: Connection) -> Sequence[tuple[str, DataKeyRow]]:
    """Return the data keys of every tenant, each with its tenant: a root key wraps them all."""
    found = await connection.of_every_tenant().execute(
        select(data_keys.c.tenant, *_KEY_COLUMNS).order_by(data_keys.c.tenant, data_keys.c.number)
    )
    return [
        (row.pop("tenant"), DataKeyRow(**row)) for row in (dict(each) for each in found.mappings())
    ]


def _kept(row: Row[Any]) -> Kept:
    values = row._mapping
    return Kept(
        CredentialRow(**{column.name: values[f"credential_{column.name}"] for column in _COLUMNS}),
        DataKeyRow(**{column.name: values[f"key_{column.name}"] for column in _KEY_COLUMNS}),
        values["plugin"],
    )
