"""What a call may spend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from wardian.errors import InvalidArguments

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Ceilings of one call. The defaults are those of the level ``restricted``.

    Attributes:
        wall_seconds: until the call is stopped, time inside host functions included.
        fuel: wasm fuel (about one unit an instruction); None does not meter.
        memory_bytes: all linear memories of the call together.
        table_elements: elements of each table.
        instances, tables, memories: how many of each the component may create.
        host_calls, http_requests, events, log_lines: how many of each.
        argument_bytes, result_bytes: size of the encoded arguments and of the result; also of the
            body of one HTTP request, and of one response to it.
    """

    wall_seconds: float = 5.0
    fuel: int | None = 100_000_000_000
    memory_bytes: int = 128 * MIB
    table_elements: int = 100_000
    instances: int = 100
    tables: int = 100
    memories: int = 20
    host_calls: int = 1_000
    http_requests: int = 16
    events: int = 50
    log_lines: int = 1_000
    argument_bytes: int = 4 * MIB
    result_bytes: int = 4 * MIB

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None and field.name == "fuel":
                continue
            floor = 0 if field.name in _MAY_BE_ZERO else 1
            if field.name == "wall_seconds":
                valid = _is_number(value) and 0 < value <= MAX_WALL_SECONDS
            else:
                valid = type(value) is int and floor <= value < 2**63
            if not valid:
                raise InvalidArguments(
                    f"The limit {field.name} cannot be {value!r}.", path=f"limits.{field.name}"
                )

    def lowered(self, **changes: Any) -> Limits:
        """Return these limits with ``changes`` applied where they are lower.

        Raises:
            InvalidArguments: an unknown limit, or a value outside its range.
        """
        known = {field.name for field in fields(self)}
        for name in changes:
            if name not in known:
                raise InvalidArguments(
                    f"There is no limit {name!r}; there are {', '.join(sorted(known))}.",
                    path=f"limits.{name}",
                )
        wanted = replace(self, **changes)
        return replace(
            self, **{name: _lower(getattr(self, name), getattr(wanted, name)) for name in changes}
        )


def limits_from(values: Mapping[str, Any], base: Limits) -> Limits:
    """Apply overrides from outside (a request, a command line) to ``base``, lowering only."""
    return base.lowered(**values) if values else base


MAX_WALL_SECONDS = 3600.0

_MAY_BE_ZERO = {"host_calls", "http_requests", "events", "log_lines", "fuel"}


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _lower(ours: Any, theirs: Any) -> Any:
    if ours is None or theirs is None:
        return theirs if ours is None else ours
    return min(ours, theirs)
