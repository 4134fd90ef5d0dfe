"""What every capability shares: the call it serves, its authority and budget, and refusals."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from wardian.errors import InvalidArguments
from wardian.policy.grants import Authority, Layer
from wardian.policy.leaks import Leaks
from wardian.policy.limits import Limits
from wardian.policy.permissions import Permission, noted, parse_permission
from wardian.policy.secret import Secret
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


async def as_it_is(held: Held) -> Held:
    """Use a credential as the vault has it."""
    return held


class Refused(Exception):
    """A host function answers ``err``; the plugin may handle it."""

    def __init__(self, case: Case, text: str) -> None:
        super().__init__(text)
        self.case: Case = case
        self.text = text


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFacts:
    """The call that is running, by the broker's own record.

    Attributes:
        plugin_id: of the installation, which keeps what is stored apart from a later one's.
    """

    call_id: str
    tenant: str
    subject: str
    plugin: str
    plugin_id: str
    version: str
    correlation_id: str
    traceparent: str | None = None


class Budget:
    """What one call may spend, and what it has spent; kept by the broker."""

    def __init__(self, limits: Limits, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.limits = limits
        self.usage = Usage()
        self._clock = clock
        self._started = clock()

    def spend(self, what: Countable) -> None:
        """Take one of ``what`` from the budget.

        Raises:
            Refused: there is none left.
        """
        if self.left(what) == 0:
            limit = getattr(self.limits, what)
            raise Refused("exhausted", f"The call's limit of {limit} {_COUNTED[what]} is used up.")
        setattr(self.usage, what, getattr(self.usage, what) + 1)

    def left(self, what: Countable) -> int:
        """Return how many of ``what`` are left."""
        return int(getattr(self.limits, what) - getattr(self.usage, what))

    def elapsed_seconds(self) -> float:
        """Return how long the call has been running."""
        return self._clock() - self._started

    def wall_left_ms(self) -> int:
        """Return the milliseconds until the deadline."""
        return max(0, int((self.limits.wall_seconds - self.elapsed_seconds()) * 1000))


@dataclass(slots=True, kw_only=True)
class CallContext:
    """One call, as capabilities see it.

    Attributes:
        authority: replaced while the call runs when the operator changes the grants.
        configuration: the plugin's resolved values, the same throughout the call.
        observer: told of every permission that is judged; set while the plugin is monitored.
        leaks: looks for credentials in what the plugin writes; None if it cannot meet any.
        given_out: secrets that this call was given to use; it may still not store them.
    """

    facts: CallFacts
    authority: Authority
    budget: Budget
    configuration: Mapping[str, Any] = field(default_factory=dict)
    observer: Observer | None = None
    leaks: Leaks | None = None
    given_out: list[Secret] = field(default_factory=list)

    def require(self, permission: str | Permission) -> None:
        """Check that the call holds ``permission``.

        Raises:
            Refused: it does not; names the layer that refused.
        """
        wanted = permission if isinstance(permission, Permission) else _parsed(permission)
        refusal = self.authority.refusal(wanted)
        if self.observer is not None:
            layer = None if refusal is None else refusal.layer
            self.observer(noted(wanted), layer, self.authority)
        if refusal is not None:
            raise Refused("denied", refusal.reason)

    def confirm(self, permission: Permission) -> None:
        """Check that the call still holds what was required of it; that is one use, not two.

        Raises:
            Refused: the operator has taken it away meanwhile.
        """
        if self.authority.refusal(permission) is not None:
            self.require(permission)


def _parsed(permission: str) -> Permission:
    try:
        return parse_permission(permission)
    except InvalidArguments as exc:
        raise Refused("invalid", exc.message) from exc
