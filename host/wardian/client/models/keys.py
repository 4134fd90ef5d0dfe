"""API keys and tenants."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """One API key, as shown to operators; without the key."""

    id: str
    name: str
    prefix: str
    scopes: list[str]
    created_at: datetime
    revoked_at: datetime | None = None


class NewKey(Key, frozen=True, kw_only=True):
    """A key just made: the only moment in which its token is known."""

    token: str
    tenant: str


class Tenant(msgspec.Struct, frozen=True, kw_only=True):
    """One tenant, as shown to operators."""

    name: str
    created_at: datetime
