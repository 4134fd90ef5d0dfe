"""Two values side by side: where they differ, and enough of each to see how."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from wardian.policy.redaction import MARKER
from wardian.sandbox import to_json

Kind = Literal["changed", "added", "removed", "moved"]

_PLACE_CHARS = 300
_TEXT_CHARS = 200
_NAME_CHARS = 100
_SHOWN_DEPTH = 5
_SHOWN_VALUES = 40
_SHOWN_BYTES = 96

_MISSING = object()


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One difference; what is long in ``before`` and ``after`` is cut.

    Attributes:
        place: ``result.items[2].price``, ``error`` or ``host-call 3``.
        kind: whether it is on both sides, on one of them, or comes in another order.
    """

    place: str
    kind: Kind = "changed"
    before: Any = None
    after: Any = None


def differences(place: str, before: Any, after: Any) -> Iterator[Difference]:
    """Compare two plain values, of which the first may have markers where secrets were.

    Floats are equal if they are the same number, of the same sign; NaN is equal to NaN. An integer
    is no float, and a truth value no integer.
    """
    if type(before) is dict and type(after) is dict:
        for name in before | after:
            inner = f"{place}.{name[:_NAME_CHARS]}"
            yield from _aligned(inner, before.get(name, _MISSING), after.get(name, _MISSING))
    elif type(before) is list and type(after) is list:
        for index in range(max(len(before), len(after))):
            first = before[index] if index < len(before) else _MISSING
            second = after[index] if index < len(after) else _MISSING
            yield from _aligned(f"{place}[{index}]", first, second)
    elif not _same_leaf(before, after):
        yield difference(place, before, after)


def alike(before: Any, after: Any) -> bool:
    """Tell whether two values have no difference."""
    return next(differences("", before, after), None) is None


def difference(place: str, before: Any, after: Any, kind: Kind = "changed") -> Difference:
    """Describe one difference."""
    return Difference(
        place=place[:_PLACE_CHARS], kind=kind, before=shown(before), after=shown(after)
    )


def shown(value: Any) -> Any:
    """Return a JSON value that shows enough of any value, whatever its size."""
    return _Shown().of(value, 0)


def _aligned(place: str, before: Any, after: Any) -> Iterator[Difference]:
    if before is _MISSING:
        yield difference(place, None, after, "added")
    elif after is _MISSING:
        yield difference(place, before, None, "removed")
    else:
        yield from differences(place, before, after)


def _same_leaf(before: Any, after: Any) -> bool:
    if type(before) is not type(after):
        return False
    if type(before) is float:
        # As text every float is itself: a negative zero has its sign, and NaN is equal to NaN.
        return repr(before) == repr(after)
    if type(before) is str:
        return before == after or _fits(before.split(MARKER), after)
    if type(before) is bytes:
        return before == after or _fits(before.split(MARKER.encode()), after)
    return bool(before == after)


def _fits(parts: list[Any], whole: Any) -> bool:
    """Tell whether ``whole`` is these parts with anything between them."""
    if len(parts) == 1:
        return False
    first, *middle, last = parts
    end = len(whole) - len(last)
    if not whole.startswith(first) or not whole.endswith(last) or end < len(first):
        return False
    position = len(first)
    for part in middle:
        position = whole.find(part, position, end)
        if position < 0:
            return False
        position += len(part)
    return True


class _Shown:
    """Shows one value, so many parts of it at most."""

    def __init__(self) -> None:
        self._left = _SHOWN_VALUES

    def of(self, value: Any, depth: int) -> Any:
        self._left -= 1
        if isinstance(value, dict):
            return self._members(value, depth)
        if isinstance(value, list | tuple):
            return self._items(value, depth)
        if isinstance(value, str):
            return _cut(value, _TEXT_CHARS, "characters")
        if isinstance(value, bytes):
            rest = len(value) - _SHOWN_BYTES
            text: str = to_json(value[:_SHOWN_BYTES])
            return text if rest <= 0 else f"{text}… ({rest} more bytes)"
        return to_json(value)

    def _members(self, value: dict[str, Any], depth: int) -> Any:
        if depth >= _SHOWN_DEPTH:
            return f"… ({len(value)} members)"
        found: dict[str, Any] = {}
        for name, inner in value.items():
            if self._left <= 0:
                found["…"] = f"{len(value) - len(found)} more"
                break
            found[_cut(name, _NAME_CHARS, "characters")] = self.of(inner, depth + 1)
        return found

    def _items(self, value: list[Any] | tuple[Any, ...], depth: int) -> Any:
        if depth >= _SHOWN_DEPTH:
            return f"… ({len(value)} items)"
        found: list[Any] = []
        for inner in value:
            if self._left <= 0:
                found.append(f"… ({len(value) - len(found)} more)")
                break
            found.append(self.of(inner, depth + 1))
        return found


def _cut(text: str, most: int, unit: str) -> str:
    rest = len(text) - most
    return text if rest <= 0 else f"{text[:most]}… ({rest} more {unit})"
