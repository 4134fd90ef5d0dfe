"""What a plugin was granted, what it uses, and what would be enough."""

from __future__ import annotations

from datetime import datetime

import msgspec

from wardian.client.models.enhancements import AskedEnhancement
from wardian.client.models.pages import Tagged
from wardian.client.models.plugins import AskedPermission, AskedWebhook, Reviewed


class AskedGrant(AskedPermission, frozen=True, kw_only=True):
    """One permission a plugin asks for, and whether it is granted as a whole."""

    granted: bool


class Grants(Tagged, frozen=True, kw_only=True):
    """What a plugin asks for, and what it was granted.

    Attributes:
        level, effective_level: its manifest's, and the one it runs at: the host may lower it.
        oauth_scopes: each as ``provider:scope``.
        enhancements: what the host does around its functions.
        monitored: whether its use of permissions is recorded.
    """

    asked: list[AskedGrant]
    granted: list[str]
    review: list[Reviewed]
    version: str
    level: str
    effective_level: str
    required_scopes: list[str]
    oauth_scopes: list[str]
    webhooks: list[AskedWebhook]
    enhancements: list[AskedEnhancement]
    monitored: bool


class Monitoring(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a plugin's use of permissions is recorded."""

    enabled: bool


class Use(msgspec.Struct, frozen=True, kw_only=True):
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


class Uses(msgspec.Struct, frozen=True, kw_only=True):
    """What a plugin needed while it was monitored, and whether it is now."""

    monitored: bool
    uses: list[Use]


class DeniedPermission(msgspec.Struct, frozen=True, kw_only=True):
    """A use that the present grant does not cover, and a wider one could."""

    permission: str
    uses: int
    last_at: datetime


class SuggestedLine(msgspec.Struct, frozen=True, kw_only=True):
    """One permission of the present grant or of the suggested one.

    Attributes:
        uses: how often it was needed, or would have been.
        why: in a few words.
        mark: `=`, `+` or `-`.
    """

    mark: str
    permission: str
    uses: int
    last_at: datetime | None
    why: str


class Suggestion(msgspec.Struct, frozen=True, kw_only=True):
    """A grant to replace the present one with.

    Attributes:
        seen: how many uses and denials it rests on. With none, nothing is suggested, and
            ``granted`` is the present grant.
        lines: the difference to the present grant, by permission.
        denied: what the suggestion leaves denied.
    """

    seen: int
    granted: list[str]
    lines: list[SuggestedLine]
    denied: list[DeniedPermission]


class SuggestedGrants(msgspec.Struct, frozen=True, kw_only=True):
    """The smallest grant that would have sufficed, and whether the plugin is monitored now."""

    monitored: bool
    present: list[str]
    suggestion: Suggestion
