"""The tenants of a host."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from wardian.errors import InvalidArguments, NotFound
from wardian.storage import Connection, Database
from wardian.storage.rows import TenantLimitsRow
from wardian.storage.tenants import TenantLimitsRepository, TenantRepository
from wardian.tenants.ports import Journal
from wardian.tenants.terms import checked_rate

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")


class TenantView(msgspec.Struct, frozen=True, kw_only=True):
    """One tenant, as shown to operators."""

    name: str
    created_at: datetime


class TenantLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How many requests a tenant may make, and each of its keys; null is what the settings say."""

    rate: str | None = None
    key_rate: str | None = None


class Tenants:
    """Create and list tenants; for the administrators of the default tenant."""

    def __init__(
        self, database: Database, journal: Journal, *, default_tenant: str = "default"
    ) -> None:
        self._database = database
        self._journal = journal
        self._default_tenant = default_tenant
        self._limited: Callable[[], None] = lambda: None

    def watch(self, limited: Callable[[], None]) -> None:
        """Call ``limited`` after a tenant was bounded otherwise here."""
        self._limited = limited

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

    async def limits(self, name: str) -> TenantLimits:
        """Return a tenant's own bounds on requests.

        Raises:
            NotFound: there is no such tenant.
        """
        async with self._database.reading() as connection:
            return _limits(await TenantLimitsRepository(connection, name).find(), name)

    async def set_limits(
        self, name: str, limits: TenantLimits, *, actor: str = "host"
    ) -> TenantLimits:
        """Bound a tenant's requests otherwise; those who run the host hear of it, too.

        Raises:
            InvalidArguments: a rate is none.
            NotFound: there is no such tenant.
        """
        row = TenantLimitsRow(
            rate=checked_rate(limits.rate), key_rate=checked_rate(limits.key_rate, "key_rate")
        )
        try:
            async with self._journal.change(name, actor) as change:
                repository = TenantLimitsRepository(change.connection, name)
                _limits(await repository.find(), name)
                await repository.set(row)
                detail = {"rate": row.rate, "key_rate": row.key_rate}
                await change.note_access("tenant.limited", name, detail)
                if name != self._default_tenant:
                    theirs = change.beside(self._default_tenant)
                    await theirs.note_access("tenant.limited", name, detail)
        finally:
            self._limited()
        return limits


def _limits(row: TenantLimitsRow | None, name: str) -> TenantLimits:
    if row is None:
        raise _no_tenant(name)
    return TenantLimits(rate=row.rate, key_rate=row.key_rate)


def _no_tenant(name: str) -> NotFound:
    return NotFound(f"There is no tenant named {name[:80]!r}.")


async def require_tenant(connection: Connection, name: str) -> None:
    """Check that a tenant exists.

    Raises:
        NotFound: it does not.
    """
    if not await TenantRepository(connection).exists(name):
        raise _no_tenant(name)
