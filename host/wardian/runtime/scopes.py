"""What a plugin requires of the keys that it is called with."""

from __future__ import annotations

from collections.abc import Collection

from wardian.errors import Forbidden
from wardian.plugins import Installed
from wardian.tenants.scopes import lacking, may_call


def check_plugin(plugin: str, scopes: Collection[str] | None) -> None:
    """Check that a key may have to do with a plugin of this name; None is no key.

    Raises:
        Forbidden: it is one for other plugins.
    """
    if scopes is not None and not may_call(plugin, scopes):
        raise Forbidden(f"This API key is for other plugins, and not for {plugin[:80]}.")


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
