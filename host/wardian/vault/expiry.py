"""Credentials whose time is over are used for nothing."""

from __future__ import annotations

from datetime import datetime

from wardian.errors import PermissionDenied
from wardian.vault.held import Held


def check_time(held: Held, at: datetime) -> None:
    """Check that a credential may still be used.

    Raises:
        PermissionDenied: it has expired.
    """
    if held.expires_at is not None and held.expires_at <= at:
        raise PermissionDenied(
            f"The credential {held.name!r} expired at {held.expires_at.isoformat()}: the operator "
            "has to set it anew."
        )
