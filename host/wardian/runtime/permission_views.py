"""What the host shows of the permissions that a plugin needed while it was monitored."""

from __future__ import annotations

from datetime import datetime

import msgspec

from wardian.policy.grants import Layer
from wardian.policy.permissions import parse_permission
from wardian.policy.suggestions import Suggestion, Use
from wardian.storage.rows import PermissionUseRow


class UseView(msgspec.Struct, frozen=True, kw_only=True):
    """How often and when one permission was needed.

    Attributes:
        permission: a pattern stands for further targets that were not kept apart.
        refused_by: the layer that refused it; empty where it was allowed.
    """

    permission: str
    refused_by: str
    uses: int
    first_at: datetime
    last_at: datetime
    last_call_id: str


class UsesView(msgspec.Struct, frozen=True, kw_only=True):
    """What a plugin needed while it was monitored, and whether it is now."""

    monitored: bool
    uses: list[UseView]


class SuggestionView(msgspec.Struct, frozen=True, kw_only=True):
    """The smallest grant that would have sufficed, and whether the plugin is monitored now."""

    monitored: bool
    present: list[str]
    suggestion: Suggestion


def use_view(row: PermissionUseRow) -> UseView:
    """Show one row."""
    return UseView(
        permission=row.permission,
        refused_by=row.refused_by,
        uses=row.uses,
        first_at=row.first_at,
        last_at=row.last_at,
        last_call_id=row.last_call_id,
    )


def use_of(row: PermissionUseRow) -> Use:
    """Return one row as what suggestions are made from."""
    return Use(
        permission=parse_permission(row.permission),
        refused_by=Layer(row.refused_by) if row.refused_by else None,
        uses=row.uses,
        first_at=row.first_at,
        last_at=row.last_at,
    )
