"""JSON values as the types of a plugin's own code."""

from collections.abc import Callable
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

__all__ = ["Misfit", "typed"]


class Misfit(Exception):
    """A value is not of the type that is wanted: where, and what it is instead."""

    def __init__(self, path: str, fault: str) -> None:
        super().__init__(f"{path} {fault}".strip())
        self.path = path
        self.fault = fault

    def of(self, whole: str) -> str:
        """Return it as a sentence about ``whole``, such as ``the configuration``."""
        return f"{whole}'s {self.path} {self.fault}" if self.path else f"{whole} {self.fault}"


def typed(value: Any, kind: Any, path: str) -> Any:
    """Return ``value`` as ``kind``. Raises ``Misfit``, with the path to what does not fit."""
    origin = get_origin(kind) or kind
    if kind is Any:
        return value
    if origin in (Union, UnionType):
        return _of_union(value, get_args(kind), path)
    reader = _READERS.get(origin)
    if reader is not None:
        return reader(value, get_args(kind), path)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _of_enum(value, kind, path)
    if isinstance(kind, type) and is_dataclass(kind):
        return _of_dataclass(value, kind, path)
    raise TypeError(f"JSON cannot be read as {kind!r}")


def _of_union(value: Any, members: tuple[Any, ...], path: str) -> Any:
    if value is None and NoneType in members:
        return None
    named = [member for member in members if member is not NoneType]
    if len(named) != 1:
        raise TypeError(f"JSON cannot be read as one of {named!r}")
    return typed(value, named[0], path)


def _of_enum(value: Any, kind: type[Enum], path: str) -> Enum:
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(repr(member.value) for member in kind)
        raise Misfit(path, f"is {value!r}, not one of {known}") from None


def _of_dataclass(value: Any, kind: type, path: str) -> Any:
    if not isinstance(value, dict):
        raise _other(value, "object", path)
    hints = get_type_hints(kind)
    given = {}
    for field in fields(kind):
        place = f"{path}.{field.name}" if path else field.name
        if field.name in value:
            given[field.name] = typed(value[field.name], hints[field.name], place)
        elif _is_required(field):
            raise Misfit(place, "is not set")
    return kind(**given)


def _is_required(field: "Field[Any]") -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _of_list(value: Any, arguments: tuple[Any, ...], path: str) -> list[Any]:
    if not isinstance(value, list):
        raise _other(value, "list", path)
    element = arguments[0] if arguments else Any
    return [typed(each, element, f"{path}[{index}]") for index, each in enumerate(value)]


def _of_dict(value: Any, arguments: tuple[Any, ...], path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _other(value, "object", path)
    element = arguments[1] if arguments else Any
    return {name: typed(each, element, f"{path}.{name}") for name, each in value.items()}


def _of_float(value: Any, _: tuple[Any, ...], path: str) -> float:
    # JSON has one kind of number: 3 is written where 3.0 is meant.
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raise _other(value, "number", path)


def _of_int(value: Any, _: tuple[Any, ...], path: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise _other(value, "integer", path)


def _of_str(value: Any, _: tuple[Any, ...], path: str) -> str:
    if isinstance(value, str):
        return value
    raise _other(value, "text", path)


def _of_bool(value: Any, _: tuple[Any, ...], path: str) -> bool:
    if isinstance(value, bool):
        return value
    raise _other(value, "true or false", path)


def _other(value: Any, wanted: str, path: str) -> Misfit:
    found = "null" if value is None else type(value).__name__
    return Misfit(path, f"is {_WORDS.get(found, found)}, not {wanted}")


_READERS: dict[Any, Callable[[Any, tuple[Any, ...], str], Any]] = {
    list: _of_list,
    dict: _of_dict,
    float: _of_float,
    int: _of_int,
    str: _of_str,
    bool: _of_bool,
}
_WORDS = {
    "str": "text",
    "int": "a number",
    "float": "a number",
    "bool": "true or false",
    "dict": "an object",
    "list": "a list",
}
