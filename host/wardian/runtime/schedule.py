"""Which plugin is checked next: due times, and each tenant's share of the checks."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

REST_RATIO = 4.0
"""After a check its tenant rests this many times as long as it took."""

Key = tuple[str, str]
"""Tenant and name of a plugin."""


class Schedule:
    """The due times of plugins.

    One check of a tenant runs at a time, and a tenant rests after each: whatever its plugins ask
    for, their checks take up a fifth of one worker, and those of others come in between.
    """

    def __init__(self) -> None:
        self._due: dict[Key, datetime] = {}
        self._tenants: dict[str, _Queue] = {}

    def __contains__(self, key: Key) -> bool:
        return key in self._due

    def put(self, key: Key, due: datetime) -> None:
        """Have a plugin checked at ``due``, in place of any other time."""
        self._due[key] = due
        heapq.heappush(self._tenants.setdefault(key[0], _Queue()).heap, (due, key[1]))

    def remove(self, key: Key) -> None:
        """Have a plugin not checked any more."""
        self._due.pop(key, None)

    def take(self, now: datetime) -> Key | None:
        """Take out what is due the longest of the tenants that have their turn."""
        due = min(((at, tenant) for at, tenant in self._next() if at <= now), default=None)
        if due is None:
            return None
        tenant = due[1]
        queue = self._tenants[tenant]
        _, name = heapq.heappop(queue.heap)
        del self._due[tenant, name]
        queue.running = True
        return tenant, name

    def done(self, key: Key, began: datetime, ended: datetime) -> None:
        """Note that the check of what was taken has ended."""
        queue = self._tenants[key[0]]
        queue.running = False
        queue.rests_until = ended + max(timedelta(0), ended - began) * REST_RATIO

    def next_due(self) -> datetime | None:
        """Tell when there may be something to take; None while there is nothing to wait for."""
        return min((at for at, _ in self._next()), default=None)

    def _next(self) -> Iterator[tuple[datetime, str]]:
        """Go through the tenants that have no check running: when, and who."""
        for tenant, queue in self._tenants.items():
            self._drop_outdated(tenant, queue)
            if queue.heap and not queue.running:
                due = queue.heap[0][0]
                yield max(due, queue.rests_until or due), tenant

    def _drop_outdated(self, tenant: str, queue: _Queue) -> None:
        while queue.heap and self._due.get((tenant, queue.heap[0][1])) != queue.heap[0][0]:
            heapq.heappop(queue.heap)


@dataclass(slots=True)
class _Queue:
    """What of one tenant is to come, the earliest first; entries may be outdated."""

    heap: list[tuple[datetime, str]] = field(default_factory=list)
    running: bool = False
    rests_until: datetime | None = None
