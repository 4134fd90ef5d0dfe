"""Whether a value is of a WIT type, as the bindings annotate it.

Only what surely ends the call counts as a misfit: the widths of integers, which an annotation does
not tell, are not looked at, and a record may be anything with the record's fields.
"""

from dataclasses import fields, is_dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from componentize_py_types import Some

_LOWEST, _BEYOND = -(2**63), 2**64


def misfit(value: Any, annotation: Any, path: str = "it") -> str | None:
    """Say where ``value`` is not what ``annotation`` declares; None if it is."""
    origin = get_origin(annotation)
    if annotation is None or annotation is NoneType:
        return None
    if origin is list:
        return _in_list(value, get_args(annotation)[0], path)
    if origin is tuple:
        return _in_tuple(value, get_args(annotation), path)
    if origin in (Union, UnionType):
        return _in_union(value, get_args(annotation), path)
    if isinstance(annotation, type):
        return _in_class(value, annotation, path)
    return None


def _in_class(value: Any, kind: type, path: str) -> str | None:
    if kind is int:
        if not isinstance(value, int):
            return _other(value, "int", path)
        return None if _LOWEST <= value < _BEYOND else f"{path} has more than 64 bits"
    if kind is float:
        return None if isinstance(value, float | int) else _other(value, "float", path)
    if kind is str:
        return _in_str(value, path)
    if kind in (bool, bytes) or issubclass(kind, Enum):
        return None if isinstance(value, kind) else _other(value, kind.__name__, path)
    if is_dataclass(kind):
        return _in_record(value, kind, path)
    return None


def _in_str(value: Any, path: str) -> str | None:
    if not isinstance(value, str):
        return _other(value, "str", path)
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return f"{path} has half of a surrogate pair, which is no character"
    return None


def _in_list(value: Any, element: Any, path: str) -> str | None:
    if not isinstance(value, list):
        return _other(value, "list", path)
    for index, each in enumerate(value):
        fault = misfit(each, element, f"{path}[{index}]")
        if fault is not None:
            return fault
    return None


def _in_tuple(value: Any, elements: tuple[Any, ...], path: str) -> str | None:
    if not isinstance(value, tuple) or len(value) != len(elements):
        return _other(value, f"tuple of {len(elements)}", path)
    for index, (each, element) in enumerate(zip(value, elements, strict=True)):
        fault = misfit(each, element, f"{path}[{index}]")
        if fault is not None:
            return fault
    return None


def _in_union(value: Any, members: tuple[Any, ...], path: str) -> str | None:
    """An option has None among its members, a variant has its cases."""
    if value is None and NoneType in members:
        return None
    named = [member for member in members if member is not NoneType]
    if len(named) == 1:
        return misfit(value, named[0], path)
    kinds = tuple(get_origin(member) or member for member in named)
    if Some in kinds or not all(isinstance(kind, type) for kind in kinds):
        return None
    for kind in kinds:
        if isinstance(value, kind):
            return misfit(value, kind, path)
    return _other(value, " or ".join(kind.__name__ for kind in kinds), path)


def _in_record(value: Any, kind: type, path: str) -> str | None:
    for field in fields(kind):
        if not hasattr(value, field.name):
            return f"{_other(value, kind.__name__, path)} and has no {field.name!r}"
        fault = misfit(getattr(value, field.name), field.type, f"{path}.{field.name}")
        if fault is not None:
            return fault
    return None


def _other(value: Any, declared: str, path: str) -> str:
    return f"{path} is {type(value).__name__}, not {declared}"
