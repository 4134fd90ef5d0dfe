"""What the host shows of whom a tenant trusts: JSON-able values for the API, the CLI, host apps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from wardian.plugins.statements import Revocation, RevocationList, read_signed
from wardian.storage.rows import (
    PublisherKeyRow,
    PublisherRow,
    RevocationListRow,
    RevocationRow,
    TrustPolicyRow,
)


class TrustPolicyView(msgspec.Struct, frozen=True, kw_only=True):
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
    quarantined: list[str] = []


class PublisherKeyView(msgspec.Struct, frozen=True, kw_only=True):
    """One key of a publisher's, ``active``, ``retired`` or ``revoked``."""

    id: str
    public_key: str
    state: str
    reason: str
    added_at: datetime
    added_by: str
    changed_at: datetime


class RevokedView(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a publisher's list: a package, versions of a plugin, or a key."""

    reason: str
    sha256: str | None = None
    name: str | None = None
    versions: str | None = None
    key_id: str | None = None


class RevocationListView(msgspec.Struct, frozen=True, kw_only=True):
    """The newest good list of a publisher."""

    number: int
    issued_at: datetime
    expires_at: datetime
    received_at: datetime
    revoked: list[RevokedView]


class PublisherView(msgspec.Struct, frozen=True, kw_only=True):
    """One publisher.

    Attributes:
        plugins: what it may sign: names, or beginnings of them with ``*``.
        quarantined: the plugins that the change at hand set aside.
    """

    name: str
    plugins: list[str]
    keys: list[PublisherKeyView]
    created_at: datetime
    created_by: str
    revocations: RevocationListView | None = None
    quarantined: list[str] = []


class RevocationView(msgspec.Struct, frozen=True, kw_only=True):
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


def policy_view(row: TrustPolicyRow, quarantined: Sequence[str] = ()) -> TrustPolicyView:
    """Show a policy."""
    return TrustPolicyView(
        unsigned=row.unsigned,
        stale=row.stale,
        updated_at=row.updated_at,
        updated_by=row.updated_by,
        quarantined=list(quarantined),
    )


def publisher_view(
    row: PublisherRow, keys: Iterable[PublisherKeyRow], found: RevocationListRow | None
) -> PublisherView:
    """Show a publisher with those of the keys that are its own."""
    return PublisherView(
        name=row.name,
        plugins=list(row.plugins),
        keys=[_key_view(key) for key in keys if key.publisher == row.name],
        created_at=row.created_at,
        created_by=row.created_by,
        revocations=None if found is None else _list_view(found),
    )


def revocation_view(row: RevocationRow, quarantined: Sequence[str] = ()) -> RevocationView:
    """Show a revocation of the operator's."""
    return RevocationView(
        id=row.id,
        reason=row.reason,
        revoked_at=row.revoked_at,
        revoked_by=row.revoked_by,
        sha256=row.package_digest,
        name=row.name,
        versions=row.versions,
        quarantined=list(quarantined),
    )


def _key_view(row: PublisherKeyRow) -> PublisherKeyView:
    return PublisherKeyView(
        id=row.key_id,
        public_key=row.public_key,
        state=row.state,
        reason=row.reason,
        added_at=row.added_at,
        added_by=row.added_by,
        changed_at=row.changed_at,
    )


def _list_view(row: RevocationListRow) -> RevocationListView:
    statement = read_signed(row.envelope.encode(), RevocationList).statement
    return RevocationListView(
        number=row.number,
        issued_at=statement.issued_at,
        expires_at=statement.expires_at,
        received_at=row.received_at,
        revoked=list(map(_revoked_view, statement.revoked)),
    )


def _revoked_view(revocation: Revocation) -> RevokedView:
    return RevokedView(
        reason=revocation.reason,
        sha256=revocation.sha256,
        name=revocation.name,
        versions=revocation.versions,
        key_id=revocation.key_id,
    )
