"""Rows added up to what people are shown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from wardian.policy.prices import Amounts, Prices, read_prices, shown
from wardian.policy.sketch import Buckets, decoded, merge, quantile_seconds
from wardian.runtime.accounting.sums import NO_FAULTS
from wardian.runtime.accounting.views import UsagePoint, UsageTotals
from wardian.storage.accounting import UsageRow


@dataclass(slots=True)
class Total:
    """Rows added up."""

    calls: int = 0
    wall_us: int = 0
    host_calls: int = 0
    http_requests: int = 0
    sent: int = 0
    received: int = 0
    fuel: int = 0
    memory_bytes: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    latency: Buckets = field(default_factory=dict)
    amounts: dict[str, Amounts] = field(default_factory=dict)

    def count(self, row: UsageRow) -> None:
        """Add a row."""
        self.calls += row.calls
        self.wall_us += row.wall_us
        self.host_calls += row.host_calls
        self.http_requests += row.http_requests
        self.sent += row.sent
        self.received += row.received
        self.fuel += row.fuel
        self.memory_bytes = max(self.memory_bytes, row.memory_bytes)
        self.outcomes[row.outcome] = self.outcomes.get(row.outcome, 0) + row.calls
        merge(self.latency, decoded(row.latency))
        more = Amounts(
            calls=row.asked,
            fuel=row.fuel,
            egress_bytes=row.sent + row.received,
            memory_kib_ms=row.memory_kib_ms,
        )
        self.amounts[row.prices] = self.amounts.get(row.prices, Amounts()).plus(more)

    def view(self) -> UsageTotals:
        """Return the sums for people."""
        cost = sum((_prices(text).cost(each) for text, each in self.amounts.items()), start=_FREE)
        return UsageTotals(
            calls=self.calls,
            errors=sum(n for outcome, n in self.outcomes.items() if outcome not in NO_FAULTS),
            errors_by_type={k: v for k, v in sorted(self.outcomes.items()) if k != "ok"},
            seconds=self.wall_us / 1_000_000,
            p50=quantile_seconds(self.latency, 0.50),
            p95=quantile_seconds(self.latency, 0.95),
            p99=quantile_seconds(self.latency, 0.99),
            fuel=self.fuel,
            host_calls=self.host_calls,
            http_requests=self.http_requests,
            egress_sent_bytes=self.sent,
            egress_received_bytes=self.received,
            memory_peak_bytes=self.memory_bytes,
            cost=shown(cost),
        )


_FREE = Prices().cost(Amounts())


@dataclass(slots=True)
class Course:
    """Rows added up, as a whole and by their begin."""

    total: Total = field(default_factory=Total)
    points: dict[datetime, Total] = field(default_factory=lambda: defaultdict(Total))

    def count(self, row: UsageRow) -> None:
        """Add a row."""
        self.total.count(row)
        self.points[row.start].count(row)

    def series(self) -> list[UsagePoint]:
        """Return the sums by their begin, in order."""
        return [
            UsagePoint(start=start, totals=total.view())
            for start, total in sorted(self.points.items())
        ]


def total_of(rows: Iterable[UsageRow]) -> Total:
    """Add rows up."""
    total = Total()
    for row in rows:
        total.count(row)
    return total


@lru_cache(64)
def _prices(text: str) -> Prices:
    return read_prices(text)
