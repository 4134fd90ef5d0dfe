"""What may be asked of jobs, and the states that they go through."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from wardian.errors import InvalidArguments
from wardian.policy.limits import MIB
from wardian.storage.jobs import QUEUED, RUNNING

RETRIES_MAX = 10


class JobState(StrEnum):
    """How far a job has come."""

    QUEUED = QUEUED
    RUNNING = RUNNING
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"

    @property
    def has_ended(self) -> bool:
        """Whether it stays so."""
        return self not in (JobState.QUEUED, JobState.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOrder:
    """A call to be made by whichever host can, when it can.

    Attributes:
        limits: overrides by name, which only ever lower.
        retry: how often it may be begun again if its host was lost while it ran; for calls that
            may be made twice.
        notify: the id of one of the tenant's endpoints, which is told of its end whatever its
            patterns are.
        subject, key_id, scopes: who asks, and the key whose rights the call has; it fails if that
            is none any more when it begins. None needs no key.
    """

    plugin: str
    function: str
    arguments: Mapping[str, Any]
    limits: Mapping[str, Any] | None = None
    retry: int = 0
    notify: str | None = None
    subject: str = "host"
    key_id: str | None = None
    scopes: Collection[str] | None = None
    correlation_id: str | None = None
    traceparent: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.retry <= RETRIES_MAX:
            raise InvalidArguments(
                f"A job may be begun again 0 to {RETRIES_MAX} times, not {self.retry}.",
                path="retry",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPolicy:
    """How jobs are bounded.

    Attributes:
        is_on: whether this host runs any.
        waiting_max, waiting_bytes_max: how many jobs of a tenant may wait, and how many bytes
            their requests may have together.
        at_once, tenant_at_once: how many this host runs, of all tenants and of one.
        lease: how long a host may be silent before others take over what it has begun.
        drain: how long a host that stops lets its jobs go on.
        outcome_bytes_max: size of one outcome.
        kept, kept_bytes, age: what is kept of jobs that have ended, of one tenant.
    """

    is_on: bool = True
    waiting_max: int = 1_000
    waiting_bytes_max: int = 64 * MIB
    at_once: int = 4
    tenant_at_once: int = 2
    lease: timedelta = timedelta(seconds=30)
    drain: timedelta = timedelta(seconds=10)
    outcome_bytes_max: int = 8 * MIB
    kept: int = 10_000
    kept_bytes: int = 256 * MIB
    age: timedelta = timedelta(days=7)
