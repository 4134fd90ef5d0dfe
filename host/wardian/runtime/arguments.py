"""Where in a call's arguments the value is that cannot be passed to a worker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from wardian.errors import InvalidArguments
from wardian.storage.documents import path_of

UNENCODABLE = (OverflowError, ValueError, TypeError, RecursionError)
"""What encoding raises for a value that has no place in a message."""

_MAX_DEPTH = 500  # far beyond what a WIT type can hold; also ends a list that holds itself
_SHOWN_CHARS = 80

_Steps = tuple["_Steps", Any] | None


def fault_of(arguments: Mapping[str, Any]) -> InvalidArguments | None:
    """Return the first fault of arguments that could not be encoded, with its path.

    Slow, hence for arguments that were refused: it encodes every value by itself.
    """
    pending: list[tuple[_Steps, Any, int]] = [(None, arguments, 0)]
    while pending:
        steps, value, depth = pending.pop()
        if depth > _MAX_DEPTH:
            return _fault(steps, "is nested too deeply")
        if isinstance(value, (Mapping, list, tuple)):
            inside = [((steps, step), inner, depth + 1) for step, inner in _inside(value)]
            pending += reversed(inside)
            continue
        try:
            msgspec.msgpack.encode(value)
        except OverflowError:
            return _fault(steps, "is an integer of more than 64 bits")
        except UNENCODABLE as error:
            return _fault(steps, f"cannot be passed on: {str(error)[:200]}")
    return None


def _inside(value: Any) -> Iterator[tuple[Any, Any]]:
    return iter(value.items()) if isinstance(value, Mapping) else iter(enumerate(value))


def _fault(steps: _Steps, reason: str) -> InvalidArguments:
    # The path is written for the one value at fault only: written for each, a long name above
    # many values would be copied as often.
    path: list[Any] = []
    while steps is not None:
        steps, step = steps
        path.append(step if isinstance(step, int) else str(step)[:_SHOWN_CHARS])
    text = path_of(path[::-1])
    return InvalidArguments(f"{text} {reason}.", path=text)
