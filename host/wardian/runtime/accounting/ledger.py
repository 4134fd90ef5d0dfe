"""The ledger: a record of every finished call is written before the call is answered.

A record is one small write to a file, which the kernel has from then on: a host that is killed has
lost nothing that was answered. What the records add up to is kept in memory as well, and folded
into the database every other second. A record is on its way to the disk like any write, so a power
failure may cost the last seconds before it; `docs/decisions/0043` tells why that is enough.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from wardian.errors import TryLater
from wardian.policy.quotas import Spent
from wardian.runtime.accounting.records import (
    ASKED,
    RECORD_BYTES_MAX,
    Finished,
    Series,
    call_record,
    names_record,
)
from wardian.runtime.accounting.segments import (
    SEGMENT_BYTES,
    SEGMENTS_MAX,
    Segment,
    next_number,
    segments_in,
)
from wardian.runtime.accounting.sums import (
    MS_A_DAY,
    MS_A_MINUTE,
    Book,
    Names,
    Place,
    PluginCount,
)

RETRY_SECONDS = 5.0

UNREAD_MAX = 256
"""Calls that are added up at once, unless somebody asks before."""

_log = logging.getLogger("wardian.ledger")


class Position(NamedTuple):
    """A place in the ledger: everything before it is folded."""

    segment: int
    offset: int


@dataclass(slots=True)
class _Written:
    """The file that is written to, and the names that it has."""

    segment: Segment
    names: dict[Series, int] = field(default_factory=dict)

    def name(self, series: Series) -> int:
        """Write names down, which calls refer to from then on.

        Raises:
            OSError: they could not be written.
        """
        number = len(self.names)
        self.segment.write(names_record(number, series))
        self.names[series] = number
        return number


class Ledger:
    """The records of one host's finished calls.

    Attributes:
        folder: its files.
        first: the number of the first segment of this process; None before there is one.
        segment_bytes, segments_max: its bounds.
    """

    def __init__(
        self,
        folder: Path,
        *,
        functions_max: int,
        segment_bytes: int = SEGMENT_BYTES,
        segments_max: int = SEGMENTS_MAX,
    ) -> None:
        self.folder = folder
        self.first: int | None = None
        self.segment_bytes = segment_bytes
        self.segments_max = segments_max
        self.names = Names(functions_max)
        self._written: _Written | None = None
        self._running = 0
        self._after = -1
        self._book = Book()
        self._folding: Book | None = None
        self._is_behind = False
        self._unread: list[tuple[Series, Finished]] = []
        self._asked: dict[str, int] = {}

    def begin(self) -> None:
        """Keep room for the record of a call, which `finish` writes or `withdraw` gives back.

        Raises:
            TryLater: there is no room, because the disk is full or the database takes no sums.
        """
        needed = (self._running + 1) * RECORD_BYTES_MAX
        written = self._written
        if (
            written is None
            or self._is_behind
            or written.segment.size - written.segment.offset < needed
        ):
            self._turn_over(needed)
        self._running += 1

    def withdraw(self) -> None:
        """Give back the room for a call that did not run."""
        self._running -= 1

    def finish(self, series: Series, call: Finished) -> None:
        """Write down a call; when this returns, nothing but the loss of the machine undoes it."""
        self._running -= 1
        written = self._written
        try:
            if written is None:
                raise OSError("no segment could be made")
            number = written.names.get(series)
            if number is None:
                number = written.name(series)
            written.segment.write(call_record(number, call))
        except OSError as error:
            # Its effects have happened and it is answered: it stays in memory, to be folded from
            # there, and the calls that come are refused until a segment takes records again.
            self._is_behind = True
            _log.error("A call could not be written to the ledger: %s", error)
        unread = self._unread
        unread.append((series, call))
        if call.flags & ASKED:
            tenant, asked = series.tenant, self._asked
            asked[tenant] = asked.get(tenant, 0) + 1
        if len(unread) >= UNREAD_MAX:
            self._add_up()

    def _add_up(self) -> None:
        """Count the calls that ended since the last time: many at once take a third of the time."""
        unread, self._unread = self._unread, []
        self._asked.clear()
        places: dict[tuple[Series, int], Place] = {}
        for series, call in unread:
            minute = call.ended_ms // MS_A_MINUTE
            place = places.get((series, minute))
            if place is None:
                key = self.names.key(series, call.ended_ms // MS_A_DAY)
                place = self._book.place(key, series.plugin_id, call.ended_ms)
                places[series, minute] = place
            place.count(call)

    def _turn_over(self, needed: int) -> None:
        """Go on in a new segment."""
        try:
            if len(segments_in(self.folder)) >= self.segments_max:
                raise OSError(f"{self.segments_max} segments wait for the database")
            self.folder.mkdir(mode=0o700, exist_ok=True)
            number = next_number(self.folder, self._after)
            segment = Segment(self.folder, number, max(self.segment_bytes, 2 * needed))
        except OSError as error:
            _log.error("The ledger takes no more calls: %s", error)
            raise TryLater(
                "The host cannot write down what calls use, so it takes none: "
                f"{error.strerror or error}. Its operator finds more in its log.",
                retry_after_seconds=RETRY_SECONDS,
            ) from error
        self.close()
        self._after = number
        self.first = number if self.first is None else self.first
        self._written = _Written(segment)
        self._is_behind = False

    def not_before(self, number: int) -> None:
        """Have later segments have numbers of at least ``number``, and the present one, too."""
        if self._after < number:
            self._after = number - 1
            self.close()

    def position(self) -> Position | None:
        """Return where the next record goes; None if none was written by this process."""
        if self._written is None:
            return None if self.first is None else Position(self._after + 1, 0)
        return Position(self._written.segment.number, self._written.segment.offset)

    def cut(self) -> Book:
        """Begin a new book, and return the one that has all up to now; it counts until `settle`."""
        assert self._folding is None  # noqa: S101 -- one at a time, see `Folding`
        self._add_up()
        self._folding, self._book = self._book, Book()
        return self._folding

    def settle(self) -> None:
        """Forget the book that `cut` returned: it is in the database."""
        self._folding = None

    def spent(self, tenant: str, day: int) -> Spent:
        """Return what of a tenant's day is not in the database yet."""
        self._add_up()
        total = Spent()
        for book in (self._book, self._folding):
            found = None if book is None else book.days.get((tenant, day))
            if found is not None:
                total.add(found)
        return total

    def calls(self, tenant: str, day: int) -> int:
        """Return how many calls from outside these are, as `spent` does, which takes longer."""
        total = self._asked.get(tenant, 0)
        for book in (self._book, self._folding):
            found = None if book is None else book.days.get((tenant, day))
            if found is not None:
                total += found.calls
        return total

    def plugin(self, tenant: str, plugin_id: str) -> PluginCount | None:
        """Return what of a plugin's totals is not in the database yet, if there is anything."""
        self._add_up()
        total = PluginCount()
        for book in (self._book, self._folding):
            found = None if book is None else book.plugins.get((tenant, plugin_id))
            if found is not None:
                total.add(found)
        return total if total.requests else None

    def close(self) -> None:
        """Let go of the file."""
        written, self._written = self._written, None
        if written is not None:
            with suppress(OSError):
                written.segment.close()
