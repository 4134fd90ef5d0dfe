"""What of a plugin handles its webhooks."""

from __future__ import annotations

from wardian.plugins import Installed

_HANDLER = "wardian:plugin/webhook-handler@"


def handler_of(plugin: Installed) -> str | None:
    """Return the function that handles a plugin's webhooks; None if it has none."""
    for function in plugin.description.functions:
        if function.startswith(_HANDLER) and function.endswith("#handle"):
            return function
    return None


def unheard(plugin: Installed) -> list[str]:
    """Return a warning if a plugin's webhooks have nobody to call."""
    called = [webhook.name for webhook in plugin.manifest.webhooks if webhook.event is None]
    if not called or handler_of(plugin) is not None:
        return []
    return [
        f"It has the webhook {called[0]!r} and exports no webhook-handler, so nothing comes of it."
    ]
