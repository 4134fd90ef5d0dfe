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


class Standing(NamedTuple):
    """What a caller and its tenant may still do.

    Attributes:
        key_left, tenant_left: requests that would be taken now.
        key_seconds, tenant_seconds: until their present windows end.
    """

    key: Rate
    key_left: int
    key_seconds: int
    tenant: Rate
    tenant_left: int
    tenant_seconds: int


class _Window:
    """How many requests were taken in a window of time, and in the one before."""

    __slots__ = ("amount", "before", "now", "rate", "seconds", "start")

    def __init__(self, rate: Rate, at: float) -> None:
        self.rate = rate
        self.amount, self.seconds = rate
        self.start = at // self.seconds * self.seconds
        self.before = 0
        self.now = 0

    def left(self, at: float) -> int:
        """Return how many more would be taken; what was taken before counts less and less."""
        passed = at - self.start
        if passed >= self.seconds:
            self._turn(at)
            passed = at - self.start
        if not self.before:
            return self.amount - self.now
        return self.amount - self.now - int(self.before * (1 - passed / self.seconds))

    def _turn(self, at: float) -> None:
        start = at // self.seconds * self.seconds
        self.before = self.now if start - self.start == self.seconds else 0
        self.now = 0
        self.start = start

    def seconds_to_wait(self, calls: int, at: float) -> float:
        """Tell when so many are taken, if nothing else comes meanwhile; a batch that is larger than
        the rate never is, and is told when the most is."""
        room = max(1, self.amount - calls + 1)
        passed = (at - self.start) / self.seconds
        if self.now < room:
            share = 1 - (room - self.now) / self.before - passed if self.before else 0.0
        else:
            share = 1 - passed + 1 - room / self.now
        return max(0.0, share) * self.seconds


class _Account(NamedTuple):
    """What is counted for one key, beside the bounds that it was opened with."""

    bounds: Bounds
    key: _Window
    tenant: _Window


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
        self._accounts: dict[str, _Account] = {}
        self._tenants: dict[str, _Window] = {}

    def take(self, caller: Caller, calls: int = 1) -> Standing:
        """Count requests of a caller, a batch as so many ``calls``; all of them or none.

        Raises:
            RateLimited: its key, or its tenant, has had as many as it may; tells when to come back.
        """
        at = self._clock()
        _, key, tenant = self._account(caller, at)
        # Both, before either is counted: what is refused costs the tenant's other keys nothing.
        key_left = key.left(at) - calls
        tenant_left = tenant.left(at) - calls
        if key_left < 0 or tenant_left < 0:
            whose, window = ("key", key) if key_left < 0 else ("tenant", tenant)
            self._refused(caller.tenant, whose)
            raise _limited(whose, window, calls, at)
        key.now += calls
        tenant.now += calls
        return Standing(
            key.rate,
            key_left,
            int(key.start + key.seconds - at) + 1,
            tenant.rate,
            tenant_left,
            int(tenant.start + tenant.seconds - at) + 1,
        )

    def standing(self, caller: Caller) -> Standing:
        """Return what a caller and its tenant may still do, and count nothing."""
        at = self._clock()
        _, key, tenant = self._account(caller, at)
        key_left, tenant_left = max(0, key.left(at)), max(0, tenant.left(at))
        return Standing(
            key.rate,
            key_left,
            int(key.start + key.seconds - at) + 1,
            tenant.rate,
            tenant_left,
            int(tenant.start + tenant.seconds - at) + 1,
        )

    def in_force(self, bounds: Bounds) -> tuple[Rate, Rate]:
        """Return what a key and its tenant may do on this host, by their own bounds, if any."""
        key = parse_rate(bounds.key) if bounds.key else self._policy.key
        tenant = parse_rate(bounds.tenant) if bounds.tenant else self._policy.tenant
        return key.shared(self._policy.hosts), tenant.shared(self._policy.hosts)

    def _account(self, caller: Caller, at: float) -> _Account:
        found = self._accounts.get(caller.key_id)
        if found is not None and found.bounds is caller.bounds:
            return found
        if found is not None and found.bounds == caller.bounds:
            self._accounts[caller.key_id] = found._replace(bounds=caller.bounds)
            return found
        if len(self._accounts) >= WINDOWS_MAX:
            self._forget(at)
        key_rate, tenant_rate = self.in_force(caller.bounds)
        tenant = _kept(self._tenants.get(caller.tenant), tenant_rate, at)
        self._tenants[caller.tenant] = tenant
        key = _kept(None if found is None else found.key, key_rate, at)
        opened = self._accounts[caller.key_id] = _Account(caller.bounds, key, tenant)
        return opened

    def _forget(self, at: float) -> None:
        """Forget the keys that made no requests lately, or else half of them."""
        idle = [
            name
            for name, (_, window, _) in self._accounts.items()
            if at - window.start >= 2 * window.seconds
        ]
        for name in idle or list(self._accounts)[: WINDOWS_MAX // 2]:
            del self._accounts[name]
        there = {id(account.tenant) for account in self._accounts.values()}
        for name, window in list(self._tenants.items()):
            if id(window) not in there and at - window.start >= 2 * window.seconds:
                del self._tenants[name]


def _kept(window: _Window | None, rate: Rate, at: float) -> _Window:
    """Return a window for a rate: the one that there was, with what it has counted, if it can."""
    if window is None or window.seconds != rate.seconds:
        return _Window(rate, at)
    window.rate, window.amount = rate, rate.amount
    return window


_WHOSE = {"key": "API key", "tenant": "tenant, with all its keys,"}


def _limited(whose: str, window: _Window, calls: int, at: float) -> RateLimited:
    more = "" if calls == 1 else f", and these are {calls} at once"
    return RateLimited(
        f"The {_WHOSE[whose]} may make at most {window.amount} requests in {window.seconds} "
        f"seconds{more}; try again later.",
        retry_after_seconds=window.seconds_to_wait(calls, at),
    )
