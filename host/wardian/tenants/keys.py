"""API keys: shown once, stored as a digest, each with the scopes it was made for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from wardian.crypto.digests import sha256_hex
from wardian.crypto.tokens import new_token
from wardian.errors import Conflict, InvalidArguments, NotFound
from wardian.storage import Connection, Database
from wardian.storage.plugins import PluginRepository
from wardian.storage.rows import KeyRow
from wardian.storage.tenants import KeyRepository
from wardian.tenants.authentication import Authentication, Clocks
from wardian.tenants.known import CACHE_SECONDS
from wardian.tenants.making import (
    PREFIX_CHARS,
    KeyView,
    NewKey,
    key_view,
    make_key,
    new_key,
    note_key,
)
from wardian.tenants.ports import Journal
from wardian.tenants.scopes import Caller, Scope
from wardian.tenants.tenants import require_tenant
from wardian.tenants.terms import KeyTerms, checked_description, checked_rate, expiry_of

__all__ = ["CACHE_SECONDS", "OVERLAP", "OVERLAP_MAX", "KeyPolicy", "KeyRing", "KeyView", "NewKey"]

OVERLAP = timedelta(hours=1)
OVERLAP_MAX = timedelta(days=7)
"""How long the token before holds beside a new one: unless told, and at most."""

_NO_TERMS = KeyTerms()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPolicy:
    """What the operator set.

    Attributes:
        life_max: the longest that a key holds; None is for ever.
        wrong_max: wrong keys that an address may send before it has to wait.
    """

    default_tenant: str = "default"
    life_max: timedelta | None = None
    wrong_max: int = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyChange:
    """What of a key is to be another; None stays, and an empty ``rate`` is none of its own."""

    description: str | None = None
    rate: str | None = None


class KeyRing:
    """The API keys of every tenant.

    Attributes:
        authentication: whose tokens they are, and what came of wrong ones.
    """

    def __init__(
        self,
        database: Database,
        journal: Journal,
        policy: KeyPolicy | None = None,
        *,
        clocks: Clocks | None = None,
    ) -> None:
        self._database = database
        self._journal = journal
        self._policy = policy or KeyPolicy()
        self._clocks = clocks or Clocks()
        self.authentication = Authentication(database, self._policy.wrong_max, self._clocks)
        self._revoked: Callable[[], None] = lambda: None

    def watch(self, revoked: Callable[[], None]) -> None:
        """Call ``revoked`` after a key was revoked here."""
        self._revoked = revoked

    async def authenticate(self, token: str, address: str = "") -> Caller:
        """Return who holds ``token``.

        Args:
            address: where it comes from, an IPv6 one as its network; empty within this process.

        Raises:
            Unauthenticated: nobody, or nobody any more.
            RateLimited: too many wrong ones came from there, and this is none that was right here.
        """
        return await self.authentication.of(token, address)

    async def create(
        self,
        name: str,
        scopes: Iterable[str],
        tenant: str,
        terms: KeyTerms = _NO_TERMS,
        *,
        actor: str = "host",
    ) -> NewKey:
        """Make a key for ``tenant``; its token is in the answer and nowhere else.

        Beside the host's own scopes it may have those that plugins of the tenant require.

        Raises:
            InvalidArguments: no name, no scope or an unknown one; terms that cannot be.
            NotFound: there is no such tenant.
        """
        at = self._clocks.wall()
        expires_at = expiry_of(terms, at, self._policy.life_max)
        async with self._journal.change(tenant, actor) as change:
            await require_tenant(change.connection, tenant)
            further = await _required_scopes(change.connection, tenant)
            row, token = make_key(name, scopes, tenant, further=further, terms=terms)
            row = replace(row, created_at=at, expires_at=expires_at)
            await KeyRepository(change.connection, tenant).add(row)
            await note_key(change, "key.created", row)
        self.authentication.see([row.digest])
        return new_key(row, token)

    async def list(self, tenant: str) -> Sequence[KeyView]:
        """Return a tenant's keys, revoked ones too, oldest first."""
        async with self._database.reading() as connection:
            return [key_view(row) for row in await KeyRepository(connection, tenant).all()]

    async def rotate(
        self,
        key_id: str,
        tenant: str,
        terms: KeyTerms = _NO_TERMS,
        *,
        overlap: timedelta = OVERLAP,
        actor: str = "host",
    ) -> NewKey:
        """Give a key another token, and let the one before hold for ``overlap`` beside it.

        It stays the same key: its id, name, scopes, bounds, and what it owns. Unless the ``terms``
        say when it expires, one that did is given as long a life as it had.

        Raises:
            NotFound: the tenant has no valid key of this id.
            InvalidArguments: an overlap, or an expiry, that cannot be.
        """
        if not timedelta(0) <= overlap <= OVERLAP_MAX:
            raise InvalidArguments(
                f"The token before may hold for 0 to {OVERLAP_MAX.total_seconds():.0f} seconds "
                "beside the new one.",
                path="overlap_seconds",
            )
        token, at = new_token(), self._clocks.wall()
        try:
            async with self._journal.change(tenant, actor) as change:
                row = _valid(await KeyRepository(change.connection, tenant).all(), key_id, at)
                values = self._renewed(row, terms, token, at, overlap)
                await KeyRepository(change.connection, tenant).change(key_id, values)
                row = replace(row, **values)
                until = row.old_until.isoformat() if row.old_until else None
                await note_key(change, "key.rotated", row, old_token_until=until)
        finally:
            # Even if the caller was cancelled: it may have been committed.
            self.forget_all()
        self.authentication.see([row.digest])
        return new_key(row, token)

    async def change(
        self, key_id: str, tenant: str, wanted: KeyChange, *, actor: str = "host"
    ) -> KeyView:
        """Describe a key otherwise, or bound it otherwise.

        Raises:
            NotFound: the tenant has no valid key of this id.
            InvalidArguments: a description or a rate that cannot be.
        """
        values: dict[str, Any] = {}
        if wanted.description is not None:
            values["description"] = checked_description(wanted.description)
        if wanted.rate is not None:
            values["rate"] = checked_rate(wanted.rate or None)
        try:
            async with self._journal.change(tenant, actor) as change:
                repository = KeyRepository(change.connection, tenant)
                row = _valid(await repository.all(), key_id, self._clocks.wall())
                if values:
                    await repository.change(key_id, values)
                    row = replace(row, **values)
                    await note_key(change, "key.changed", row, rate=row.rate)
        finally:
            self.forget_all()
        return key_view(row)

    async def revoke(self, key_id: str, tenant: str, *, actor: str = "host") -> None:
        """Make a key worthless, at once, with the token before its present one.

        Raises:
            NotFound: the tenant has no valid key of this id.
            Conflict: it is the last that can administer this host.
        """
        try:
            async with self._journal.change(tenant, actor) as change:
                repository, at = KeyRepository(change.connection, tenant), self._clocks.wall()
                rows = await repository.all()
                row = _unrevoked(rows, key_id)
                self._keep_one_administrator(row, rows, at)
                await repository.revoke(key_id)
                await note_key(change, "key.revoked", row)
        finally:
            # Even if the caller was cancelled: the revocation may have been committed.
            self.forget_all()
            self._revoked()

    def forget_all(self) -> None:
        """Look every key up again, because one may have been revoked."""
        self.authentication.forget()

    def _renewed(
        self, row: KeyRow, terms: KeyTerms, token: str, at: datetime, overlap: timedelta
    ) -> dict[str, Any]:
        """Return what of a key is another after it was rotated."""
        if terms.expires_at is None and terms.expires_in is None and row.expires_at is not None:
            terms = KeyTerms(expires_in=self._life_of(row, row.expires_at))
        old_until = at + overlap
        if row.expires_at is not None:
            old_until = min(old_until, row.expires_at)
        return {
            "prefix": token[:PREFIX_CHARS],
            "digest": sha256_hex(token.encode()),
            "issued_at": at,
            "expires_at": expiry_of(terms, at, self._policy.life_max),
            "expiry_told_at": None,
            "old_digest": row.digest if overlap else None,
            "old_until": old_until if overlap else None,
        }

    def _life_of(self, row: KeyRow, expires_at: datetime) -> timedelta:
        life = expires_at - (row.issued_at or row.created_at)
        return life if self._policy.life_max is None else min(life, self._policy.life_max)

    def _keep_one_administrator(self, row: KeyRow, rows: Iterable[KeyRow], at: datetime) -> None:
        others = [
            each
            for each in rows
            if each.id != row.id and Scope.ADMIN in each.scopes and not each.has_ended(at)
        ]
        is_one = Scope.ADMIN in row.scopes and not row.has_ended(at)
        if row.tenant == self._policy.default_tenant and is_one and not others:
            raise Conflict(
                f"{row.name!r} is the last key that can administer this host; make another one "
                "with the scope 'admin' first."
            )


def _valid(rows: Iterable[KeyRow], key_id: str, at: datetime) -> KeyRow:
    row = next((each for each in rows if each.id == key_id and not each.has_ended(at)), None)
    if row is None:
        raise _no_key(key_id)
    return row


def _unrevoked(rows: Iterable[KeyRow], key_id: str) -> KeyRow:
    row = next((each for each in rows if each.id == key_id and each.revoked_at is None), None)
    if row is None:
        raise _no_key(key_id)
    return row


def _no_key(key_id: str) -> NotFound:
    return NotFound(f"There is no valid API key with the id {key_id[:80]!r}.")


async def _required_scopes(connection: Connection, tenant: str) -> set[str]:
    """Return what the tenant's plugins require of keys; anything else is a slip of the pen."""
    rows = await PluginRepository(connection, tenant).all()
    return {scope for row in rows for scope in row.manifest.get("required_scopes", ())}
