"""Values within a configuration by their paths: what is there, what changed, one set or taken away.

A path is the names that lead to a value; a list is one value, whatever is in it, and so is an empty
object.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from wardian.errors import InvalidArguments, NotFound
from wardian.storage.documents import path_of

Path = tuple[str, ...]


class Nothing:
    """Stands where there is no value; None is one."""


NOTHING: Final = Nothing()


def values_in(settings: Mapping[str, Any], before: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Go through the values of nested objects."""
    for name, value in settings.items():
        path = (*before, name)
        if isinstance(value, Mapping) and value:
            yield from values_in(value, path)
        else:
            yield path, value


def value_at(settings: Mapping[str, Any], path: Path) -> Any:
    """Return what is at a path, or the value before its end that leaves no more to follow.

    `NOTHING` if there is neither.
    """
    current: Any = settings
    for step in path:
        if not isinstance(current, Mapping):
            return current
        if step not in current:
            return NOTHING
        current = current[step]
    return current


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[Path, Any, Any]]:
    """Yield the path of each value that differs, and what it was and is; `NOTHING` for none."""
    was, now = dict(values_in(before)), dict(values_in(after))
    for path in sorted({*was, *now}):
        old, new = was.get(path, NOTHING), now.get(path, NOTHING)
        if not same(old, new):
            yield path, old, new


def with_value(settings: Mapping[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """Return ``settings`` with a value at ``path``, instead of what was there.

    Raises:
        InvalidArguments: what is before its end is no object.
    """
    name, *rest = path
    if not rest:
        return {**settings, name: value}
    inner = settings.get(name, {})
    if not isinstance(inner, Mapping):
        raise InvalidArguments(
            f"{path_of(path)} cannot be set: {name!r} is a value here and no object. Set it whole, "
            "or unset it first.",
            path=path_of(path),
        )
    return {**settings, name: with_value(inner, tuple(rest), value)}


def without(settings: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Return ``settings`` without what is at ``path``, and without objects that this empties.

    Raises:
        NotFound: there is nothing.
    """
    name, *rest = path
    if name not in settings or (rest and not isinstance(settings[name], Mapping)):
        raise NotFound(f"There is nothing at {path_of(path)!r}.")
    left = {each: value for each, value in settings.items() if each != name}
    if rest:
        inner = without(settings[name], tuple(rest))
        return {**settings, name: inner} if inner else left
    return left


def same(one: Any, other: Any) -> bool:
    """Compare as JSON does, in which true is not 1."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)
