"""What calls used, and what tenants may use."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec


class UsageTotals(msgspec.Struct, frozen=True, kw_only=True):
    """What calls add up to.

    Attributes:
        calls: all that ended, those of plugins within others and the host's own as well.
        errors: calls that were stopped, trapped or lost; a plugin's own errors are answers.
        errors_by_type: every outcome but ``ok``, ``guest-error`` and ``cancelled`` included.
        seconds: wall time; a call's own has that of the calls it made.
        p50, p95, p99: seconds within which so many per cent of the calls were; None without one.
        fuel: each unit counts once, at the plugin that spent it.
        egress_sent_bytes, egress_received_bytes: of plugins' HTTP requests, on the wire.
        memory_peak_bytes: the most that one call held.
        cost: of the currency, by the prices in force when the calls ended.
    """

    calls: int
    errors: int
    errors_by_type: dict[str, int]
    seconds: float
    p50: float | None
    p95: float | None
    p99: float | None
    fuel: int
    host_calls: int
    http_requests: int
    egress_sent_bytes: int
    egress_received_bytes: int
    memory_peak_bytes: int
    cost: Decimal


class UsagePoint(msgspec.Struct, frozen=True, kw_only=True):
    """What calls add up to that ended in one span of time, which begins at ``start``."""

    start: datetime
    totals: UsageTotals


class UsageGroup(msgspec.Struct, frozen=True, kw_only=True):
    """What the calls of one group add up to; a name is None where groups do not tell it apart.

    Attributes:
        series: only of spans in which there was a call.
    """

    tenant: str | None = None
    plugin: str | None = None
    function: str | None = None
    version: str | None = None
    outcome: str | None = None
    totals: UsageTotals
    series: list[UsagePoint]


class Analysis(msgspec.Struct, frozen=True, kw_only=True):
    """What was used in a range of time.

    Attributes:
        start, end: the first moment of it, and the first after it.
        step: how long a span of the series is: ``minute``, ``hour`` or ``day``.
        groups: those with the most calls.
        groups_left_out: how many more there are; their calls are in ``totals`` and ``series``.
    """

    start: datetime
    end: datetime
    step: str
    currency: str
    totals: UsageTotals
    series: list[UsagePoint]
    groups: list[UsageGroup]
    groups_left_out: int


class Workers(msgspec.Struct, frozen=True, kw_only=True):
    """The worker processes of the host that answers: of all tenants, or rather of nobody."""

    busy: int
    idle: int
    queued: int


class TopRow(msgspec.Struct, frozen=True, kw_only=True):
    """One function.

    Attributes:
        recent: what it used in the last ``seconds`` of the answer.
        today: since 00:00 UTC; two answers tell what was used between them.
    """

    plugin: str
    function: str
    recent: UsageTotals
    today: UsageTotals


class Top(msgspec.Struct, frozen=True, kw_only=True):
    """What is used now, by function.

    Attributes:
        seconds: how long ``recent`` is: from a full minute on, up to two minutes.
        recent, today: of all functions, those that are left out included.
    """

    at: datetime
    seconds: float
    currency: str
    workers: Workers
    recent: UsageTotals
    today: UsageTotals
    rows: list[TopRow]
    rows_left_out: int


class Quota(msgspec.Struct, frozen=True, kw_only=True):
    """One quota.

    Attributes:
        quota: ``calls``, ``fuel``, ``egress_bytes`` (each a day's) or ``storage_bytes``.
        limit: None without a bound.
        left: None without a bound; never below 0.
        overridden: whether it was set for this tenant.
    """

    quota: str
    limit: int | None
    used: int
    left: int | None
    overridden: bool


class StoredBytes(msgspec.Struct, frozen=True, kw_only=True):
    """What a tenant keeps, in bytes."""

    kv: int
    config: int
    packages: int


class Quotas(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant's quotas and what is used of them.

    Attributes:
        day: in UTC, such as ``2030-01-31``.
        resets_at: when the next one begins.
    """

    tenant: str
    day: str
    resets_at: datetime
    quotas: list[Quota]
    stored: StoredBytes
