"""What is kept of requests that are carried out once, by the operator's settings."""

from __future__ import annotations

from datetime import timedelta

from wardian.runtime.idempotency import Idempotency, KeptPolicy
from wardian.settings import Settings
from wardian.storage import Database
from wardian.tenants import Tenants


def make_idempotency(settings: Settings, database: Database, tenants: Tenants) -> Idempotency:
    return Idempotency(
        database,
        tenants,
        KeptPolicy(
            age=timedelta(hours=settings.idempotency_hours),
            keys=settings.idempotency_keys_max,
            bytes=settings.idempotency_bytes_max,
            answer_bytes=settings.idempotency_answer_bytes_max,
            lease=timedelta(seconds=settings.event_lease_seconds),
        ),
    )
