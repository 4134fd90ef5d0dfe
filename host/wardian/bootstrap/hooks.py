"""How webhooks are received, by the operator's settings."""

from __future__ import annotations

from datetime import timedelta

from wardian.runtime.hooks import HooksPolicy, RatePolicy, Remembering
from wardian.runtime.oauth.addresses import addresses_of
from wardian.settings import Settings


def hooks_policy(settings: Settings) -> HooksPolicy:
    return HooksPolicy(
        rates=RatePolicy(per_second=settings.hook_rate_max),
        remembering=Remembering(
            age=timedelta(days=settings.hook_days_kept),
            deliveries=settings.hook_deliveries_kept,
        ),
        url=addresses_of(settings.public_url, settings.loopback_url).public_url,
    )
