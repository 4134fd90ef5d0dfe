"""What calls add up to, in memory, until it is in the database."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from wardian.policy.quotas import Spent
from wardian.policy.sketch import Buckets, bucket_of, merge
from wardian.runtime.accounting.records import ASKED, STATISTICS, Finished, Series
from wardian.storage.rows import CallTotals

MS_A_MINUTE = 60_000
MS_A_DAY = 86_400_000

OTHERS = "(others)"
"""Stands for the functions of a plugin, or for plugins, that are past what is told apart."""

NO_FAULTS = {"ok", "guest-error"}
"""A guest's own error is an answer: only a call that was stopped or lost is a fault."""


class Key(NamedTuple):
    """By what sums are told apart, beside the time."""

    tenant: str
    plugin: str
    version: str
    function: str
    outcome: str


@dataclass(slots=True)
class Sums:
    """Calls added up; changed in place, because this is on the way of every call."""

    calls: int = 0
    asked: int = 0
    wall_us: int = 0
    fuel: int = 0
    memory_bytes: int = 0
    memory_kib_ms: int = 0
    host_calls: int = 0
    http_requests: int = 0
    sent: int = 0
    received: int = 0
    latency: Buckets = field(default_factory=dict)

    def add(self, other: Sums) -> None:
        """Add what another has."""
        self.calls += other.calls
        self.asked += other.asked
        self.wall_us += other.wall_us
        self.fuel += other.fuel
        self.memory_bytes = max(self.memory_bytes, other.memory_bytes)
        self.memory_kib_ms += other.memory_kib_ms
        self.host_calls += other.host_calls
        self.http_requests += other.http_requests
        self.sent += other.sent
        self.received += other.received
        merge(self.latency, other.latency)


@dataclass(slots=True)
class PluginCount:
    """What is added to the totals of one plugin's row."""

    requests: int = 0
    errors: int = 0
    seconds: float = 0.0

    def add(self, other: PluginCount) -> None:
        """Add what another has."""
        self.requests += other.requests
        self.errors += other.errors
        self.seconds += other.seconds

    def totals(self) -> CallTotals:
        """Return the sums as they are written down."""
        return CallTotals(requests=self.requests, errors=self.errors, seconds=self.seconds)


@dataclass(slots=True)
class Place:
    """Where a call is added up: found once for many of them, because looking takes longer."""

    sums: Sums
    spent: Spent
    plugin: PluginCount
    faults: int

    def count(self, call: Finished) -> None:
        """Add one call."""
        flags, _, wall, fuel, memory, kib_ms, host_calls, requests, sent, received = call
        asked = flags & ASKED
        sums, spent = self.sums, self.spent
        sums.calls += 1
        sums.asked += asked
        sums.wall_us += wall
        sums.fuel += fuel
        if memory > sums.memory_bytes:
            sums.memory_bytes = memory
        sums.memory_kib_ms += kib_ms
        sums.host_calls += host_calls
        sums.http_requests += requests
        sums.sent += sent
        sums.received += received
        latency, bucket = sums.latency, bucket_of(wall)
        latency[bucket] = latency.get(bucket, 0) + 1
        spent.calls += asked
        spent.fuel += fuel
        spent.egress_bytes += sent + received
        if flags & STATISTICS:
            plugin = self.plugin
            plugin.requests += 1
            plugin.errors += self.faults
            plugin.seconds += wall / 1_000_000


@dataclass(slots=True)
class Book:
    """What calls add up to that are not in the database yet.

    Attributes:
        minutes: by what is told apart, and the minute (since 1970) of their end.
        plugins: by tenant and the id of a plugin.
        days: what counts to quotas, by tenant and day (since 1970).
    """

    minutes: dict[tuple[Key, int], Sums] = field(default_factory=dict)
    plugins: dict[tuple[str, str], PluginCount] = field(default_factory=dict)
    days: dict[tuple[str, int], Spent] = field(default_factory=dict)

    def place(self, key: Key, plugin_id: str, ended_ms: int) -> Place:
        """Return where calls of a minute are added up that have all that in common."""
        minute, day = ended_ms // MS_A_MINUTE, ended_ms // MS_A_DAY
        sums = self.minutes.get((key, minute))
        if sums is None:
            sums = self.minutes[key, minute] = Sums()
        spent = self.days.get((key.tenant, day))
        if spent is None:
            spent = self.days[key.tenant, day] = Spent()
        plugin = self.plugins.get((key.tenant, plugin_id))
        if plugin is None:
            plugin = self.plugins[key.tenant, plugin_id] = PluginCount()
        return Place(sums, spent, plugin, int(key.outcome not in NO_FAULTS))

    def add(self, other: Book) -> None:
        """Add what another has."""
        for place, sums in other.minutes.items():
            self.minutes.setdefault(place, Sums()).add(sums)
        for day, spent in other.days.items():
            self.days.setdefault(day, Spent()).add(spent)
        for plugin, count in other.plugins.items():
            self.plugins.setdefault(plugin, PluginCount()).add(count)


class Names:
    """Which functions of a tenant are told apart, so that what is kept of it has a bound.

    A tenant's first ``functions_max`` functions of a day have sums of their own on this host;
    further ones count together for each plugin, and once there are as many plugins, all together.
    """

    def __init__(self, functions_max: int) -> None:
        self._max = functions_max
        self._day = -1
        self._functions: dict[str, set[tuple[str, str, str]]] = {}
        self._plugins: dict[str, set[str]] = {}

    def key(self, series: Series, day: int) -> Key:
        """Return under which key a call is added up."""
        if day != self._day:
            self._day, self._functions, self._plugins = day, {}, {}
        tenant, _, plugin, version, function, outcome = series
        known = self._functions.setdefault(tenant, set())
        place = plugin, version, function
        if place in known or len(known) < self._max:
            known.add(place)
            return Key(tenant, plugin, version, function, outcome)
        plugins = self._plugins.setdefault(tenant, set())
        if plugin in plugins or len(plugins) < self._max:
            plugins.add(plugin)
            return Key(tenant, plugin, "", OTHERS, outcome)
        return Key(tenant, OTHERS, "", OTHERS, outcome)
