"""A key as it is made, kept, shown and held."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from wardian.crypto.digests import sha256_hex
from wardian.crypto.identifiers import new_id
from wardian.crypto.tokens import new_token
from wardian.errors import InvalidArguments
from wardian.storage.rows import FoundKeyRow, KeyRow, now
from wardian.tenants.ports import Change
from wardian.tenants.scopes import OF_PLUGIN, Bounds, Caller, Scope, scopes_with
from wardian.tenants.terms import (
    KeyTerms,
    checked_description,
    checked_networks,
    checked_plugins,
    checked_rate,
)

PREFIX_CHARS = 8
_NAME_CHARS = 100
_NO_TERMS = KeyTerms()

_TAKEN = frozenset({"host", "events", "schedule"})
_TAKEN_BEFORE = ("plugin:", "webhook:")
"""By these the host itself is known, and who calls for it: to plugins, and in the audit trail."""


class KeyView(msgspec.Struct, frozen=True, kw_only=True):
    """One API key, as shown to operators; without the key.

    `last_used_at` is written down about once a minute. `old_token_until` is there while the token
    before a rotation still holds. `rate`, `plugins` and `networks` are null where nothing of the
    key's own bounds it. `state` is `valid`, `expired` or `revoked`.
    """

    id: str
    name: str
    prefix: str
    scopes: list[str]
    created_at: datetime
    state: str
    revoked_at: datetime | None = None
    description: str = ""
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    old_token_until: datetime | None = None
    rate: str | None = None
    plugins: list[str] | None = None
    networks: list[str] | None = None


class NewKey(KeyView, frozen=True, kw_only=True):
    """A key or a token just made: the only moment in which the token is known."""

    token: str
    tenant: str

    def __repr__(self) -> str:
        return f"NewKey(id={self.id!r}, name={self.name!r}, prefix={self.prefix!r})"


def make_key(
    name: str,
    scopes: Iterable[str],
    tenant: str,
    token: str | None = None,
    *,
    further: Iterable[str] = (),
    terms: KeyTerms = _NO_TERMS,
) -> tuple[KeyRow, str]:
    """Return the row of a new key, and its token; it may have ``further`` scopes, too.

    When it expires is not of this row's: see `wardian.tenants.terms.expiry_of`.

    Raises:
        InvalidArguments: no name, no scope or an unknown one; terms that cannot be.
    """
    if not 1 <= len(name) <= _NAME_CHARS or not name.isprintable():
        raise InvalidArguments(
            f"An API key needs a name of 1 to {_NAME_CHARS} printable characters.", path="name"
        )
    _check_own(name)
    # What reads as a plugin of a key is no scope, whatever plugin requires it.
    others = {scope for scope in further if not scope.startswith(OF_PLUGIN)} - set(Scope)
    wanted, known = sorted(set(scopes)), [*Scope, *sorted(others)]
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
        prefix=secret[:PREFIX_CHARS],
        digest=sha256_hex(secret.encode()),
        scopes=tuple(str(scope) for scope in wanted),
        created_at=now(),
        description=checked_description(terms.description),
        rate=checked_rate(terms.rate),
        plugins=checked_plugins(terms.plugins, wanted),
        networks=checked_networks(terms.networks),
    )
    return row, secret


def _check_own(name: str) -> None:
    if name in _TAKEN or name.startswith(_TAKEN_BEFORE):
        raise InvalidArguments(
            f"An API key cannot be named {name!r}: that is what the host calls its own doing.",
            path="name",
        )


def caller_of(found: FoundKeyRow, until: datetime | None) -> Caller:
    """Return who holds a token of a key, which ends at ``until``."""
    key = found.key
    return Caller(
        tenant=key.tenant,
        key_id=key.id,
        key_name=key.name,
        scopes=scopes_with(key.scopes, key.plugins),
        expires_at=until,
        bounds=Bounds(key.rate or found.tenant_key_rate, found.tenant_rate),
        plugins=None if key.plugins is None else frozenset(key.plugins),
        networks=key.networks,
    )


def key_view(row: KeyRow) -> KeyView:
    """Return a key as it is shown."""
    return KeyView(**_shown(row))


def new_key(row: KeyRow, token: str) -> NewKey:
    """Return a key with its token, in the only moment in which both are known."""
    return NewKey(token=token, tenant=row.tenant, **_shown(row))


def _shown(row: KeyRow) -> dict[str, Any]:
    is_over = row.old_until is None or row.old_until <= now()
    return {
        "id": row.id,
        "name": row.name,
        "prefix": row.prefix,
        "scopes": list(row.scopes),
        "created_at": row.created_at,
        "state": _state(row),
        "revoked_at": row.revoked_at,
        "description": row.description,
        "expires_at": row.expires_at,
        "last_used_at": row.last_used_at,
        "old_token_until": None if is_over else row.old_until,
        "rate": row.rate,
        "plugins": None if row.plugins is None else list(row.plugins),
        "networks": None if row.networks is None else list(row.networks),
    }


def _state(row: KeyRow) -> str:
    if row.revoked_at is not None:
        return "revoked"
    return "expired" if row.has_ended(now()) else "valid"


async def note_key(change: Change, topic: str, row: KeyRow, **more: Any) -> None:
    """Write down within a change what was done to a key; nothing of its token."""
    expires_at = None if row.expires_at is None else row.expires_at.isoformat()
    detail = {"id": row.id, "scopes": list(row.scopes), "expires_at": expires_at}
    await change.note_access(topic, row.name, detail | more)
