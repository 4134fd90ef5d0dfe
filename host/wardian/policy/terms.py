"""What a call ran as, and what its limits left of what it may spend."""

from __future__ import annotations

from dataclasses import dataclass

from wardian.policy.limits import Limits
from wardian.policy.usage import Usage


@dataclass(frozen=True, slots=True)
class Terms:
    """What ran, and within which limits.

    Attributes:
        function: by its full name.
    """

    plugin: str
    version: str
    function: str
    limits: Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What a call had left of each of its limits at its end; ``fuel`` is None where none is
    metered."""

    wall_seconds: float
    fuel: int | None
    memory_bytes: int
    host_calls: int
    http_requests: int
    events: int
    log_lines: int
    result_bytes: int


def left_of(limits: Limits, spent: Usage) -> Left:
    """Return what is left; 0 of what was used up."""
    return Left(
        wall_seconds=max(0.0, limits.wall_seconds - spent.wall_seconds),
        fuel=None if limits.fuel is None else max(0, limits.fuel - spent.fuel),
        memory_bytes=max(0, limits.memory_bytes - spent.memory_bytes),
        host_calls=max(0, limits.host_calls - spent.host_calls),
        http_requests=max(0, limits.http_requests - spent.http_requests),
        events=max(0, limits.events - spent.events),
        log_lines=max(0, limits.log_lines - spent.log_lines),
        result_bytes=max(0, limits.result_bytes - spent.output_bytes),
    )
