"""Webhooks as operators see them, with what came of requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from wardian.plugins import Installed
from wardian.plugins.webhooks import Webhook
from wardian.policy.recipes import Presented, Reason
from wardian.runtime.hooks.counting import Counted, Outcome
from wardian.runtime.hooks.incoming import Place
from wardian.runtime.hooks.verifying import signed_by
from wardian.runtime.webhook_asks import WebhookAsk, webhook_ask
from wardian.runtime.webhook_handlers import unheard
from wardian.storage.rows import now
from wardian.vault import Held
from wardian.vault.vault import NEXT
from wardian.vault.verifying import shortcoming

_REFUSALS = frozenset(Reason)


class WebhookView(WebhookAsk, frozen=True, kw_only=True):
    """A webhook, and what came to it.

    Attributes:
        url: where its sender sends it; only the path where the host does not know its address.
        accepted: requests that were handled, or published.
        repeated: those of deliveries that had been handled before.
        rejected: those that the plugin answered with a status from 400 to 499.
        failed: those that it did not handle.
        unavailable: those for which the plugin took no calls, or the host had no room.
        unreadable: those with a body that is no text, or too much.
        refused: those whose sender did not show that it has the key, by the reason.
        warnings: why it receives nothing, or should be looked at.
    """

    plugin: str
    url: str
    accepted: int
    repeated: int
    rejected: int
    failed: int
    unavailable: int
    unreadable: int
    refused: dict[str, int]
    last_accepted_at: datetime | None
    last_refused_at: datetime | None
    warnings: list[str]


def webhook_view(
    plugin: Installed,
    webhook: Webhook,
    keys: Sequence[Held] | None,
    counted: Mapping[str, Counted],
    url: str | None,
) -> WebhookView:
    """Show a webhook; ``keys`` is None while the vault is sealed."""
    place = Place(plugin.tenant, plugin.name, webhook.name)
    refused = {reason: each for reason, each in counted.items() if reason in _REFUSALS}
    accepted = counted.get(Outcome.ACCEPTED)
    return WebhookView(
        **msgspec.structs.asdict(webhook_ask(webhook)),
        plugin=plugin.name,
        url=f"{url or ''}{place.path}",
        accepted=_count(counted, Outcome.ACCEPTED),
        repeated=_count(counted, Outcome.REPEATED),
        rejected=_count(counted, Outcome.REJECTED),
        failed=_count(counted, Outcome.FAILED),
        unavailable=_count(counted, Outcome.UNAVAILABLE),
        unreadable=_count(counted, Outcome.UNREADABLE),
        refused={reason: each.requests for reason, each in sorted(refused.items())},
        last_accepted_at=accepted.last_at if accepted else None,
        last_refused_at=max((each.last_at for each in refused.values()), default=None),
        warnings=_warnings(plugin, webhook, keys),
    )


def _count(counted: Mapping[str, Counted], outcome: Outcome) -> int:
    return counted[outcome].requests if outcome in counted else 0


def _warnings(plugin: Installed, webhook: Webhook, keys: Sequence[Held] | None) -> list[str]:
    found = [] if webhook.event is not None else unheard(plugin)
    if keys is None:
        return [*found, "The vault is sealed, so no signature can be verified."]
    name = webhook.verified_with
    if not any(held.name == name for held in keys):
        found.append(f"There is no credential named {name!r}, so every request is refused.")
    nothing = Presented(message=b"", signatures=(), timestamp=None, delivery_id=None)
    signed = signed_by(webhook.written(), nothing)
    found += [told for held in keys if (told := shortcoming(held, signed, now()))]
    if any(held.name == name + NEXT for held in keys):
        found.append(
            f"Two keys are taken: {name!r} and {name + NEXT!r}, until the second is removed."
        )
    sharing = [
        other.name
        for other in plugin.manifest.webhooks
        if other.name != webhook.name and other.verified_with == name
    ]
    if sharing:
        found.append(
            f"{sharing[0]!r} takes the same key, so what is sent to one can be sent to the other."
        )
    return found
