"""What is shown of a credential: all but what it is kept for."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from wardian.storage.rows import now
from wardian.storage.vault import Kept

EXPIRES_SOON = timedelta(days=14)
"""So long before its end a credential's expiry is told."""

Standing = Literal["ok", "expires-soon", "expired", "rotation-due", "broken"]


class CredentialView(msgspec.Struct, frozen=True, kw_only=True):
    """A credential without its secrets.

    Attributes:
        plugin: whose it is; None if it is any plugin's of the tenant.
        public: what of it is no secret, by the kind.
        fields: the names of its fields, the secret ones too.
        version: counts up with each new value.
        standing: whether something is to be done about it; `warnings` say what.
    """

    name: str
    plugin: str | None
    kind: str
    description: str
    public: dict[str, Any]
    origins: list[str]
    placement: dict[str, Any] | None
    version: int
    standing: Standing
    warnings: list[str]
    expires_at: datetime | None
    rotate_days: int | None
    rotated_at: datetime
    created_at: datetime
    created_by: str
    updated_at: datetime
    updated_by: str
    last_used_at: datetime | None


def credential_view(kept: Kept, at: datetime | None = None) -> CredentialView:
    """Show a credential as it stands, at a moment or now."""
    row = kept.row
    standing, warnings = _standing(kept, at or now())
    return CredentialView(
        name=row.name,
        plugin=kept.plugin,
        kind=row.kind,
        description=row.description,
        public=dict(row.public),
        origins=list(row.bound.get("origins", ())),
        placement=row.bound.get("placement"),
        version=row.version,
        standing=standing,
        warnings=warnings,
        expires_at=row.expires_at,
        rotate_days=row.rotate_days,
        rotated_at=row.rotated_at,
        created_at=row.created_at,
        created_by=row.created_by,
        updated_at=row.updated_at,
        updated_by=row.updated_by,
        last_used_at=row.last_used_at,
    )


def _standing(kept: Kept, at: datetime) -> tuple[Standing, list[str]]:
    row = kept.row
    warnings: list[str] = []
    standing: Standing = "ok"
    if row.rotate_days is not None and row.rotated_at + timedelta(days=row.rotate_days) <= at:
        standing = "rotation-due"
        warnings.append(
            f"It was to be replaced every {row.rotate_days} days, and its value is from "
            f"{row.rotated_at:%Y-%m-%d}."
        )
    if row.expires_at is not None and row.expires_at <= at + EXPIRES_SOON:
        is_over = row.expires_at <= at
        standing = "expired" if is_over else "expires-soon"
        warnings.append(f"It {'expired' if is_over else 'expires'} on {row.expires_at:%Y-%m-%d}.")
    if row.public.get("fault"):
        standing = "broken"
        warnings.append(str(row.public["fault"]))
    return standing, warnings
