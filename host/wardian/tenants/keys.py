"""API keys: shown once, stored as a digest, each with the scopes it was made for."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

import msgspec

from wardian.crypto.digests import sha256_hex
from wardian.crypto.identifiers import new_id
from wardian.crypto.tokens import is_token, new_token, same
from wardian.errors import Conflict, InvalidArguments, NotFound, Unauthenticated
from wardian.storage import Connection, Database
from wardian.storage.plugins import PluginRepository
from wardian.storage.rows import KeyRow, now
from wardian.storage.tenants import KeyRepository, find_key
from wardian.tenants.ports import Change, Journal
from wardian.tenants.scopes import Caller, Scope
from wardian.tenants.tenants import require_tenant

CACHE_SECONDS = 10.0
"""How long a key revoked by another host process may still be taken here."""

_CACHE_KEYS = 1024
_PREFIX_CHARS = 8
_NAME_CHARS = 100


class KeyView(msgspec.Struct, frozen=True, kw_only=True):
    """One API key, as shown to operators; without the key."""

    id: str
    name: str
    prefix: str
    scopes: list[str]
    created_at: datetime
    revoked_at: datetime | None = None


class NewKey(KeyView, frozen=True, kw_only=True):
    """A key just made: the only moment in which its token is known."""

    token: str
    tenant: str

    def __repr__(self) -> str:
        return f"NewKey(id={self.id!r}, name={self.name!r}, prefix={self.prefix!r})"


class KeyRing:
    """The API keys of every tenant."""

    def __init__(
        self,
        database: Database,
        journal: Journal,
        *,
        default_tenant: str = "default",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._journal = journal
        self._default_tenant = default_tenant
        self._clock = clock
        self._known: OrderedDict[str, tuple[Caller, float]] = OrderedDict()
        self._revocations = 0
        self._revoked: Callable[[], None] = lambda: None

    def watch(self, revoked: Callable[[], None]) -> None:
        """Call ``revoked`` after a key was revoked here."""
        self._revoked = revoked

    async def authenticate(self, token: str) -> Caller:
        """Return who holds ``token``.

        Raises:
            Unauthenticated: nobody, or nobody any more.
        """
        if not is_token(token):
            raise Unauthenticated("The API key is malformed: it starts with 'wdn_'.")
        digest = sha256_hex(token.encode())
        cached = self._known.get(digest)
        if cached is not None and self._clock() < cached[1]:
            self._known.move_to_end(digest)
            return cached[0]
        revocations = self._revocations
        async with self._database.reading() as connection:
            row = await find_key(connection, digest)
        if row is None or row.revoked_at is not None or not same(row.digest, digest):
            raise Unauthenticated("The API key is unknown or was revoked.")
        caller = _caller(row)
        # A key read before a revocation may not be remembered after it.
        if revocations == self._revocations:
            self._remember(digest, caller)
        return caller

    async def create(
        self, name: str, scopes: Iterable[str], tenant: str, *, actor: str = "host"
    ) -> NewKey:
        """Make a key for ``tenant``; its token is in the answer and nowhere else.

        Beside the host's own scopes it may have those that plugins of the tenant require.

        Raises:
            InvalidArguments: no name, no scope or an unknown one.
            NotFound: there is no such tenant.
        """
        async with self._journal.change(tenant, actor) as change:
            await require_tenant(change.connection, tenant)
            further = await _required_scopes(change.connection, tenant)
            row, token = make_key(name, scopes, tenant, further=further)
            await KeyRepository(change.connection, tenant).add(row)
            await note_key(change, "key.created", row)
        return NewKey(token=token, tenant=tenant, **msgspec.structs.asdict(_view(row)))

    async def list(self, tenant: str) -> Sequence[KeyView]:
        """Return a tenant's keys, revoked ones too, oldest first."""
        async with self._database.reading() as connection:
            return [_view(row) for row in await KeyRepository(connection, tenant).all()]

    async def revoke(self, key_id: str, tenant: str, *, actor: str = "host") -> None:
        """Make a key worthless, at once.

        Raises:
            NotFound: the tenant has no valid key of this id.
            Conflict: it is the last that can administer this host.
        """
        try:
            async with self._journal.change(tenant, actor) as change:
                repository = KeyRepository(change.connection, tenant)
                valid = [row for row in await repository.all() if row.revoked_at is None]
                row = next((row for row in valid if row.id == key_id), None)
                if row is None:
                    raise NotFound(f"There is no valid API key with the id {key_id[:80]!r}.")
                self._keep_one_administrator(row, valid)
                await repository.revoke(key_id)
                await note_key(change, "key.revoked", row)
        finally:
            # Even if the caller was cancelled: the revocation may have been committed.
            self.forget_all()
            self._revoked()

    def forget_all(self) -> None:
        """Look every key up again, because one may have been revoked."""
        self._revocations += 1
        self._known.clear()

    def _keep_one_administrator(self, row: KeyRow, valid: Iterable[KeyRow]) -> None:
        others = [each for each in valid if each.id != row.id and Scope.ADMIN in each.scopes]
        if row.tenant == self._default_tenant and Scope.ADMIN in row.scopes and not others:
            raise Conflict(
                f"{row.name!r} is the last key that can administer this host; make another one "
                "with the scope 'admin' first."
            )

    def _remember(self, digest: str, caller: Caller) -> None:
        self._known[digest] = (caller, self._clock() + CACHE_SECONDS)
        while len(self._known) > _CACHE_KEYS:
            self._known.popitem(last=False)


def make_key(
    name: str,
    scopes: Iterable[str],
    tenant: str,
    token: str | None = None,
    *,
    further: Iterable[str] = (),
) -> tuple[KeyRow, str]:
    """Return the row of a new key, and its token; it may have ``further`` scopes, too.

    Raises:
        InvalidArguments: no name, no scope or an unknown one.
    """
    if not 1 <= len(name) <= _NAME_CHARS or not name.isprintable():
        raise InvalidArguments(
            f"An API key needs a name of 1 to {_NAME_CHARS} printable characters.", path="name"
        )
    wanted, known = sorted(set(scopes)), [*Scope, *sorted(set(further) - set(Scope))]
    unknown = [scope for scope in wanted if scope not in known]
    if unknown or not wanted:
        raise InvalidArguments(
            f"An API key needs scopes of {', '.join(known)}, and got {unknown or 'none'}.",
            path="scopes",
        )
    secret = token or new_token()
    row = KeyRow(
        id=new_id(),
        tenant=tenant,
        name=name,
        prefix=secret[:_PREFIX_CHARS],
        digest=sha256_hex(secret.encode()),
        scopes=tuple(str(scope) for scope in wanted),
        created_at=now(),
    )
    return row, secret


def _caller(row: KeyRow) -> Caller:
    scopes = frozenset(row.scopes)
    return Caller(tenant=row.tenant, key_id=row.id, key_name=row.name, scopes=scopes)


async def _required_scopes(connection: Connection, tenant: str) -> set[str]:
    """Return what the tenant's plugins require of keys; anything else is a slip of the pen."""
    rows = await PluginRepository(connection, tenant).all()
    return {scope for row in rows for scope in row.manifest.get("required_scopes", ())}


def _view(row: KeyRow) -> KeyView:
    return KeyView(
        id=row.id,
        name=row.name,
        prefix=row.prefix,
        scopes=list(row.scopes),
        created_at=row.created_at,
        revoked_at=row.revoked_at,
    )


async def note_key(change: Change, topic: str, row: KeyRow) -> None:
    """Write down within a change what was done to a key; nothing of its token."""
    await change.note_access(topic, row.name, {"id": row.id, "scopes": list(row.scopes)})
