"""JSON in which no name stands twice.

Which of two values counts is a matter of the parser, so a filter before this host and the host
itself could see different arguments. The host therefore takes neither.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple


def repeated_member(text: bytes, members: Mapping[str, Any]) -> str | None:
    """The path of a name that stands twice in an object, wherever in the text that is.

    The time is linear in the length of ``text``.

    Args:
        text: a JSON object that a strict parser has accepted.
        members: what that parser made of it, and nothing that is not in the text.

    Raises:
        RecursionError: it nests too deep to be parsed again.
    """
    if not _suspicious(text, members):
        return None
    found = json.loads(text, object_pairs_hook=_repetition)
    return found.path if isinstance(found, _Repetition) else None


class _Repetition(NamedTuple):
    """What stands in place of an object with a repeated name, or with such an object inside.

    Every other object becomes None: the second parse keeps nothing that it does not need.
    """

    path: str


def _suspicious(text: bytes, members: Mapping[str, Any]) -> bool:
    """Tell whether a name may stand twice, by how many names there are.

    A name ends with a quote and a colon. Where no quote is escaped, and no space stands between the
    two, there are as many of those as names, or more; and if there are as many as the parser has
    kept, it has kept them all.
    """
    if b"\\" in text or any(text.count(between) for between in (b" :", b"\t:", b"\n:", b"\r:")):
        return True
    return _has_fewer_than(members, text.count(b'":'))


def _has_fewer_than(members: Mapping[str, Any], names: int) -> bool:
    pending: list[Any] = [members]
    while pending:
        found = pending.pop()
        if isinstance(found, dict):
            names -= len(found)
            pending += found.values()
        elif isinstance(found, list):
            pending += found
        if names <= 0:
            return names < 0
    return True


def _repetition(members: list[tuple[str, Any]]) -> _Repetition | None:
    repeated = _repeated(members)
    if repeated is not None:
        return _Repetition(repeated)
    for name, value in members:
        inside = _within(value)
        if inside is not None:
            return _Repetition(f"{name}{'' if inside.path.startswith('[') else '.'}{inside.path}")
    return None


def _within(value: Any) -> _Repetition | None:
    """Return the repetition that stands in place of a value, or somewhere in a list."""
    if isinstance(value, _Repetition):
        return value
    if not isinstance(value, list):
        return None
    for index, each in enumerate(value):
        inside = _within(each)
        if inside is not None:
            rest = inside.path if inside.path.startswith("[") else f".{inside.path}"
            return _Repetition(f"[{index}]{rest}")
    return None


def _repeated(members: list[tuple[str, Any]]) -> str | None:
    seen: set[str] = set()
    for name, _ in members:
        if name in seen:
            return name
        seen.add(name)
    return None
