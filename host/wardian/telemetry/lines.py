"""The lines that plugins log, for those who want to see them now: the newest, and those to come.

They are this host's own, and in memory; the operator's log has them for good. A plugin writes what
it likes and as much as its calls may, so everything is bounded: whoever is slow, or comes late,
misses the oldest lines and is told how many.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

KEPT_BYTES = 1024 * 1024
"""What the newest lines of one tenant may take, and those that wait for one follower."""

TENANTS_KEPT = 256
"""Of how many tenants lines are kept: those that wrote last."""

_LINE_BYTES = 256
"""What a line takes beside its texts."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line that a plugin logged; every character of it prints.

    Attributes:
        sequence: its number on this host; later lines have larger ones.
        level: ``trace``, ``debug``, ``info``, ``warn`` or ``error``.
    """

    sequence: int
    time: datetime
    plugin: str
    call_id: str
    level: str
    message: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedLines:
    """Which of a tenant's lines are wanted; None stands for any."""

    tenant: str
    plugin: str | None = None
    call_id: str | None = None

    def has(self, line: Line) -> bool:
        """Tell whether a line of the tenant is wanted."""
        return self.plugin in (None, line.plugin) and self.call_id in (None, line.call_id)


@dataclass(slots=True)
class _Newest:
    """The newest lines, up to `KEPT_BYTES` of them."""

    lines: deque[Line] = field(default_factory=deque)
    size: int = 0

    def add(self, line: Line) -> int:
        """Add a line, and return how many older ones went for it."""
        gone = 0
        self.lines.append(line)
        self.size += _size(line)
        while self.size > KEPT_BYTES:
            self.size -= _size(self.lines.popleft())
            gone += 1
        return gone

    def take(self) -> list[Line]:
        taken = list(self.lines)
        self.lines.clear()
        self.size = 0
        return taken


class Follower:
    """Gets the lines that come while it is followed.

    Attributes:
        dropped: lines that were too many for how slowly they were taken.
    """

    def __init__(self, wanted: WantedLines) -> None:
        self.wanted = wanted
        self.dropped = 0
        self._waiting = _Newest()
        self._moved = asyncio.Event()

    def hear(self, line: Line) -> None:
        """Be told of a line."""
        if self.wanted.has(line):
            self.dropped += self._waiting.add(line)
            self._moved.set()

    def wake(self) -> None:
        """Have `next` answer now."""
        self._moved.set()

    async def next(self) -> list[Line]:
        """Return the lines that came since, once there are some or `wake` was called."""
        await self._moved.wait()
        self._moved.clear()
        return self._waiting.take()


class Lines:
    """The lines that this host's plugins log."""

    def __init__(self) -> None:
        self._count = 0
        self._kept: OrderedDict[str, _Newest] = OrderedDict()
        self._followers: dict[str, set[Follower]] = {}

    def write(self, tenant: str, line: Line) -> None:
        """Take a line, which gets its number here."""
        self._count += 1
        line = msgspec.structs.replace(line, sequence=self._count)
        kept = self._kept.setdefault(tenant, _Newest())
        self._kept.move_to_end(tenant)
        if len(self._kept) > TENANTS_KEPT:
            self._kept.popitem(last=False)
        kept.add(line)
        for follower in self._followers.get(tenant, ()):
            follower.hear(line)

    def recent(self, wanted: WantedLines, limit: int, *, after: int = 0) -> Sequence[Line]:
        """Return the newest lines that are kept, behind a number, the oldest first."""
        kept = self._kept.get(wanted.tenant)
        lines = [] if kept is None else kept.lines
        found = [line for line in lines if line.sequence > after and wanted.has(line)]
        return found[-limit:]

    @contextmanager
    def followed(self, wanted: WantedLines) -> Iterator[Follower]:
        """Collect the wanted lines that come while this is open."""
        follower = Follower(wanted)
        self._followers.setdefault(wanted.tenant, set()).add(follower)
        try:
            yield follower
        finally:
            self._followers[wanted.tenant].discard(follower)
            if not self._followers[wanted.tenant]:
                del self._followers[wanted.tenant]


def _size(line: Line) -> int:
    texts = sum(len(name) + len(value) for name, value in line.fields.items())
    return _LINE_BYTES + len(line.message) + texts
