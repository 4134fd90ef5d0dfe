"""How deliveries went, written down together: one transaction for all that end meanwhile."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress

from wardian.errors import WardianError
from wardian.events import Carrier, Settlement

AGAIN_SECONDS = 1.0

GATHER_SECONDS = 0.02
"""At least so long is between two transactions."""

_log = logging.getLogger("wardian.events")


class Settling:
    """Settles deliveries, in the order in which they were added."""

    def __init__(self, bus: Carrier, settled: Callable[[Settlement], None]) -> None:
        """``settled`` is told of each delivery once that is written down."""
        self._bus = bus
        self._tell = settled
        self._open: list[Settlement] = []
        self._added = asyncio.Event()
        self._waiting: list[asyncio.Future[None]] = []
        self._end = asyncio.Event()

    def add(self, settlement: Settlement) -> None:
        """Settle a delivery soon."""
        self._open.append(settlement)
        self._added.set()

    async def settled(self) -> None:
        """Wait until everything that was added is written down."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        self._added.set()
        await future

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Settle deliveries while this is open, and what is left at its end."""
        task = asyncio.create_task(self._settle_until_the_end(), name="wardian-event-settling")
        try:
            yield
        finally:
            self._end.set()
            self._added.set()
            await task

    async def _settle_until_the_end(self) -> None:
        while True:
            await self._added.wait()
            self._added.clear()
            ending = self._end.is_set()
            await self._settle(last=ending)
            if ending:
                return
            # What ends meanwhile is one transaction then, and publishers have theirs in between.
            with suppress(TimeoutError):
                async with asyncio.timeout(GATHER_SECONDS):
                    await self._end.wait()

    async def _settle(self, *, last: bool) -> None:
        """Settle what is open now.

        While the database does not answer it is tried again. At the end it is not: leases end, and
        whoever comes next delivers again.
        """
        batch, self._open = self._open, []
        waiting, self._waiting = self._waiting, []
        while (  # noqa: ASYNC110 -- a database tells nobody when it answers again
            batch and not await self._is_over(batch) and not last
        ):
            await asyncio.sleep(AGAIN_SECONDS)
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def _is_over(self, batch: Sequence[Settlement]) -> bool:
        """Settle a batch, and tell whether nothing more can be done about it."""
        try:
            await self._bus.settle(batch)
        except WardianError as error:
            _log.warning("%d events are not settled yet: %s", len(batch), error)
            return False
        except Exception:  # noqa: BLE001 -- nobody must wait for ever; the leases end
            _log.exception("%d events are not settled.", len(batch))
            return True
        for settlement in batch:
            self._tell(settlement)
        return True
