"""Answers that are kept for equal calls: in memory, bounded, and fair between tenants.

Each plugin of a tenant has a shelf. Whatever makes the host read a plugin anew takes its shelf away
with all that stands on it; who began a call before still holds that shelf, and what is put on it
then is seen by nobody.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

ENTRY_BYTES = 512
"""What an answer takes beside its own bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CachePolicy:
    """What the operator allows all answers that are kept to take; with ``bytes_max`` 0 none is.

    Attributes:
        bytes_max, entries_max: of all tenants together.
        tenant_bytes_max, tenant_entries_max: of one.
        entry_bytes_max: of one answer.
    """

    bytes_max: int = 64 * 1024 * 1024
    entries_max: int = 100_000
    tenant_bytes_max: int = 16 * 1024 * 1024
    tenant_entries_max: int = 20_000
    entry_bytes_max: int = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer.

    Attributes:
        content: the result, encoded, so that nobody who was given it can change it for others.
        output_bytes: what the result took when it was made.
        made_at, ends_at: by the clock of whoever keeps it.
    """

    content: bytes
    output_bytes: int
    made_at: float
    ends_at: float

    @property
    def size(self) -> int:
        """What it takes in memory."""
        return len(self.content) + ENTRY_BYTES


@dataclass(slots=True, eq=False)
class Shelf:
    """The answers of one plugin.

    Attributes:
        flights: calls that are being made, by what they ask; for those who ask the same meanwhile.
        hits, misses: how often an answer was there, and was not.
    """

    tenant: str
    plugin: str
    keys: dict[bytes, None] = field(default_factory=dict)
    flights: dict[bytes, Any] = field(default_factory=dict)
    hits: int = 0
    misses: int = 0


@dataclass(slots=True, eq=False)
class _Room:
    """The answers of one tenant, the one that was used last at the end."""

    answers: OrderedDict[tuple[Shelf, bytes], Answer] = field(default_factory=OrderedDict)
    bytes: int = 0


class Answers:
    """Every tenant's kept answers."""

    def __init__(self, policy: CachePolicy, clock: Callable[[], float] = time.monotonic) -> None:
        self.policy = policy
        self._clock = clock
        self._shelves: dict[tuple[str, str], Shelf] = {}
        self._rooms: dict[str, _Room] = {}
        self._bytes = 0
        self._count = 0

    def shelf(self, tenant: str, plugin: str) -> Shelf:
        """Return the shelf of a plugin as it is now."""
        found = self._shelves.get((tenant, plugin))
        if found is None:
            found = self._shelves[tenant, plugin] = Shelf(tenant, plugin)
        return found

    def find(self, shelf: Shelf, key: bytes) -> Answer | None:
        """Return an answer that is kept and has not ended."""
        room = self._rooms.get(shelf.tenant)
        answer = None if room is None else room.answers.get((shelf, key))
        if room is None or answer is None:
            return None
        if answer.ends_at <= self._clock():
            self.discard(shelf, key)
            return None
        room.answers.move_to_end((shelf, key))
        return answer

    def keep(
        self, shelf: Shelf, key: bytes, content: bytes, *, output_bytes: int, ttl: float
    ) -> None:
        """Keep an answer, unless it is too large or its shelf was taken away.

        Others go for it, as far as they have to: the tenant's own that were not used for the
        longest, and where all tenants together have too many, those of the one that has the most.
        """
        at = self._clock()
        answer = Answer(content=content, output_bytes=output_bytes, made_at=at, ends_at=at + ttl)
        if answer.size > min(self.policy.entry_bytes_max, self.policy.tenant_bytes_max):
            return
        if self._shelves.get((shelf.tenant, shelf.plugin)) is not shelf:
            return
        self.discard(shelf, key)
        room = self._rooms.setdefault(shelf.tenant, _Room())
        room.answers[shelf, key] = answer
        shelf.keys[key] = None
        self._counted(room, answer.size, 1)
        self._make_room(room)

    def discard(self, shelf: Shelf, key: bytes) -> None:
        """Keep an answer no longer."""
        room = self._rooms.get(shelf.tenant)
        answer = None if room is None else room.answers.pop((shelf, key), None)
        shelf.keys.pop(key, None)
        if room is not None and answer is not None:
            self._counted(room, -answer.size, -1)
            if not room.answers:
                del self._rooms[shelf.tenant]

    def forget(self, tenant: str, plugin: str | None = None) -> None:
        """Take away the shelf of a plugin, or all of the tenant's."""
        for place in [each for each in self._shelves if each[0] == tenant]:
            if plugin in (None, place[1]):
                self._take_away(self._shelves.pop(place))

    def forget_all(self) -> None:
        """Take away all shelves."""
        self._shelves.clear()
        self._rooms.clear()
        self._bytes = self._count = 0

    def age(self, answer: Answer) -> float:
        """Return for how many seconds an answer has been kept."""
        return self._clock() - answer.made_at

    def taken(self, tenant: str, plugin: str) -> tuple[int, int]:
        """Return how many answers of a plugin are kept, and how many bytes they take."""
        shelf, room = self._shelves.get((tenant, plugin)), self._rooms.get(tenant)
        if shelf is None or room is None:
            return 0, 0
        return len(shelf.keys), sum(room.answers[shelf, key].size for key in shelf.keys)

    def _take_away(self, shelf: Shelf) -> None:
        for key in tuple(shelf.keys):
            self.discard(shelf, key)

    def _make_room(self, room: _Room) -> None:
        policy = self.policy
        while room.bytes > policy.tenant_bytes_max or len(room.answers) > policy.tenant_entries_max:
            self._discard_oldest(room)
        while self._bytes > policy.bytes_max or self._count > policy.entries_max:
            self._discard_oldest(max(self._rooms.values(), key=lambda each: each.bytes))

    def _discard_oldest(self, room: _Room) -> None:
        shelf, key = next(iter(room.answers))
        self.discard(shelf, key)

    def _counted(self, room: _Room, size: int, count: int) -> None:
        room.bytes += size
        self._bytes += size
        self._count += count
