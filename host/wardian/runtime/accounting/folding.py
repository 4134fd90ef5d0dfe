"""Folding: what the ledger has goes into the database, once, whatever happens in between.

What a fold adds and up to where in the ledger that was are one transaction. So a host that is
killed at any moment finds, when it starts anew, exactly those records that are not in the database
yet, and adds them then. A fold whose commit nobody confirmed is not repeated before the database
has been asked whether it took place.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from wardian.crypto.identifiers import new_id
from wardian.errors import HostUnusable, WardianError
from wardian.runtime.accounting.ledger import Ledger, Position
from wardian.runtime.accounting.records import RECORD_BYTES_MAX, read_records
from wardian.runtime.accounting.segments import segment_path, segments_in
from wardian.runtime.accounting.sums import MS_A_DAY, Book
from wardian.runtime.accounting.writing import EPOCH, read_days, write_book
from wardian.runtime.flushing import flushed
from wardian.runtime.steps import Steps
from wardian.storage import Connection, Database
from wardian.storage.accounting import DayRow, LedgerRepository, forget_usage
from wardian.storage.rows import now

FOLD_SECONDS = 2.0
FORGET_SECONDS = 600.0
ID_NAME = "id"
CHANGE = "fold"

Folded = Callable[[Sequence[DayRow]], None]
"""Told what tenants' days come to over all hosts, in the moment in which a book is forgotten."""

_log = logging.getLogger("wardian.ledger")


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldingPolicy:
    """How what was used is kept.

    Attributes:
        prices: as `wardian.policy.prices.Prices.text` writes them.
        minutes_kept, hours_kept, days_kept: for how long sums of each grain are.
    """

    prices: str
    minutes_kept: timedelta
    hours_kept: timedelta
    days_kept: timedelta


class Folding:
    """Takes a ledger's records into the database.

    Attributes:
        lock: held while a book is on its way to the rows. Who reads rows and books holds it: the
            book would be missed otherwise, or seen twice. It is taken before any transaction.
    """

    def __init__(
        self, database: Database, ledger: Ledger, policy: FoldingPolicy, steps: Steps
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._policy = policy
        self._steps = steps
        self._id: str | None = None
        self._recovered = False
        self._last = Position(-1, 0)
        self._cut: tuple[Book, Position] | None = None
        self._forgot_at = -FORGET_SECONDS
        self._listeners: list[Folded] = []
        self.lock = asyncio.Lock()

    def tell(self, listener: Folded) -> None:
        """Call ``listener`` after each fold from now on."""
        self._listeners.append(listener)

    async def flush(self) -> None:
        """Fold what there is; what cannot be folded stays where it is."""
        try:
            await self.fold()
            await self._forget()
        except (WardianError, OSError) as error:
            _log.warning("What calls used could not be added up in the database: %s", error)

    async def fold(self) -> None:
        """Fold what there is.

        Raises:
            WardianError: the database did not answer.
            HostUnusable: the ledger cannot be read.
        """
        async with self.lock:
            if not self._recovered:
                await self._recover()
                self._recovered = True
            await self._fold_book()

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Fold every `FOLD_SECONDS` while this is open, and once more at its end.

        First of all it folds what a host before this one has left.
        """
        await self.flush()
        async with flushed(self.flush, seconds=FOLD_SECONDS, name="wardian-ledger"):
            yield
        self._tidy()

    def _tidy(self) -> None:
        """Remove the last segment too, if nothing is left in it."""
        written = self._ledger.position()
        self._ledger.close()
        if self._cut is None and written is not None and self._last == written:
            self._drop(written.segment + 1)

    async def _recover(self) -> None:
        """Fold the segments of processes before this one."""
        repository_id = self._ledger_id()
        async with self._database.reading() as connection:
            done = Position(*await LedgerRepository(connection, repository_id).find())
        self._last = done
        self._ledger.not_before(done.segment + 1)
        first = self._ledger.first
        for number in segments_in(self._ledger.folder):
            if first is not None and number >= first:
                break
            if number >= done.segment:
                offset = done.offset if number == done.segment else 0
                book, end = await asyncio.to_thread(self._read, number, offset)
                await self._write(book, Position(number, max(end, offset)))
            self._drop(number + 1)

    def _read(self, number: int, offset: int) -> tuple[Book, int]:
        """Add up the records of a segment from an offset on; return where they end."""
        data = segment_path(self._ledger.folder, number).read_bytes()
        book, end = Book(), 0
        for series, call, end in read_records(data):
            if end > offset:
                key = self._ledger.names.key(series, call.ended_ms // MS_A_DAY)
                book.place(key, series.plugin_id, call.ended_ms).count(call)
        if any(data[end + RECORD_BYTES_MAX :]):
            _log.warning("Segment %d of the ledger is damaged from byte %d on", number, end)
        return book, end

    async def _fold_book(self) -> None:
        written = self._ledger.position()
        if self._cut is None:
            if written is None or written == self._last:
                return
            self._cut = self._ledger.cut(), written
        book, upto = self._cut
        self._steps.reached(CHANGE, "cut")
        days = await self._write(book, upto)
        # Nothing is awaited from the book's end to its sums' beginning: nobody sees neither.
        self._ledger.settle()
        self._cut = None
        for listener in self._listeners:
            listener(days)
        self._drop(upto.segment)
        self._steps.reached(CHANGE, "dropped")

    async def _write(self, book: Book, upto: Position) -> list[DayRow]:
        """Add a book to the rows, unless that was done; its records end at ``upto``."""
        days: list[DayRow] = []
        async with self._database.transaction() as connection:
            self._steps.reached(CHANGE, "begun")
            if await self._is_written(connection, upto):
                days = await read_days(connection, book)
            else:
                days = await write_book(connection, book, self._policy.prices)
                await LedgerRepository(connection, self._ledger_id()).move(*upto)
            self._steps.reached(CHANGE, "written")
        self._steps.reached(CHANGE, "committed")
        self._last = upto
        return days

    async def _is_written(self, connection: Connection, upto: Position) -> bool:
        """Tell whether a fold up to a place was committed, although nobody said so."""
        found = Position(*await LedgerRepository(connection, self._ledger_id()).hold())
        if found not in (self._last, upto):
            # The folder, or the database, is a copy of one that went another way since.
            _log.warning("The ledger has another place in the database than it left; it goes on"
                         " under a new name")  # fmt: skip
            self._id = ledger_id(self._ledger.folder, anew=True)
            return False
        return found == upto and found != self._last

    def _drop(self, before: int) -> None:
        """Remove the segments of lower numbers: all that is in them is folded."""
        for number in segments_in(self._ledger.folder):
            if number < before:
                segment_path(self._ledger.folder, number).unlink(missing_ok=True)

    def _ledger_id(self) -> str:
        if self._id is None:
            self._id = ledger_id(self._ledger.folder)
        return self._id

    async def _forget(self) -> None:
        """Remove what is kept no longer."""
        loop, policy, moment = asyncio.get_running_loop(), self._policy, now()
        if loop.time() < self._forgot_at + FORGET_SECONDS:
            return
        before = {
            "minute": moment - policy.minutes_kept,
            "hour": moment - policy.hours_kept,
            "day": moment - policy.days_kept,
        }
        async with self._database.transaction() as connection:
            await forget_usage(connection, before, (before["day"] - EPOCH).days)
        self._forgot_at = loop.time()


def ledger_id(folder: Path, *, anew: bool = False) -> str:
    """Return the name of the ledger in a folder, which stays the same unless it is made ``anew``.

    Raises:
        HostUnusable: it can be neither read nor made.
    """
    path = folder / ID_NAME
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        if anew or not path.exists():
            made = path.with_suffix(".new")
            made.write_text(new_id())
            made.replace(path)
        return path.read_text()
    except OSError as exc:
        raise HostUnusable(f"The ledger {folder} cannot be used: {exc.strerror}.") from exc
