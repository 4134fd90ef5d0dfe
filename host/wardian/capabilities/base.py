"""What every capability shares: the call it serves, its authority and budget, and refusals."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from wardian.errors import InvalidArguments
from wardian.policy.grants import Authority, Layer, Refusal
from wardian.policy.leaks import Leaks
from wardian.policy.limits import Limits
from wardian.policy.permissions import Permission, noted, parse_permission
from wardian.policy.secret import Secret
from wardian.policy.sharing import Account, limits_within
from wardian.policy.usage import Usage
from wardian.vault import Held

Case = Literal["denied", "not-found", "invalid", "exhausted", "unavailable"]
"""The cases of the variant ``error`` in ``wit/v1/types.wit``."""

Countable = Literal["host_calls", "http_requests", "events", "log_lines"]

Observer = Callable[[Permission, Layer | None, Authority], None]
"""Told of a permission that was needed, the layer that refused it, and what it was judged by."""

Fresh = Callable[[Held], Awaitable[Held]]
"""Makes a credential one that can be used now, where its value ends by itself.

Raises:
    Unavailable: there is no way to.
"""

_COUNTED: dict[Countable, str] = {
    "host_calls": "host calls",
    "http_requests": "HTTP requests",
    "events": "events",
    "log_lines": "log lines",
}


class Meter(Protocol):
    """What a call's requests may move over the wire, beside the call's own limits."""

    def check(self) -> None:
        """Check that something is left.

        Raises:
            Refused: nothing is.
        """
        ...

    def moved(self, size: int) -> None:
        """Count bytes, both ways."""
        ...

    def lent(self, wanted: int) -> AbstractContextManager[int]:
        """Hold up to ``wanted`` bytes for one request; yields how many it may move.

        Raises:
            Refused: there are none.
        """
        ...


class Speech(Protocol):
    """Where a call says its answer piece by piece."""

    async def say(self, call: CallContext, piece: str) -> None:
        """Say one more piece.

        Raises:
            Refused: it was said as much as an answer may have.
        """
        ...

    async def end(self, call: CallContext) -> None:
        """Say what was held back."""
        ...


async def as_it_is(held: Held) -> Held:
    """Use a credential as the vault has it."""
    return held


class Refused(Exception):
    """A host function answers ``err``; the plugin may handle it.

    Attributes:
        layer: who refuses, where that is one of those who judge permissions.
        permission: what was judged.
    """

    def __init__(
        self, case: Case, text: str, *, layer: str = "host", permission: str | None = None
    ) -> None:
        super().__init__(text)
        self.case: Case = case
        self.text = text
        self.layer = layer
        self.permission = permission


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFacts:
    """The call that is running, by the broker's own record.

    Attributes:
        plugin_id: of the installation, which keeps what is stored apart from a later one's.
        hops: how many events led to the call, each published while the one before was handled.
        origin: the id of the first of them.
        scopes: of the key that the first call of a chain was made with; None if it took no key.
        question: names the question to an agent that it answers, if it does that.
    """

    call_id: str
    tenant: str
    subject: str
    plugin: str
    plugin_id: str
    version: str
    correlation_id: str
    traceparent: str | None = None
    tracestate: str | None = None
    hops: int = 0
    origin: str | None = None
    scopes: Collection[str] | None = None
    question: str | None = None


class Budget:
    """What one call may spend, and what it has spent; kept by the broker.

    Attributes:
        account: what of it workers alone see.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        within: Budget | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``within`` is the budget of the call that makes this one, which pays for all of it."""
        self.limits = limits
        self.usage = Usage()
        self.account = Account()
        self._within = within
        self._clock = clock
        self._started = clock()

    def spend(self, what: Countable) -> None:
        """Take one of ``what`` from the budget, and from each that it is within.

        Raises:
            Refused: there is none left.
        """
        for budget in self._line():
            if getattr(budget.usage, what) >= getattr(budget.limits, what):
                limit, shared = getattr(budget.limits, what), ""
                if budget is not self:
                    shared = ", which it shares with the calls that led to it,"
                text = f"The call's limit of {limit} {_COUNTED[what]}{shared} is used up."
                raise Refused("exhausted", text)
        for budget in self._line():
            setattr(budget.usage, what, getattr(budget.usage, what) + 1)

    def left(self, what: Countable) -> int:
        """Return how many of ``what`` are left."""
        return min(
            int(getattr(budget.limits, what) - getattr(budget.usage, what))
            for budget in self._line()
        )

    def transferred(self, sent: int, received: int) -> None:
        """Count bytes of requests, for each call that led to them."""
        self.account.sent += sent
        self.account.received += received
        for budget in self._line():
            budget.usage.http_bytes_sent += sent
            budget.usage.http_bytes_received += received

    def elapsed_seconds(self) -> float:
        """Return how long the call has been running; until it does, since it was made."""
        began_at = self.account.began_at
        return self._clock() - (self._started if began_at is None else began_at)

    def wall_left_ms(self) -> int:
        """Return the milliseconds until the deadline."""
        return max(0, int(self._wall_left_seconds() * 1000))

    def limits_within(self, own: Limits, *, exact: bool) -> Limits:
        """Return the limits of a call that this one makes of a plugin whose limits are ``own``.

        ``exact`` tells that nobody can end that call from outside.

        Raises:
            Refused: what is left does not suffice for anything.
        """
        found = limits_within(
            own, self.limits, self.account, wall_seconds=self._wall_left_seconds(), exact=exact
        )
        if found is None:
            raise Refused(
                "exhausted", "What is left of the call's time, fuel and memory is too little."
            )
        return found

    def is_starved(self) -> bool:
        """Tell whether any count of the budget is used up."""
        return any(self.left(what) <= 0 for what in _COUNTED)

    def _wall_left_seconds(self) -> float:
        return min(budget.limits.wall_seconds - budget.elapsed_seconds() for budget in self._line())

    def _line(self) -> Iterator[Budget]:
        """Return this budget, and those that it is within."""
        budget: Budget | None = self
        while budget is not None:
            yield budget
            budget = budget._within


class Course:
    """What one call did, as far as the host saw it.

    Attributes:
        fell_short: whether it was refused something only because its budget, or somebody else, had
            no more to give: it may have answered less than it can.
        was_heard: whether somebody heard pieces of its answer, and would hear them once more if it
            was made again.
    """

    __slots__ = ("_happened", "_pending", "fell_short", "was_heard")

    def __init__(self) -> None:
        self.fell_short = False
        self.was_heard = False
        self._happened = False
        self._pending = False

    @property
    def had_effects(self) -> bool:
        """Whether it changed something outside of itself, or may have."""
        return self._happened or self._pending

    def begin(self, interface: str, function: str) -> None:
        """Note that a host call is being answered; the call may end before that does."""
        harmless = interface in _HARMLESS or function in _HARMLESS_IN.get(interface, ())
        self._pending = not harmless

    def end(self, outcome: str) -> None:
        """Note how it ended: ``ok``, or the case of the refusal."""
        self.fell_short = self.fell_short or outcome in _FELL_SHORT
        self._happened = self._happened or (self._pending and outcome in _MAY_HAVE_HAPPENED)
        self._pending = False


_FELL_SHORT = frozenset(("exhausted", "unavailable"))
_MAY_HAVE_HAPPENED = frozenset(("ok", "unavailable"))
_HARMLESS = frozenset(("context", "logging", "config", "metrics", "credentials", "answering"))
_HARMLESS_IN = {
    "kv": frozenset(("get", "list-keys")),
    "kv-namespaces": frozenset(("get", "list-keys", "list-namespaces")),
}
"""Host functions that change nothing which anybody could see twice; all others may."""


@dataclass(slots=True, kw_only=True)
class CallContext:
    """One call, as capabilities see it.

    Attributes:
        authority: of the call's own plugin; replaced while the call runs when the operator
            changes the grants. What the call may do is for `require` to say, which also asks
            those that led to it.
        configuration: the plugin's resolved values, the same throughout the call.
        observer: told of every permission that is judged; set while the plugin is monitored.
        caller: the call of another plugin that waits for this one, if a plugin made it.
        leaks: looks for credentials in what the plugin writes; None if it cannot meet any.
        given_out: secrets that this call, or one that led to it or that it led to, was given to
            use; it may still not store them.
        is_kept: whether the host stores what the call answers, or why it failed.
        egress: what is left of the tenant's egress of today; None if nobody counts.
        course: where what the call does is noted, if somebody wants to know.
        pieces: where it says its answer piece by piece; None unless it answers as an agent.
    """

    facts: CallFacts
    authority: Authority
    budget: Budget
    configuration: Mapping[str, Any] = field(default_factory=dict)
    observer: Observer | None = None
    caller: CallContext | None = None
    leaks: Leaks | None = None
    given_out: list[Secret] = field(default_factory=list)
    is_kept: bool = False
    egress: Meter | None = None
    course: Course | None = None
    pieces: Speech | None = None

    def require(self, permission: str | Permission) -> None:
        """Check that the call, and each that led to it, holds ``permission``.

        Raises:
            Refused: it does not; names the layer that refused, and whose it is.
        """
        wanted = permission if isinstance(permission, Permission) else _parsed(permission)
        for call in self.line():
            refusal = call.authority.refusal(wanted)
            if call.observer is not None:
                layer = None if refusal is None else refusal.layer
                call.observer(noted(wanted), layer, call.authority)
            if refusal is not None:
                raise Refused(
                    "denied",
                    self._denial(call, refusal),
                    layer=refusal.layer.value,
                    permission=str(noted(wanted)),
                )

    def confirm(self, permission: Permission) -> None:
        """Check that the call still holds what was required of it; that is one use, not two.

        Raises:
            Refused: the operator has taken it away meanwhile, from it or from one that led to it.
        """
        if any(call.authority.refusal(permission) is not None for call in self.line()):
            self.require(permission)

    @property
    def answerable(self) -> Sequence[Secret]:
        """The secrets that its caller may find in the answer: those that it was itself given."""
        return () if self.is_kept else self.given_out

    def line(self) -> Iterator[CallContext]:
        """Return this call and those that led to it, the one that was made last first."""
        call: CallContext | None = self
        while call is not None:
            yield call
            call = call.caller

    def chain(self, *more: str) -> str:
        """Write the plugins that led here for people: ``reports → orders → billing``."""
        names = [call.facts.plugin for call in self.line()]
        return " → ".join((*reversed(names), *more))

    def _denial(self, call: CallContext, refusal: Refusal) -> str:
        if self.caller is None:
            return refusal.reason
        return (
            f"{refusal.reason} It is {call.facts.plugin} that lacks it, in the chain "
            f"{self.chain()}: a plugin that is called may do only what all of these may."
        )


def _parsed(permission: str) -> Permission:
    try:
        return parse_permission(permission)
    except InvalidArguments as exc:
        raise Refused("invalid", exc.message) from exc
