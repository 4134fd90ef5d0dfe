"""The webhooks of a manifest, for whoever decides about a plugin."""

from __future__ import annotations

import msgspec

from wardian.plugins import Installed
from wardian.plugins.manifest import Manifest
from wardian.plugins.webhooks import Webhook

_HANDLER = "wardian:plugin/webhook-handler@"


class WebhookAsk(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook that a plugin receives, as its manifest has it.

    Attributes:
        credential: the name of the one that its signatures are verified with.
        event: the topic that it is published to; None if the plugin's handler is called.
        surface: all that a reviewer decides about, in one word; another one takes an approval.
    """

    name: str
    recipe: str
    credential: str
    event: str | None
    description: str
    surface: str


def webhook_asks(manifest: Manifest) -> list[WebhookAsk]:
    """Return the webhooks of a manifest."""
    return [webhook_ask(webhook) for webhook in manifest.webhooks]


def webhook_ask(webhook: Webhook) -> WebhookAsk:
    """Return one webhook."""
    return WebhookAsk(
        name=webhook.name,
        recipe=webhook.recipe,
        credential=webhook.verified_with,
        event=webhook.event,
        description=webhook.description,
        surface=webhook.surface,
    )


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
