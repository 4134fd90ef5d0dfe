"""Publishers, their keys and lists, policies, revocations: the rows of one tenant."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, TypeVar

from sqlalchemy import JSON, Table, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from wardian.errors import Conflict
from wardian.storage.database import Connection
from wardian.storage.rows import (
    PublisherKeyRow,
    PublisherRow,
    RevocationListRow,
    RevocationRow,
    TrustPolicyRow,
    now,
)
from wardian.storage.tables import (
    publisher_keys,
    publishers,
    revocation_lists,
    revocations,
    trust_policies,
)

_Row = TypeVar("_Row", PublisherKeyRow, RevocationListRow, RevocationRow, TrustPolicyRow)


class TrustRepository:
    """Whom one tenant trusts, over one open transaction."""

    def __init__(self, connection: Connection, tenant: str) -> None:
        self._connection = connection.of(tenant)
        self._tenant = tenant

    async def policy(self) -> TrustPolicyRow | None:
        """Return the tenant's policy, if one was ever set."""
        found = await self._all(trust_policies, TrustPolicyRow)
        return found[0] if found else None

    async def set_policy(self, row: TrustPolicyRow) -> None:
        """Replace the tenant's policy."""
        await self._delete(trust_policies)
        await self._insert(trust_policies, asdict(row))

    async def publishers(self) -> list[PublisherRow]:
        """Return the tenant's publishers, by name."""
        found = await self._connection.execute(
            select(publishers)
            .where(publishers.c.tenant == self._tenant)
            .order_by(publishers.c.name)
        )
        return [
            PublisherRow(
                name=row.name,
                plugins=tuple(row.plugins),
                created_at=row.created_at,
                created_by=row.created_by,
            )
            for row in found
            if row.plugins is not None  # it was removed
        ]

    async def add_publisher(self, row: PublisherRow) -> None:
        """Add a publisher; what is remembered of one of this name that was removed is its own.

        Raises:
            Conflict: there is one of this name.
        """
        values = asdict(row) | {"plugins": list(row.plugins)}
        if await self._is_remembered(row.name):
            await self._change_publisher(row.name, values)
            return
        try:
            await self._insert(publishers, values)
        except IntegrityError as exc:
            raise Conflict(f"There is a publisher named {row.name!r} already.") from exc

    async def remove_publisher(self, name: str, *, remember: str) -> bool:
        """Remove a publisher; tell whether there was one.

        Its keys in the state ``remember`` stay known, as does its list of revocations: what they
        say must hold for whoever adds the publisher again.
        """
        if not any(row.name == name for row in await self.publishers()):
            return False
        await self._delete(
            publisher_keys, publisher_keys.c.publisher == name, publisher_keys.c.state != remember
        )
        left = [row.publisher for row in await self.keys()]
        left += [row.publisher for row in await self.lists()]
        if name in left:
            await self._change_publisher(name, {"plugins": JSON.NULL})
        else:
            await self._delete(publishers, publishers.c.name == name)
        return True

    async def _is_remembered(self, name: str) -> bool:
        found = await self._connection.execute(
            select(publishers.c.plugins).where(
                publishers.c.tenant == self._tenant, publishers.c.name == name
            )
        )
        row = found.one_or_none()
        return row is not None and row.plugins is None

    async def _change_publisher(self, name: str, values: dict[str, Any]) -> None:
        await self._connection.execute(
            update(publishers)
            .where(publishers.c.tenant == self._tenant, publishers.c.name == name)
            .values(values)
        )

    async def keys(self) -> list[PublisherKeyRow]:
        """Return the keys of every publisher, in the order in which they were added."""
        found = await self._all(publisher_keys, PublisherKeyRow)
        return sorted(found, key=lambda row: (row.added_at, row.key_id))

    async def add_key(self, row: PublisherKeyRow) -> None:
        """Add a key.

        Raises:
            Conflict: a publisher of the tenant has it, or had it.
        """
        try:
            await self._insert(publisher_keys, asdict(row))
        except IntegrityError as exc:
            raise Conflict(f"The key {row.key_id} is known in this tenant already.") from exc

    async def set_key_state(self, key_id: str, state: str, reason: str) -> None:
        """Write a key's state and why it is in it."""
        await self._connection.execute(
            update(publisher_keys)
            .where(publisher_keys.c.tenant == self._tenant, publisher_keys.c.key_id == key_id)
            .values(state=state, reason=reason, changed_at=now())
        )

    async def lists(self) -> list[RevocationListRow]:
        """Return the newest good list of each publisher that has one."""
        return await self._all(revocation_lists, RevocationListRow)

    async def set_list(self, row: RevocationListRow) -> None:
        """Replace a publisher's list."""
        await self._delete(revocation_lists, revocation_lists.c.publisher == row.publisher)
        await self._insert(revocation_lists, asdict(row))

    async def revocations(self) -> list[RevocationRow]:
        """Return what the operator revokes, oldest first."""
        found = await self._all(revocations, RevocationRow)
        return sorted(found, key=lambda row: row.id)

    async def add_revocation(self, row: RevocationRow) -> None:
        """Add a revocation of the operator's."""
        await self._insert(revocations, asdict(row))

    async def remove_revocation(self, revocation_id: str) -> bool:
        """Take a revocation back; tell whether there was one of this id."""
        return await self._delete(revocations, revocations.c.id == revocation_id)

    async def _all(self, table: Table, kind: type[_Row]) -> list[_Row]:
        columns = [table.c[name] for name in kind.__dataclass_fields__]
        found = await self._connection.execute(
            select(*columns).where(table.c.tenant == self._tenant)
        )
        return [kind(**row) for row in found.mappings()]

    async def _insert(self, table: Table, values: dict[str, Any]) -> None:
        await self._connection.execute(insert(table).values(tenant=self._tenant, **values))

    async def _delete(self, table: Table, *which: Any) -> bool:
        done = await self._connection.execute(
            delete(table).where(table.c.tenant == self._tenant, *which)
        )
        return done.rowcount > 0
