"""What plugins were granted, what they use of it, and what would be enough."""

from __future__ import annotations

from collections.abc import Sequence

from wardian.client.answers import json_of
from wardian.client.binding import Noun, S, operation
from wardian.client.models import Grants as GrantsModel
from wardian.client.models import Monitoring, SuggestedGrants, Uses
from wardian.client.operations import Operation, at, delete, get, put


class Grants(Noun[S]):
    """What plugins were granted."""

    @operation
    def get(self, plugin: str) -> Operation[GrantsModel]:
        """Show what a plugin asks for, with its risks, and what it was granted."""
        return get(at("/plugins/{}/grants", plugin), json_of(GrantsModel))

    @operation
    def set(
        self, plugin: str, granted: Sequence[str], *, if_match: str | None = None
    ) -> Operation[GrantsModel]:
        """Grant this and nothing else; calls that run lose what is gone."""
        body = {"granted": granted}
        return put(at("/plugins/{}/grants", plugin), json_of(GrantsModel), body).matching(if_match)


class Permissions(Noun[S]):
    """Which permissions plugins use."""

    @operation
    def monitor(
        self, plugin: str, enabled: bool = True, *, if_match: str | None = None
    ) -> Operation[Monitoring]:
        """Count from now on which permissions a plugin uses, or no more."""
        body = {"enabled": enabled}
        return put(at("/plugins/{}/monitoring", plugin), json_of(Monitoring), body).matching(
            if_match
        )

    @operation
    def uses(self, plugin: str) -> Operation[Uses]:
        """Show which permissions a plugin used, and which it was refused."""
        return get(at("/plugins/{}/permissions/uses", plugin), json_of(Uses))

    @operation
    def clear_uses(self, plugin: str) -> Operation[None]:
        """Forget what was counted."""
        return delete(at("/plugins/{}/permissions/uses", plugin))

    @operation
    def suggestion(
        self, plugin: str, *, include_denied: bool = False
    ) -> Operation[SuggestedGrants]:
        """Show the smallest grant that would have sufficed."""
        path = at("/plugins/{}/permissions/suggestion", plugin)
        return get(path, json_of(SuggestedGrants), include_denied=include_denied or None)
