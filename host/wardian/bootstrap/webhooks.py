"""What takes events to endpoints of host apps, by the operator's settings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from wardian.bootstrap.keys import make_keys
from wardian.bootstrap.services import make_egress
from wardian.events import BusPolicy, DatabaseBus, Events
from wardian.runtime.drops import Drops
from wardian.runtime.endpoints import Webhooks, WebhooksParts, WebhooksPolicy
from wardian.runtime.endpoints.audience import EndpointAudience
from wardian.runtime.endpoints.delivery import EndpointPolicy
from wardian.runtime.handling import RetryPolicy
from wardian.runtime.journal import Journal
from wardian.settings import Settings
from wardian.storage import Database
from wardian.tenants import KeyRing, Tenants
from wardian.vault import Vault
from wardian.vault.watch import Watch

RETRY_SECONDS_MAX = 6 * 3_600.0
"""The longest that an event waits for its next attempt, whoever asks for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhooksNeeds:
    """What there is already when webhooks are made."""

    database: Database
    events: Events
    journal: Journal
    tenants: Tenants
    vault: Vault
    watch: Watch
    drops: Drops


def endpoints_bus(database: Database, settings: Settings) -> DatabaseBus:
    """Return the bus to endpoints: the database's, whichever takes events to plugins."""
    policy = BusPolicy(
        queue_max=settings.webhook_queue_max,
        lease=timedelta(seconds=settings.event_lease_seconds),
    )
    return DatabaseBus(database, policy, EndpointAudience(settings.webhook_attempts_kept))


def make_webhooks(settings: Settings, needs: WebhooksNeeds) -> tuple[Webhooks, KeyRing]:
    """Return what posts events, and the keys whose rights it has: it hears of those revoked."""
    keys = make_keys(settings, needs.database, needs.journal)
    policy = _policy(settings)
    webhooks = Webhooks(
        WebhooksParts(
            database=needs.database,
            bus=endpoints_bus(needs.database, settings),
            journal=needs.journal,
            tenants=needs.tenants,
            vault=needs.vault,
            watch=needs.watch,
            # Of its own, so that receivers that are slow take no connection from plugins.
            egress=make_egress(settings, policy.shares),
            drops=needs.drops,
        ),
        policy,
    )
    needs.events.connect_endpoints(webhooks.dispatcher.wake)
    keys.watch(webhooks.key_revoked)
    return webhooks, keys


def _policy(settings: Settings) -> WebhooksPolicy:
    return WebhooksPolicy(
        delivery=EndpointPolicy(
            retries=RetryPolicy(
                attempts_max=settings.webhook_attempts_max,
                first_seconds=settings.webhook_retry_seconds,
                seconds_max=RETRY_SECONDS_MAX,
            ),
            retry_after_max=timedelta(seconds=RETRY_SECONDS_MAX),
            failing_max=timedelta(days=settings.webhook_failing_days),
        ),
        endpoints_max=settings.webhook_endpoints_max,
        at_once_max=settings.webhook_at_once_max,
        attempts_kept=settings.webhook_attempts_kept,
        allow_http=settings.webhook_allow_http,
        seconds=settings.webhook_timeout_seconds,
        lease_seconds=settings.event_lease_seconds,
    )
