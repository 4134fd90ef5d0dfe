"""Which plugin is checked next: due times, and each tenant's share of the checks."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

REST_RATIO = 4.0
"""After a check its tenant rests this many times as long as it took."""

_OUTDATED_MAX = 16

Key = tuple[str, str]
"""Tenant and name of a plugin."""


class CheckQueue:
    """The due times of plugins.

    One check of a tenant runs at a time, and a tenant rests after each: whatever its plugins ask
    for, their checks take up a fifth of one worker, and those of others come in between.
    """

    def __init__(self) -> None:
        self._tenants: dict[str, _Queue] = {}

    def keys(self) -> set[Key]:
        """Return the plugins that wait for their checks."""
        return {(tenant, name) for tenant, queue in self._tenants.items() for name in queue.due}

    def put(self, key: Key, due: datetime) -> None:
        """Have a plugin checked at ``due``, in place of any other time."""
        self._tenants.setdefault(key[0], _Queue()).put(key[1], due)

    def remove(self, key: Key) -> None:
        """Have a plugin not checked any more."""
        queue = self._tenants.get(key[0])
        if queue is not None:
            queue.due.pop(key[1], None)

    def take(self, now: datetime) -> Key | None:
        """Take out what is due the longest of the tenants that have their turn."""
        found = [(at, tenant) for at, tenant in self._next(now) if at <= now]
        if not found:
            return None
        tenant = min(found)[1]
        queue = self._tenants[tenant]
        queue.running = True
        return tenant, queue.pop()

    def done(self, key: Key, began: datetime, ended: datetime) -> None:
        """Note that the check of what was taken has ended."""
        queue = self._tenants[key[0]]
        queue.running = False
        queue.rests = ended, ended + (ended - began) * REST_RATIO

    def next_due(self, now: datetime) -> datetime | None:
        """Tell when there may be something to take; None while there is nothing to wait for."""
        return min((at for at, _ in self._next(now)), default=None)

    def _next(self, now: datetime) -> Iterator[tuple[datetime, str]]:
        """Go through the tenants that have no check running: when, and who."""
        for tenant, queue in self._tenants.items():
            due = None if queue.running else queue.first()
            if due is not None:
                yield max(due, queue.rested(now) or due), tenant


@dataclass(slots=True)
class _Queue:
    """What of one tenant is to come.

    Attributes:
        due: by the plugins' names.
        heap: the same, the earliest first, and among it what is outdated.
        rests: from when until when no check of the tenant begins.
    """

    due: dict[str, datetime] = field(default_factory=dict)
    heap: list[tuple[datetime, str]] = field(default_factory=list)
    running: bool = False
    rests: tuple[datetime, datetime] | None = None

    def put(self, name: str, due: datetime) -> None:
        self.due[name] = due
        heapq.heappush(self.heap, (due, name))
        if len(self.heap) > 2 * len(self.due) + _OUTDATED_MAX:
            self.heap = [(due, name) for name, due in self.due.items()]
            heapq.heapify(self.heap)

    def first(self) -> datetime | None:
        while self.heap and self.due.get(self.heap[0][1]) != self.heap[0][0]:
            heapq.heappop(self.heap)
        return self.heap[0][0] if self.heap else None

    def pop(self) -> str:
        _, name = heapq.heappop(self.heap)
        del self.due[name]
        return name

    def rested(self, now: datetime) -> datetime | None:
        """Tell when a rest ends; one that has not begun is of a clock that was set back since."""
        return self.rests[1] if self.rests and self.rests[0] <= now else None
