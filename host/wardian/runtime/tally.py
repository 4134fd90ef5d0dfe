"""What is added up by plugin in memory, and what becomes of it when it is written down."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Generic, Protocol, Self, TypeVar

from wardian.errors import WardianError
from wardian.storage import Connection, Database

Plugin = tuple[str, str]
"""The tenant and the id of a plugin."""


class Sum(Protocol):
    """What is added up of one plugin."""

    def add_all(self, other: Self) -> None:
        """Add what another has, which is newer."""


_Sum = TypeVar("_Sum", bound=Sum)

_log = logging.getLogger("wardian.tally")


class Tally(Generic[_Sum]):
    """Sums by plugin, kept in memory until `flush` has written them down.

    Attributes:
        lock: held while sums are on their way to the rows. Who reads rows and sums, or removes
            rows, holds it: the sums would be missed otherwise, or seen twice. It is taken before
            any transaction.
    """

    def __init__(
        self,
        database: Database,
        what: str,
        empty: Callable[[], _Sum],
        write: Callable[[Connection, Plugin, _Sum], Awaitable[Any]],
    ) -> None:
        """Tally ``what``, as errors call it; ``write`` adds a sum to the rows of its plugin."""
        self.lock = asyncio.Lock()
        self._database = database
        self._what = what
        self._empty = empty
        self._write = write
        self._pending: dict[Plugin, _Sum] = {}

    def of(self, plugin: Plugin) -> _Sum:
        """Return the sum of a plugin, to be added to."""
        found = self._pending.get(plugin)
        if found is None:
            found = self._pending[plugin] = self._empty()
        return found

    def found(self, plugin: Plugin) -> _Sum | None:
        """Return what of a plugin is not written down yet, if there is anything."""
        return self._pending.get(plugin)

    def all(self) -> list[tuple[Plugin, _Sum]]:
        """Return what is not written down yet, of every plugin."""
        return list(self._pending.items())

    def drop(self, plugin: Plugin) -> None:
        """Forget the sum of a plugin."""
        self._pending.pop(plugin, None)

    async def flush(self) -> None:
        """Write down all sums; what cannot be written stays in memory."""
        async with self.lock:
            pending, self._pending = self._pending, {}
            if not pending:
                return
            connection: Connection | None = None
            try:
                async with self._database.transaction() as connection:
                    # In order, because two hosts that lock rows in turn would wait for each other.
                    for plugin in sorted(pending):
                        await self._write(connection, plugin, pending[plugin])
            except WardianError as error:
                _log.warning("%s could not be written: %s", self._what, error)
            finally:
                # Also when this was cancelled: before its commit nothing has been written.
                if connection is None or not connection.committed:
                    self._take_back(pending)

    def _take_back(self, pending: dict[Plugin, _Sum]) -> None:
        newer, self._pending = self._pending, pending
        for plugin, added in newer.items():
            self.of(plugin).add_all(added)
