"""How often strangers may ask for what costs the host something."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from wardian.errors import RateLimited

_ADDRESSES_MAX = 4096


class Rates:
    """So many requests of one address in a minute, at once or one after the other.

    A bucket for each address, which a request takes a drop from and time fills; those that were
    not used for the longest are forgotten, and full again.
    """

    def __init__(self, per_minute: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = float(per_minute)
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, address: str) -> None:
        """Let one request of an address pass.

        Raises:
            RateLimited: it has had its share.
        """
        moment = self._clock()
        left, since = self._buckets.pop(address, (self._most, moment))
        left = min(self._most, left + (moment - since) * self._most / 60)
        self._buckets[address] = (max(left - 1, 0.0), moment)
        if len(self._buckets) > _ADDRESSES_MAX:
            self._buckets.popitem(last=False)
        if left < 1:
            raise RateLimited(
                "Too many requests of this address in the last minute; wait a little."
            )
