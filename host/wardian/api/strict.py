"""JSON in which no name stands twice.

Which of two values counts is a matter of the parser, so a filter before this host and the host
itself could see different arguments. The host therefore takes neither.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

# Each of a few names is looked for in the raw text, which is several times faster than parsing it
# again. With more names that search would be quadratic: their number times the text's length.
_FEW_NAMES = 16


def repeated_member(text: bytes, members: Mapping[str, Any]) -> str | None:
    """The path of a name that stands twice in an object, or in an object right inside it.

    The time is linear in the length of ``text``.

    Args:
        text: a JSON object that a strict parser has accepted.
        members: what that parser made of it.
    """
    if not _suspicious(text, members):
        return None
    found = json.loads(text, object_pairs_hook=_repetition)
    if not isinstance(found, _Repetition):
        return None
    return found.here if found.here is not None else found.inside


class _Repetition(NamedTuple):
    """What stands in place of an object with a repeated name, or with such an object inside.

    Every other object becomes None: the second parse keeps nothing that it does not need.
    """

    here: str | None
    inside: str | None


def _suspicious(text: bytes, members: Mapping[str, Any]) -> bool:
    if b"\\" in text:
        return True
    objects = [members, *(value for value in members.values() if isinstance(value, dict))]
    if sum(map(len, objects)) > _FEW_NAMES:
        return True
    names = {name for each in objects for name in each}
    return any(text.count(f'"{name}"'.encode()) > 1 for name in names)


def _repetition(members: list[tuple[str, Any]]) -> _Repetition | None:
    here = _repeated(members)
    inside = next(
        (
            f"{name}.{value.here}"
            for name, value in members
            if isinstance(value, _Repetition) and value.here is not None
        ),
        None,
    )
    return None if here is None and inside is None else _Repetition(here, inside)


def _repeated(members: list[tuple[str, Any]]) -> str | None:
    seen: set[str] = set()
    for name, _ in members:
        if name in seen:
            return name
        seen.add(name)
    return None
