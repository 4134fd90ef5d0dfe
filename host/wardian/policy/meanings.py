"""What each limit means to people: its unit, what it bounds, and what answers when it is met."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from wardian import errors
from wardian.policy.limits import MIB


class Unit(StrEnum):
    """In what a limit is counted."""

    SECONDS = "seconds"
    BYTES = "bytes"
    FUEL = "units"
    COUNT = "count"


EXHAUSTED = "exhausted"
"""The case of ``wardian:plugin/types.error`` that a host function answers when a limit is met. The
plugin may handle it, and the call goes on."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a limit means.

    Attributes:
        bounds: in a few words.
        answer: the type of the error that ends the call, or ``EXHAUSTED``.
        spent: the field of ``Usage`` that tells how much of it a call used; None if none does.
    """

    unit: Unit
    bounds: str
    answer: str
    spent: str | None = None


_MEMORY = errors.MemoryExceeded.type

MEANINGS: dict[str, Meaning] = {
    "wall_seconds": Meaning(
        Unit.SECONDS,
        "time from start to end, host functions included",
        errors.DeadlineExceeded.type,
        "wall_seconds",
    ),
    "fuel": Meaning(Unit.FUEL, "wasm instructions, roughly", errors.OutOfFuel.type, "fuel"),
    "memory_bytes": Meaning(Unit.BYTES, "memory, all of the call's", _MEMORY, "memory_bytes"),
    "table_elements": Meaning(Unit.COUNT, "elements of each table", _MEMORY),
    "instances": Meaning(Unit.COUNT, "instances in the component", _MEMORY),
    "tables": Meaning(Unit.COUNT, "tables in the component", _MEMORY),
    "memories": Meaning(Unit.COUNT, "memories in the component", _MEMORY),
    "host_calls": Meaning(Unit.COUNT, "calls of host functions", EXHAUSTED, "host_calls"),
    "http_requests": Meaning(Unit.COUNT, "HTTP requests", EXHAUSTED, "http_requests"),
    "events": Meaning(Unit.COUNT, "events published", EXHAUSTED, "events"),
    "log_lines": Meaning(Unit.COUNT, "lines logged", EXHAUSTED, "log_lines"),
    "argument_bytes": Meaning(
        Unit.BYTES, "size of the arguments, or of a request's body", errors.InvalidArguments.type
    ),
    "result_bytes": Meaning(
        Unit.BYTES, "size of the result, or of a response's body", errors.ResultTooLarge.type
    ),
}
"""By the names of the fields of ``Limits``; a test compares the two."""


def amount(name: str, value: float | None) -> str:
    """Say an amount of what the limit ``name`` counts: ``5 s``, ``128 MiB``, ``unmetered``."""
    if value is None:
        return "unmetered"
    match MEANINGS[name].unit:
        case Unit.SECONDS:
            return f"{value:.4g} s"
        case Unit.BYTES:
            return f"{value / MIB:.4g} MiB" if value >= MIB else f"{value:,} bytes"
        case _:
            return f"{value:,}"
