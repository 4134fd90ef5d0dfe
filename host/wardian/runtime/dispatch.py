"""Events on their way to subscribers: who has something to handle gets a lane while it does.

A host that is killed leaves leases behind, which end; then, or when it starts again, what it had
begun is begun anew.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from wardian.errors import WardianError
from wardian.events import Carrier, Settlement, Subscriber
from wardian.runtime.lane import Dropped, Handler, Lane, LaneParts, Turn
from wardian.runtime.settling import Settling

LOOKS_SECONDS = 0.5
"""How long it takes at most until an event is seen that another host has queued."""

RENEWALS = 3
"""How often a lease is renewed in its time."""

_log = logging.getLogger("wardian.events")


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchParts:
    """What events are delivered with.

    Attributes:
        turns: what is held while an event is handled, by whose it is.
        dropped, settled: told what became of events.
    """

    bus: Carrier
    handling: Handler
    turns: Callable[[Subscriber], Turn]
    dropped: Dropped
    settled: Callable[[Settlement], None]
    lease_seconds: float = 30.0


class Dispatcher:
    """Delivers events to the subscribers of one bus."""

    def __init__(self, parts: DispatchParts) -> None:
        self._parts = parts
        self._settling = Settling(parts.bus, parts.settled)
        self._lane_parts = LaneParts(
            bus=parts.bus,
            handling=parts.handling,
            settling=self._settling,
            dropped=parts.dropped,
        )
        self._lanes: dict[Subscriber, Lane] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()

    def wake(self, ids: Sequence[str] = ()) -> None:
        """Look now what there is to deliver, to these subscribers or to any."""
        lanes = {subscriber.id: lane for subscriber, lane in self._lanes.items()}
        for subscriber_id in ids:
            if subscriber_id in lanes:
                lanes[subscriber_id].wake()
        if not ids or any(subscriber_id not in lanes for subscriber_id in ids):
            self._woken.set()

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Deliver events while this is open; what is under way at the end is given back."""
        self._start(self._deliver_forever(), "wardian-events")
        self._start(self._renew_forever(), "wardian-event-leases")
        async with self._parts.bus.kept(self.wake), self._settling.kept():
            try:
                yield
            finally:
                ending = list(self._tasks)
                for task in ending:
                    task.cancel()
                await asyncio.gather(*ending, return_exceptions=True)

    async def _deliver_forever(self) -> None:
        while True:
            self._woken.clear()
            try:
                await self._open_lanes()
            except WardianError as error:
                _log.warning("Events wait: %s", error)
            except Exception:  # noqa: BLE001 -- whatever it is, events are to go on after it
                _log.exception("Events wait.")
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOKS_SECONDS):
                    await self._woken.wait()

    async def _open_lanes(self) -> None:
        handling = self._parts.handling
        for subscriber in await self._parts.bus.waiting():
            if subscriber in self._lanes:
                self._lanes[subscriber].wake()
            elif await handling.takes_events(subscriber.tenant, subscriber.name):
                turn = self._parts.turns(subscriber)
                lane = self._lanes[subscriber] = Lane(subscriber, self._lane_parts, turn)
                self._start(self._run(subscriber, lane), f"wardian-events {subscriber.name}")

    async def _run(self, subscriber: Subscriber, lane: Lane) -> None:
        try:
            await lane.run()
        except Exception:  # noqa: BLE001 -- one lane must not end the others
            _log.exception("Events for %s wait.", subscriber.name)
        finally:
            del self._lanes[subscriber]
            if lane.has_more:
                self._woken.set()

    async def _renew_forever(self) -> None:
        while True:
            await asyncio.sleep(self._parts.lease_seconds / RENEWALS)
            leases = {lease for lane in self._lanes.values() for lease in lane.leases}
            if leases:
                try:
                    await self._parts.bus.renew(leases)
                except WardianError as error:
                    _log.warning("Leases of events were not renewed: %s", error)
                except Exception:  # noqa: BLE001 -- the next time must come all the same
                    _log.exception("Leases of events were not renewed.")

    def _start(self, work: Coroutine[None, None, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
