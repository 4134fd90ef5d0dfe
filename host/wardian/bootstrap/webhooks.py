"""How webhooks are received, by the operator's settings."""

from __future__ import annotations

from datetime import timedelta

from wardian.runtime.oauth.addresses import addresses_of
from wardian.runtime.webhooks import RatePolicy, Remembering, WebhooksPolicy
from wardian.settings import Settings


def webhooks_policy(settings: Settings) -> WebhooksPolicy:
    return WebhooksPolicy(
        rates=RatePolicy(per_second=settings.webhook_rate_max),
        remembering=Remembering(
            age=timedelta(days=settings.webhook_days_kept),
            deliveries=settings.webhook_deliveries_kept,
        ),
        url=addresses_of(settings.public_url, settings.loopback_url).public_url,
    )
