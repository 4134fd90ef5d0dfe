"""JSON documents: strict on the way in, canonical on the way out.

Python's own decoder takes duplicate keys, NaN, lone surrogates and nesting without end; what
strangers send may have none of these.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from wardian.errors import InvalidArguments
from wardian.policy.json_text import dump_json as dump_json

MAX_DEPTH = 64

_Steps = tuple["_Steps", str | int] | None


def parse_json(text: str, *, max_bytes: int) -> Any:
    """Parse JSON text strictly (RFC 8259, names unique, nesting of at most `MAX_DEPTH`).

    Raises:
        InvalidArguments: not such JSON, or longer than ``max_bytes`` of UTF-8.
    """
    if len(text) > max_bytes or utf8_length(text) > max_bytes:
        raise InvalidArguments(f"The JSON text is longer than {max_bytes} bytes.")
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as exc:
        reason = "it is nested too deeply" if isinstance(exc, RecursionError) else str(exc)
        raise InvalidArguments(f"The text is not JSON: {reason}.") from exc
    check_json(value)
    return value


def check_json(value: Any) -> None:
    """Check that ``value`` is a JSON value: finite, Unicode, nested at most `MAX_DEPTH`.

    Raises:
        InvalidArguments: it is not; with the path of the fault.
    """
    pending: list[tuple[_Steps, Any, int]] = [(None, value, 0)]
    while pending:
        steps, current, depth = pending.pop()
        fault = _fault(current, depth)
        if fault is not None:
            path = _written(steps)
            raise InvalidArguments(f"{path or 'the value'} {fault}.", path=path or None)
        pending.extend(((steps, step), inner, depth + 1) for step, inner in _inside(current))


def utf8_length(text: str) -> int:
    """Return how many bytes ``text`` takes in UTF-8.

    Raises:
        InvalidArguments: the text has a lone surrogate, so it is no Unicode text.
    """
    try:
        return len(text.encode())
    except UnicodeEncodeError as exc:
        raise InvalidArguments("The text has a lone surrogate, which is no character.") from exc


def path_of(steps: Iterator[Any] | list[Any] | tuple[Any, ...]) -> str:
    """Write a path into a document for people: ``permissions[0].reason``."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return text.removeprefix(".")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("an object has the same name twice")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _fault(value: Any, depth: int) -> str | None:
    if depth > MAX_DEPTH:
        return f"is nested deeper than {MAX_DEPTH} levels"
    if isinstance(value, str):
        return None if _is_unicode(value) else "has a lone surrogate, which is no character"
    if isinstance(value, float):
        return None if math.isfinite(value) else "is not a finite number"
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return "is an integer of more than 64 bits"
    if isinstance(value, Mapping):
        sound = all(isinstance(name, str) and _is_unicode(name) for name in value)
        return None if sound else "has a name that is no text"
    if value is None or isinstance(value, (bool, int, list, tuple)):
        return None
    return f"is a {type(value).__name__}, which JSON does not have"


def _is_unicode(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _written(steps: _Steps) -> str:
    """Write the path of the one value at fault; written for each value, a long name above many
    of them would be copied as often."""
    path: list[Any] = []
    while steps is not None:
        steps, step = steps
        path.append(step)
    return path_of(path[::-1])


def _inside(value: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield name or "''", inner
    elif isinstance(value, (list, tuple)):
        yield from enumerate(value)
