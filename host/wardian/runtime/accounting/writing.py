"""A book on its way into the rows, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

from wardian.crypto.digests import sha256_hex
from wardian.policy.sketch import decoded, encoded, merge
from wardian.runtime.accounting.sums import Book, Key, Sums
from wardian.storage import Connection
from wardian.storage.accounting import DayRow, UsageRepository, UsageRow
from wardian.storage.health import HealthRepository
from wardian.storage.tenants import TenantRepository

GRAINS: Mapping[str, int] = {"minute": 1, "hour": 60, "day": 1_440}
"""Spans of time that are added up, in minutes."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
COUNT_MAX = 2**63 - 1

_ADDED = (
    "calls",
    "asked",
    "wall_us",
    "fuel",
    "memory_kib_ms",
    "host_calls",
    "http_requests",
    "sent",
    "received",
)

_Spans = dict[tuple[str, int], dict[Key, Sums]]


async def write_book(connection: Connection, book: Book, prices: str) -> list[DayRow]:
    """Add a book to the rows; return what each tenant's days come to, over all hosts.

    What is of a tenant that there is not, any more or yet, is nobody's.
    """
    there = await TenantRepository(connection).names()
    days: list[DayRow] = []
    # In order, because two hosts that lock rows in turn would wait for each other.
    for tenant in sorted({tenant for tenant, _ in book.days} & there):
        usage = UsageRepository(connection, tenant)
        for owner, day in sorted(book.days):
            if owner == tenant:
                days.append(await usage.count_day(_day_row(tenant, day, book)))
        for (grain, start), sums in _spans(book, tenant).items():
            await _write_span(usage, grain, start, sums, prices)
        health = HealthRepository(connection, tenant)
        for owner, plugin_id in sorted(book.plugins):
            count = book.plugins[owner, plugin_id]
            if owner == tenant and count.requests:
                await health.count(plugin_id, count.totals())
    return days


async def read_days(connection: Connection, book: Book) -> list[DayRow]:
    """Return what the days come to that a book is of."""
    there = await TenantRepository(connection).names()
    return [
        await UsageRepository(connection, tenant).day(day)
        for tenant, day in sorted(book.days)
        if tenant in there
    ]


def _day_row(tenant: str, day: int, book: Book) -> DayRow:
    spent = book.days[tenant, day]
    return DayRow(
        tenant=tenant,
        day=day,
        calls=spent.calls,
        fuel=spent.fuel,
        egress_bytes=spent.egress_bytes,
    )


def _spans(book: Book, tenant: str) -> _Spans:
    """Add a tenant's minutes up to every grain."""
    spans: _Spans = {}
    for (key, minute), sums in book.minutes.items():
        if key.tenant != tenant:
            continue
        for grain, minutes in GRAINS.items():
            span = spans.setdefault((grain, minute - minute % minutes), {})
            span.setdefault(key, Sums()).add(sums)
    return dict(sorted(spans.items()))


async def _write_span(
    usage: UsageRepository, grain: str, start: int, sums: dict[Key, Sums], prices: str
) -> None:
    at = EPOCH + timedelta(minutes=start)
    there = await usage.span(grain, at)
    rows = [_row(grain, at, key, each, prices) for key, each in sums.items()]
    await usage.add([row for row in rows if row.series not in there])
    known = [(row, there[row.series]) for row in rows if row.series in there]
    await usage.change([_added(row, before) for row, before in known])


def _row(grain: str, at: datetime, key: Key, sums: Sums, prices: str) -> UsageRow:
    names = (key.plugin, key.version, key.function, key.outcome, prices)
    return UsageRow(
        grain=grain,
        start=at,
        series=sha256_hex("\0".join(names).encode())[:32],
        prices=prices,
        latency=encoded(sums.latency),
        **key._asdict(),
        **{each.name: getattr(sums, each.name) for each in fields(Sums) if each.name != "latency"},
    )


def _added(row: UsageRow, before: UsageRow) -> UsageRow:
    latency = decoded(before.latency)
    merge(latency, decoded(row.latency))
    # A count that stays at its most is wrong; one that no column holds would stop all of them.
    sums = {name: min(COUNT_MAX, getattr(before, name) + getattr(row, name)) for name in _ADDED}
    peak = max(before.memory_bytes, row.memory_bytes)
    return replace(row, latency=encoded(latency), memory_bytes=peak, **sums)
