"""The tenants of a host."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

import msgspec

from wardian.errors import InvalidArguments, NotFound
from wardian.storage import Connection, Database
from wardian.storage.tenants import TenantRepository
from wardian.tenants.ports import Journal

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")


class TenantView(msgspec.Struct, frozen=True, kw_only=True):
    """One tenant, as shown to operators."""

    name: str
    created_at: datetime


class Tenants:
    """Create and list tenants; for the administrators of the default tenant."""

    def __init__(
        self, database: Database, journal: Journal, *, default_tenant: str = "default"
    ) -> None:
        self._database = database
        self._journal = journal
        self._default_tenant = default_tenant

    async def create(self, name: str, *, actor: str = "host") -> TenantView:
        """Create a tenant; those who run the host hear of it in the default tenant.

        Raises:
            InvalidArguments: not a tenant's name.
            Conflict: there is one of this name.
        """
        if not _NAME.fullmatch(name):
            raise InvalidArguments(
                f"{name[:80]!r} cannot name a tenant: use 1 to 64 lower-case letters, digits and "
                "dashes, with a letter or digit at both ends.",
                path="name",
            )
        async with self._journal.change(name, actor) as change:
            created = await TenantRepository(change.connection).add(name)
            await change.note_access("tenant.created", name, {})
            await change.beside(self._default_tenant).note_access("tenant.created", name, {})
        return TenantView(name=name, created_at=created)

    async def list(self) -> Sequence[TenantView]:
        """Return every tenant, by name."""
        async with self._database.reading() as connection:
            found = await TenantRepository(connection).all()
        return [TenantView(name=name, created_at=created) for name, created in found]


async def require_tenant(connection: Connection, name: str) -> None:
    """Check that a tenant exists.

    Raises:
        NotFound: it does not.
    """
    if not await TenantRepository(connection).exists(name):
        raise NotFound(f"There is no tenant named {name[:80]!r}.")
