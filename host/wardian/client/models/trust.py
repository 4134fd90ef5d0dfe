"""Whom a tenant trusts, and what was revoked."""

from __future__ import annotations

from datetime import datetime

import msgspec

from wardian.client.models.pages import Tagged


class PublisherKey(msgspec.Struct, frozen=True, kw_only=True):
    """One key of a publisher's, ``active``, ``retired`` or ``revoked``."""

    id: str
    public_key: str
    state: str
    reason: str
    added_at: datetime
    added_by: str
    changed_at: datetime


class Revoked(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a publisher's list: a package, versions of a plugin, or a key."""

    reason: str
    sha256: str | None = None
    name: str | None = None
    versions: str | None = None
    key_id: str | None = None


class RevocationList(msgspec.Struct, frozen=True, kw_only=True):
    """The newest good list of a publisher."""

    number: int
    issued_at: datetime
    expires_at: datetime
    received_at: datetime
    revoked: list[Revoked]


class Publisher(Tagged, frozen=True, kw_only=True):
    """One publisher.

    Attributes:
        plugins: what it may sign: names, or beginnings of them with ``*``.
        quarantined: the plugins that the change at hand set aside.
    """

    name: str
    plugins: list[str]
    keys: list[PublisherKey]
    created_at: datetime
    created_by: str
    revocations: RevocationList | None = None
    quarantined: list[str] = msgspec.field(default_factory=list)


class Revocation(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator revoked: a package by its SHA-256, or versions of a plugin.

    Attributes:
        quarantined: the plugins that the change at hand set aside.
    """

    id: str
    reason: str
    revoked_at: datetime
    revoked_by: str
    sha256: str | None = None
    name: str | None = None
    versions: str | None = None
    quarantined: list[str] = []


class TrustPolicy(Tagged, frozen=True, kw_only=True):
    """What a tenant does about unsigned packages, and about lists of revocations that expired.

    Attributes:
        unsigned: ``allow``, ``warn`` or ``refuse``.
        stale: ``warn`` or ``refuse``.
        updated_at, updated_by: None until it is set for the first time.
        quarantined: the plugins that the change at hand set aside.
    """

    unsigned: str
    stale: str
    updated_at: datetime | None = None
    updated_by: str | None = None
    quarantined: list[str] = msgspec.field(default_factory=list)
