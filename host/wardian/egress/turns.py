"""Who goes next: a bounded number at once, shared fairly by tenants and by what they wait for."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass

from wardian.egress.faults import Exhausted

Turn = asyncio.Future[None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """How many at once, and how many may wait.

    Attributes:
        total, per_tenant: at once.
        per_place: at once of one tenant for one place, such as an origin.
        waiting, waiting_per_tenant: in the queue.
    """

    total: int
    per_tenant: int
    per_place: int
    waiting: int
    waiting_per_tenant: int


class Turns:
    """Gives turns, tenant by tenant and for each place by place, within the shares.

    Attributes:
        taken: how many turns are taken.
        waiting: how many wait.
    """

    def __init__(self, shares: Shares, what: str) -> None:
        """``what`` is given turns, in the plural, for the text of a refusal."""
        self._shares = shares
        self._what = what
        self.taken = 0
        self.waiting = 0
        self._of_tenant: Counter[str] = Counter()
        self._of_place: Counter[tuple[str, str]] = Counter()
        # In the order in which they are served next.
        self._queues: OrderedDict[str, OrderedDict[str, deque[Turn]]] = OrderedDict()

    async def take(self, tenant: str, place: str) -> None:
        """Wait for a turn, to be given back.

        Raises:
            Exhausted: as many wait as may.
        """
        if self._has_room(tenant, place):
            self._count(tenant, place, 1)
            return
        turn = self._queue(tenant, place)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._leave(tenant, place, turn)
            else:
                self.give_back(tenant, place)
            raise

    def give_back(self, tenant: str, place: str) -> None:
        """End a turn, and let others have theirs."""
        self._count(tenant, place, -1)
        while self._serve_next():
            pass

    def _has_room(self, tenant: str, place: str) -> bool:
        return (
            self.taken < self._shares.total
            and self._of_tenant[tenant] < self._shares.per_tenant
            and self._of_place[tenant, place] < self._shares.per_place
        )

    def _count(self, tenant: str, place: str, change: int) -> None:
        self.taken += change
        self._of_tenant[tenant] += change
        self._of_place[tenant, place] += change
        if not self._of_place[tenant, place]:
            del self._of_place[tenant, place]
        if not self._of_tenant[tenant]:
            del self._of_tenant[tenant]

    def _queue(self, tenant: str, place: str) -> Turn:
        mine = sum(map(len, self._queues.get(tenant, OrderedDict()).values()))
        if self.waiting >= self._shares.waiting or mine >= self._shares.waiting_per_tenant:
            raise Exhausted(f"Too many {self._what} wait on this host; try again later.")
        turn: Turn = asyncio.get_running_loop().create_future()
        self._queues.setdefault(tenant, OrderedDict()).setdefault(place, deque()).append(turn)
        self.waiting += 1
        return turn

    def _leave(self, tenant: str, place: str, turn: Turn) -> None:
        turns = self._queues.get(tenant, OrderedDict()).get(place, deque())
        if turn in turns:  # it may have been reached in between, and passed over
            turns.remove(turn)
            self._left(tenant, place)

    def _left(self, tenant: str, place: str) -> None:
        self.waiting -= 1
        places = self._queues[tenant]
        if not places[place]:
            del places[place]
        if not places:
            del self._queues[tenant]

    def _serve_next(self) -> bool:
        """Give one turn to whoever has waited the most turns of others; tell if there was one."""
        for tenant, places in self._queues.items():
            for place, turns in places.items():
                if self._has_room(tenant, place):
                    turn = turns.popleft()
                    # Its tenant and its place are served last from now on.
                    places.move_to_end(place)
                    self._queues.move_to_end(tenant)
                    self._left(tenant, place)
                    self._grant(tenant, place, turn)
                    return True
        return False

    def _grant(self, tenant: str, place: str, turn: Turn) -> None:
        if not turn.done():
            self._count(tenant, place, 1)
            turn.set_result(None)
