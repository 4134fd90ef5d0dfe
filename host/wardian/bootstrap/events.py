"""What takes events to plugins, by the operator's settings."""

from __future__ import annotations

from datetime import timedelta

from wardian.bootstrap.webhooks import endpoints_bus
from wardian.events import (
    AppLimits,
    BusPolicy,
    DatabaseBus,
    EventBus,
    Events,
    PublishLimits,
    PublishPolicy,
)
from wardian.runtime.delivering import DeliveringPolicy
from wardian.runtime.event_upkeep import Retention
from wardian.runtime.handling import RetryPolicy
from wardian.settings import Settings
from wardian.storage import Database


def make_events(database: Database, settings: Settings) -> Events:
    lease = timedelta(seconds=settings.event_lease_seconds)
    policy = BusPolicy(queue_max=settings.event_queue_max, lease=lease)
    return Events(database, DatabaseBus(database, policy), endpoints_bus(database, settings))


def make_bus(events: Events, settings: Settings) -> EventBus:
    return EventBus(events, AppLimits(settings.app_event_rate_max))


def publish_limits(settings: Settings) -> PublishLimits:
    return PublishLimits(
        PublishPolicy(hops_max=settings.event_hops_max, per_second=settings.event_rate_max)
    )


def delivering_policy(settings: Settings) -> DeliveringPolicy:
    return DeliveringPolicy(
        retries=RetryPolicy(
            attempts_max=settings.event_attempts_max, first_seconds=settings.event_retry_seconds
        ),
        retention=Retention(
            age=timedelta(days=settings.event_days_kept),
            events=settings.events_kept,
            dead_age=timedelta(days=settings.dead_letter_days_kept),
            dead=settings.dead_letters_kept,
        ),
        lease_seconds=settings.event_lease_seconds,
    )
