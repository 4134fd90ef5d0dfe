"""API keys and tenants."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """One API key, as shown to operators; without the key.

    Attributes:
        state: ``valid``, ``expired`` or ``revoked``.
        last_used_at: written down about once a minute.
        old_token_until: while the token before a rotation still holds.
        rate, plugins, networks: None where nothing of the key's own bounds it.
    """

    id: str
    name: str
    prefix: str
    scopes: list[str]
    created_at: datetime
    state: str = "valid"
    revoked_at: datetime | None = None
    description: str = ""
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    old_token_until: datetime | None = None
    rate: str | None = None
    plugins: list[str] | None = None
    networks: list[str] | None = None


class NewKey(Key, frozen=True, kw_only=True):
    """A key or a token just made: the only moment in which the token is known."""

    token: str
    tenant: str


class Tenant(msgspec.Struct, frozen=True, kw_only=True):
    """One tenant, as shown to operators."""

    name: str
    created_at: datetime


class TenantLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How many requests a tenant may make, and each of its keys; None is what the settings say."""

    rate: str | None = None
    key_rate: str | None = None
