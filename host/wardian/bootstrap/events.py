"""What takes events to plugins, by the operator's settings."""

from __future__ import annotations

from datetime import timedelta

from wardian.bootstrap.webhooks import endpoints_bus
from wardian.errors import HostUnusable
from wardian.events import (
    AppLimits,
    BusPolicy,
    DatabaseBus,
    EventBus,
    Events,
    PublishLimits,
    PublishPolicy,
)
from wardian.events.stream_place import Place
from wardian.runtime.delivering import DeliveringPolicy
from wardian.runtime.event_upkeep import Retention
from wardian.runtime.handling import RetryPolicy
from wardian.settings import EventBusKind, Settings
from wardian.storage import Database

try:
    from wardian.events.jetstream import JetStream
    from wardian.events.nats_bus import NatsBus

    HAS_NATS = True
except ModuleNotFoundError as missing:
    if missing.name != "nats":
        raise
    HAS_NATS = False

LOCAL_NATS = "nats://127.0.0.1:4222"


def make_events(database: Database, settings: Settings) -> Events:
    """Make the bus that the operator chose.

    Raises:
        HostUnusable: it cannot be used as it is set.
    """
    lease = timedelta(seconds=settings.event_lease_seconds)
    policy = BusPolicy(queue_max=settings.event_queue_max, lease=lease)
    endpoints = endpoints_bus(database, settings)
    if settings.event_bus is EventBusKind.NATS:
        if not HAS_NATS:
            raise HostUnusable(
                "The setting WARDIAN_EVENT_BUS is nats, and nats-py is not installed: install "
                "wardian[nats]."
            )
        stream = JetStream(_place(settings), wait_seconds=settings.event_lease_seconds)
        return Events(database, NatsBus(database, stream, policy), endpoints)
    return Events(database, DatabaseBus(database, policy), endpoints)


def _place(settings: Settings) -> Place:
    url = settings.nats_url
    servers = LOCAL_NATS if url is None else url.get_secret_value()
    return Place(
        servers=tuple(each.strip() for each in servers.split(",")),
        credentials_file=settings.nats_credentials_file,
        ca_file=settings.nats_ca_file,
        stream=settings.nats_stream,
        replicas=settings.nats_replicas,
    )


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
