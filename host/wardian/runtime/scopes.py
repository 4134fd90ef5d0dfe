"""What a plugin requires of the keys that it is called with."""

from __future__ import annotations

from collections.abc import Collection

from wardian.errors import Forbidden
from wardian.plugins import Installed
from wardian.tenants.scopes import lacking


def check_scopes(plugin: Installed, scopes: Collection[str] | None) -> None:
    """Check that a key's scopes are those that a plugin requires; None needs none.

    Raises:
        Forbidden: some are missing; names them.
    """
    missing = [] if scopes is None else lacking(plugin.manifest.required_scopes, scopes)
    if missing:
        raise Forbidden(
            f"{plugin.name} takes an API key with the scopes "
            f"{', '.join(plugin.manifest.required_scopes)}; this one lacks {', '.join(missing)}. "
            f"`wardian keys create NAME --scope call --scope {missing[0]}` makes one."
        )
