"""The webhooks of a manifest, for whoever decides about a plugin."""

from __future__ import annotations

import msgspec

from wardian.plugins.manifest import Manifest
from wardian.plugins.webhooks import Webhook


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
