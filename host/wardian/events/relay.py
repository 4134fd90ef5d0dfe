"""What other hosts on the same database record is announced in this process, too.

Everything that is remembered of the database is forgotten by events. So a host that hears of the
others' events as it does of its own is never behind them for longer than a notice takes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from wardian.errors import WardianError
from wardian.events.event import Event
from wardian.events.events import Events
from wardian.storage import Database
from wardian.storage.events import EventRepository, positions
from wardian.storage.neighbours import Notices, listening

RETRY_SECONDS = 0.5

_PAGE = 100  # of what a host has missed for hours, so much is in memory at a time

_log = logging.getLogger("wardian.events")


class Relay:
    """Follows the outbox from where it was at the start.

    ``heard`` is called with every notice, for what has changed without an event; ``lost`` when what
    others do can have gone unheard: nothing remembered counts then. ``follow`` is what else is to
    be done after an event of another host's, once it has been announced.
    """

    def __init__(
        self,
        database: Database,
        events: Events,
        *,
        heard: Callable[[], None],
        lost: Callable[[], None],
        follow: Callable[[Event], Awaitable[None]],
    ) -> None:
        self._database = database
        self._events = events
        self._heard = heard
        self._lost = lost
        self._follow_up = follow
        self._following: set[asyncio.Task[None]] = set()
        self._positions: dict[str, int] = {}
        self.listens = asyncio.Event()

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Relay while the block runs; where no other host can be, there is nothing to do.

        Raises:
            WardianError: the database cannot be read.
        """
        if not self._database.is_shared:
            yield
            return
        async with self._database.reading() as connection:
            self._positions = await positions(connection)
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            for each in (task, *self._following):
                each.cancel()
            await asyncio.gather(task, *self._following, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                async with listening(self._database) as notices:
                    await self._follow(notices)
            except Exception as error:  # noqa: BLE001 -- who hears nothing for ever obeys no revoke
                self.listens.clear()
                self._lost()
                _log.warning(
                    "Nothing is heard of other hosts for now: %s",
                    error,
                    exc_info=not isinstance(error, WardianError),
                )
            await asyncio.sleep(RETRY_SECONDS)

    async def _follow(self, notices: Notices) -> None:
        # What came while nobody listened; from here on there is a notice of everything.
        self._lost()
        async with self._database.reading() as connection:
            newest = await positions(connection)
        for tenant in newest:
            await self._catch_up(tenant)
        self.listens.set()
        while True:
            tenants = await notices.next()
            self._heard()
            for tenant in tenants:
                await self._catch_up(tenant)

    async def _catch_up(self, tenant: str) -> None:
        is_more = True
        while is_more:
            after = self._positions.get(tenant, 0)
            async with self._database.reading() as connection:
                found = await EventRepository(connection, tenant).of_hosts(after, _PAGE)
            for row in found:
                if not self._events.is_own(row.id):
                    self._take(Event.of(row))
                self._positions[tenant] = row.position
            is_more = len(found) == _PAGE

    def _take(self, event: Event) -> None:
        self._events.announce(event)
        # Beside the others, because it may wait for the lock of a plugin.
        task = asyncio.create_task(self._followed(event))
        self._following.add(task)
        task.add_done_callback(self._following.discard)

    async def _followed(self, event: Event) -> None:
        try:
            await self._follow_up(event)
        except Exception:  # noqa: BLE001 -- it is committed, and others must be followed
            _log.exception("What another host did could not be followed: %s.", event.topic)
