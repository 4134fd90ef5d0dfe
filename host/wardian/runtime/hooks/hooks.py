"""Webhooks of every tenant: requests received, and what operators see of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from wardian.errors import (
    InvalidArguments,
    NotFound,
    Overloaded,
    PayloadTooLarge,
    RateLimited,
    VaultSealed,
    WebhookRefused,
)
from wardian.events import Events
from wardian.plugins import Installed, Registry
from wardian.plugins.webhooks import Webhook
from wardian.policy.recipes import Reason
from wardian.runtime.calls import Calls
from wardian.runtime.entrance import Entrance
from wardian.runtime.hooks.counting import Counted, Counting, Outcome
from wardian.runtime.hooks.handing import Handing, HandingParts
from wardian.runtime.hooks.incoming import Answer, Incoming, Place
from wardian.runtime.hooks.rates import RatePolicy, Rates
from wardian.runtime.hooks.replays import Replays
from wardian.runtime.hooks.upkeep import Remembering, WebhookUpkeep
from wardian.runtime.hooks.verifying import Verified, Verifying
from wardian.runtime.hooks.views import WebhookView, webhook_view
from wardian.runtime.journal import Journal
from wardian.storage import Database
from wardian.telemetry import Telemetry
from wardian.tenants import Tenants
from wardian.vault import Held, Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class HooksParts:
    """What webhooks are received with."""

    database: Database
    registry: Registry
    tenants: Tenants
    vault: Vault
    events: Events
    journal: Journal
    calls: Calls
    entrance: Entrance
    telemetry: Telemetry


@dataclass(frozen=True, slots=True, kw_only=True)
class HooksPolicy:
    """What the operator set.

    Attributes:
        url: where senders find this host, without a slash at its end; None if it is not known.
    """

    rates: RatePolicy = field(default_factory=RatePolicy)
    remembering: Remembering = field(default_factory=Remembering)
    url: str | None = None


class Hooks:
    """Receives webhooks, and tells of them."""

    def __init__(self, parts: HooksParts, policy: HooksPolicy) -> None:
        self._parts = parts
        self._policy = policy
        self._rates = Rates(policy.rates)
        self.counting = Counting(parts.database, parts.journal, parts.telemetry)
        self.upkeep = WebhookUpkeep(parts.database, parts.tenants, policy.remembering)
        self._verifying = Verifying(parts.database, parts.registry, parts.vault, self.counting.note)
        self._handing = Handing(
            HandingParts(
                database=parts.database,
                registry=parts.registry,
                events=parts.events,
                calls=parts.calls,
                entrance=parts.entrance,
                replays=Replays(parts.database, policy.remembering.age),
            )
        )

    def look_at(self, place: Place) -> None:
        """Count a request to a place, before its body is read.

        Raises:
            RateLimited: there were too many.
        """
        self._rates.look_at(place.possible())

    async def receive(self, incoming: Incoming) -> Answer:
        """Verify a request, and have it handled once; return what its sender is answered.

        Raises:
            WebhookRefused: there is no such webhook, or its sender does not have the key; which
                of these is not told.
            RateLimited: too many whose senders have it.
            TryLater, Overloaded: it cannot be handled now.
            WebhookFailed: the plugin did not handle it; the same can be sent again.
            InvalidArguments, PayloadTooLarge: its body is no text, or too much for the plugin.
            VaultSealed: the vault is sealed.
        """
        incoming = incoming.at_possible_place()
        try:
            verified = await self._verifying.verified(incoming)
        except WebhookRefused as refused:
            if refused.is_unknown:
                self.counting.note_unknown()
            raise
        try:
            self._rates.accept(incoming.place)
        except RateLimited:
            self._note(verified, Reason.TOO_MANY)
            raise
        return await self._handed(verified, incoming)

    async def list(
        self, *, plugin: str | None = None, tenant: str = "default"
    ) -> list[WebhookView]:
        """Return a tenant's webhooks, by plugin and name, or those of one plugin.

        Raises:
            NotFound: no such plugin.
        """
        registry = self._parts.registry
        chosen = (
            await registry.all(tenant) if plugin is None else [await registry.get(tenant, plugin)]
        )
        counted = await self.counting.of_tenant(tenant)
        return [
            await self._view(each, webhook, counted.get((each.id, webhook.name), {}))
            for each in chosen
            for webhook in sorted(each.manifest.webhooks, key=lambda found: found.name)
        ]

    async def show(self, plugin: str, name: str, *, tenant: str = "default") -> WebhookView:
        """Return one webhook.

        Raises:
            NotFound: no such plugin, or it has no such webhook.
        """
        for view in await self.list(plugin=plugin, tenant=tenant):
            if view.name == name:
                return view
        raise NotFound(f"{plugin} has no webhook named {name[:64]!r}.")

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Write counts down, and forget old deliveries, while this is open."""
        async with self.counting.kept(), self.upkeep.kept():
            yield

    async def _handed(self, verified: Verified, incoming: Incoming) -> Answer:
        outcome = Outcome.FAILED
        try:
            answer = await self._handing.hand(verified, incoming)
            outcome = _outcome(answer)
        except Overloaded:
            outcome = Outcome.UNAVAILABLE
            raise
        except (InvalidArguments, PayloadTooLarge):
            outcome = Outcome.UNREADABLE
            raise
        finally:
            self._note(verified, outcome)
        return answer

    def _note(self, verified: Verified, outcome: Outcome | Reason) -> None:
        self.counting.note(verified.plugin, verified.webhook.name, outcome)

    async def _view(
        self, plugin: Installed, webhook: Webhook, counted: dict[str, Counted]
    ) -> WebhookView:
        keys: tuple[Held, ...] | None = None
        try:
            keys = await self._parts.vault.find_pair(
                plugin.tenant, plugin.id, webhook.verified_with
            )
        except VaultSealed:
            keys = None
        return webhook_view(plugin, webhook, keys, counted, self._policy.url)


def _outcome(answer: Answer) -> Outcome:
    if answer.is_repeat:
        return Outcome.REPEATED
    return Outcome.ACCEPTED if 200 <= answer.status < 300 else Outcome.REJECTED
