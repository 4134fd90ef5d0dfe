"""How many requests a key, and all keys of a tenant, may make.

The notation of rates and the way they are counted are those of the `limits` library: its sliding
window counter, https://limits.readthedocs.io/en/stable/strategies.html. The counts are this
module's, in memory and of this host, because a request may not wait for them: `limits` takes 6 to
18 µs for each in its own memory, and starts a thread for those that are over.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import limits

from wardian.errors import InvalidArguments, RateLimited
from wardian.tenants.scopes import Bounds, Caller

WINDOWS_MAX = 16_384
"""So many counts are kept before those that are over are forgotten."""

SECONDS_MAX = 86_400
AMOUNT_MAX = 10**9
_TEXT_CHARS = 64


class Rate(NamedTuple):
    """So many requests in so many seconds."""

    amount: int
    seconds: int

    def shared(self, hosts: int) -> Rate:
        """Return what of it one of so many hosts lets pass."""
        return Rate(max(1, self.amount // hosts), self.seconds)


@functools.lru_cache(1024)
def parse_rate(text: str) -> Rate:
    """Read a rate: ``600/minute``, ``10 per second``, ``5000/2 hours``.

    Raises:
        InvalidArguments: it is none, or of more than a day.
    """
    try:
        found = limits.parse(text[:_TEXT_CHARS])
    except ValueError as error:
        raise _no_rate(text) from error
    rate = Rate(found.amount, found.get_expiry())
    if len(text) > _TEXT_CHARS or not 1 <= rate.amount <= AMOUNT_MAX:
        raise _no_rate(text)
    if not 1 <= rate.seconds <= SECONDS_MAX:
        raise _no_rate(text)
    return rate


def _no_rate(text: str) -> InvalidArguments:
    return InvalidArguments(
        f"{text[:_TEXT_CHARS]!r} is no rate: write how many requests in which time, a day at most, "
        "such as 600/minute or 5000/2 hours.",
        path="rate",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RatePolicy:
    """What the operator set.

    Attributes:
        key, tenant: what each key and each tenant may do that has no bounds of its own.
        hosts: that share the database, and so the requests.
    """

    key: Rate
    tenant: Rate
    hosts: int = 1


class Share(NamedTuple):
    """What of a rate is left.

    Attributes:
        left: requests that would be taken now.
        reset_seconds: until the present window ends.
    """

    rate: Rate
    left: int
    reset_seconds: int


class Standing(NamedTuple):
    """What a caller and its tenant may still do."""

    key: Share
    tenant: Share


class _Window:
    """How many requests were taken in a window of time, and in the one before."""

    __slots__ = ("before", "index", "now", "seconds")

    def __init__(self, seconds: int, index: int) -> None:
        self.seconds = seconds
        self.index = index
        self.before = 0
        self.now = 0


class Rates:
    """Counts requests, and refuses those that are too many."""

    def __init__(
        self,
        policy: RatePolicy,
        *,
        clock: Callable[[], float] = time.monotonic,
        refused: Callable[[str, str], None] = lambda tenant, whose: None,
    ) -> None:
        """``refused`` hears of each refusal: the tenant, and whether it is the ``key``'s or the
        ``tenant``'s bound."""
        self._policy = policy
        self._clock = clock
        self._refused = refused
        self._windows: dict[tuple[str, str], _Window] = {}
        self._in_force: dict[Bounds, tuple[Rate, Rate]] = {}

    def take(self, caller: Caller, calls: int = 1) -> Standing:
        """Count requests of a caller, a batch as so many ``calls``; all of them or none.

        Raises:
            RateLimited: its key, or its tenant, has had as many as it may; tells when to come back.
        """
        at = self._clock()
        key_rate, tenant_rate = self.in_force(caller.bounds)
        key = self._window("key", caller.key_id, key_rate.seconds, at)
        tenant = self._window("tenant", caller.tenant, tenant_rate.seconds, at)
        # Both, before either is counted: what is refused costs the tenant's other keys nothing.
        key_left = _left(key, key_rate, at) - calls
        tenant_left = _left(tenant, tenant_rate, at) - calls
        if key_left < 0 or tenant_left < 0:
            whose, window, rate = ("key", key, key_rate)
            if key_left >= 0:
                whose, window, rate = ("tenant", tenant, tenant_rate)
            self._refused(caller.tenant, whose)
            raise _limited(whose, window, rate, calls, at)
        key.now += calls
        tenant.now += calls
        return Standing(
            Share(key_rate, key_left, _until_the_end(key, at)),
            Share(tenant_rate, tenant_left, _until_the_end(tenant, at)),
        )

    def standing(self, caller: Caller) -> Standing:
        """Return what a caller and its tenant may still do, and count nothing."""
        at = self._clock()
        key_rate, tenant_rate = self.in_force(caller.bounds)
        key = self._window("key", caller.key_id, key_rate.seconds, at)
        tenant = self._window("tenant", caller.tenant, tenant_rate.seconds, at)
        return Standing(
            Share(key_rate, max(0, _left(key, key_rate, at)), _until_the_end(key, at)),
            Share(tenant_rate, max(0, _left(tenant, tenant_rate, at)), _until_the_end(tenant, at)),
        )

    def in_force(self, bounds: Bounds) -> tuple[Rate, Rate]:
        """Return what a key and its tenant may do on this host, by their own bounds, if any."""
        found = self._in_force.get(bounds)
        if found is None:
            key = parse_rate(bounds.key) if bounds.key else self._policy.key
            tenant = parse_rate(bounds.tenant) if bounds.tenant else self._policy.tenant
            hosts = self._policy.hosts
            if len(self._in_force) >= WINDOWS_MAX:
                self._in_force.clear()
            found = self._in_force[bounds] = key.shared(hosts), tenant.shared(hosts)
        return found

    def _window(self, kind: str, name: str, seconds: int, at: float) -> _Window:
        index = int(at // seconds)
        window = self._windows.get((kind, name))
        if window is None or window.seconds != seconds:
            if len(self._windows) >= WINDOWS_MAX:
                self._forget(at)
            window = self._windows[kind, name] = _Window(seconds, index)
        elif window.index != index:
            window.before = window.now if window.index == index - 1 else 0
            window.now = 0
            window.index = index
        return window

    def _forget(self, at: float) -> None:
        over = [
            name
            for name, window in self._windows.items()
            if window.index < int(at // window.seconds) - 1
        ]
        for name in over or list(self._windows)[: WINDOWS_MAX // 2]:
            del self._windows[name]


def _left(window: _Window, rate: Rate, at: float) -> int:
    passed = at / window.seconds - window.index
    return rate.amount - window.now - int(window.before * (1 - passed))


def _until_the_end(window: _Window, at: float) -> int:
    return int((window.index + 1) * window.seconds - at) + 1


def _limited(whose: str, window: _Window, rate: Rate, calls: int, at: float) -> RateLimited:
    more = "" if calls == 1 else f", and these are {calls} at once"
    most = f"at most {rate.amount} requests in {rate.seconds} seconds"
    return RateLimited(
        f"The {_WHOSE[whose]} may make {most}{more}; try again later.",
        retry_after_seconds=_seconds_to_wait(window, rate, calls, at),
    )


_WHOSE = {"key": "API key", "tenant": "tenant, with all its keys,"}


def _seconds_to_wait(window: _Window, rate: Rate, calls: int, at: float) -> float:
    """Tell when so many calls are taken, if nothing else comes meanwhile.

    What was taken in the window before counts less and less while the present one passes.
    """
    passed = at / window.seconds - window.index
    room = rate.amount - calls + 1 - window.now
    if window.before and room > 0:
        share = max(0.0, 1 - room / window.before - passed)
        return share * window.seconds
    room = max(1, rate.amount - calls + 1)
    share = 1 - passed + (max(0.0, 1 - room / window.now) if window.now else 0.0)
    return share * window.seconds
