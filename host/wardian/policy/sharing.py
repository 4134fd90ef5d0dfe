"""One budget for a call and for the calls that it makes of other plugins (design, section 6).

What the broker counts itself is counted along the chain at once. Fuel and memory are seen by
workers alone: a worker says what its call has spent when it asks for another plugin, the other gets
what is left, and what that spent is taken from the first.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from wardian.policy.limits import Limits
from wardian.policy.usage import Usage

STEPS_PER_DOUBLING = 16
"""Limits come in steps of 4 %, so that most calls of a function have limits that its worker knows
already: it then has its instance ready."""

_KEPT = 256

MEMORY_MIN_BYTES = 64 * 1024
"""A page of WebAssembly; in less nothing runs."""


@dataclass(slots=True)
class Account:
    """What workers alone see of what one call spends, while it runs.

    Attributes:
        began_at: the monotonic time; None while it waits for a worker, which costs it nothing.
        fuel: when it last asked for another plugin, by its worker's word.
        memory_bytes: what it held then, by the same.
        fuel_within: what the calls that it made of others spent.
        memory_peak_bytes: the most that it and one of them held together.
        host_calls_within: of what the broker counts for both, what those calls made.
        sent, received: bytes of its own HTTP requests on the wire, without those of these calls.
    """

    began_at: float | None = None
    fuel: int = 0
    memory_bytes: int = 0
    fuel_within: int = 0
    memory_peak_bytes: int = 0
    host_calls_within: int = 0
    sent: int = 0
    received: int = 0
    _taken: int = 0

    def charge(self, usage: Usage) -> None:
        """Count what a call that this one made has spent, however it ended."""
        self.fuel_within += usage.fuel
        self.host_calls_within += usage.host_calls
        together = self.memory_bytes + usage.memory_bytes
        self.memory_peak_bytes = max(self.memory_peak_bytes, together)

    def take(self) -> int:
        """Return the fuel that is still to be taken from the call in its worker; once."""
        due, self._taken = self.fuel_within - self._taken, self.fuel_within
        return due

    def settle(self, usage: Usage) -> None:
        """Put into the call's usage what is known of it here."""
        usage.fuel = max(usage.fuel, self.fuel, self.fuel_within)
        usage.memory_bytes = max(usage.memory_bytes, self.memory_peak_bytes)


def limits_within(
    own: Limits, caller: Limits, account: Account, *, wall_seconds: float, exact: bool
) -> Limits | None:
    """Return what a plugin's call may spend within the call of another.

    Args:
        own: of the called plugin.
        caller: of the call that makes it, which has spent what ``account`` says.
        wall_seconds: what that has left of its time.
        exact: whether the call has to stop by itself in that time. Otherwise it may take a
            little longer, because whoever waits for it ends it.

    Returns:
        Limits of which none is above its own or what is left; None if nothing can run in that.
    """
    memory = caller.memory_bytes - account.memory_bytes
    fuel = None
    if caller.fuel is not None:
        fuel = _stepped_down(caller.fuel - max(account.fuel, account.fuel_within))
    if wall_seconds <= 0 or memory < MEMORY_MIN_BYTES or fuel == 0:
        return None
    wall = wall_seconds if exact else _step(wall_seconds, math.ceil)
    lowered = _lowered(own, min(wall, own.wall_seconds), fuel, _stepped_down(memory))
    return _bounded(lowered, caller.argument_bytes, caller.result_bytes)


@lru_cache(_KEPT)
def _lowered(own: Limits, wall_seconds: float, fuel: int | None, memory_bytes: int) -> Limits:
    return own.lowered(wall_seconds=wall_seconds, fuel=fuel, memory_bytes=memory_bytes)


@lru_cache(_KEPT)
def _bounded(limits: Limits, argument_bytes: int, result_bytes: int) -> Limits:
    return limits.lowered(argument_bytes=argument_bytes, result_bytes=result_bytes)


def _stepped_down(amount: int) -> int:
    return min(amount, int(_step(amount, math.floor))) if amount > 0 else 0


def _step(amount: float, toward: Callable[[float], int]) -> float:
    return float(2 ** (toward(math.log2(amount) * STEPS_PER_DOUBLING) / STEPS_PER_DOUBLING))
