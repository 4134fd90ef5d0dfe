"""WIT types as plain values: the model that codecs, schemas and audits share.

``canonical`` writes a type as text with every name resolved; two types are the same exactly
when their texts are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any


class WitType:
    """A type that the JSON mapping knows."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Primitive(WitType):
    """``bool``, the integers, ``f32``, ``f64``, ``char`` and ``string``, by their WIT name."""

    name: str


@dataclass(frozen=True, slots=True)
class ListType(WitType):
    """``list<T>``; ``list<u8>`` is bytes."""

    element: WitType


@dataclass(frozen=True, slots=True)
class RecordType(WitType):
    """Fields by name, in order."""

    fields: tuple[tuple[str, WitType], ...]


@dataclass(frozen=True, slots=True)
class TupleType(WitType):
    """Elements by position."""

    elements: tuple[WitType, ...]


@dataclass(frozen=True, slots=True)
class VariantType(WitType):
    """Cases by name, each with or without a payload."""

    cases: tuple[tuple[str, WitType | None], ...]


@dataclass(frozen=True, slots=True)
class EnumType(WitType):
    """Names, of which a value is one."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FlagsType(WitType):
    """Names, of which a value is a set."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OptionType(WitType):
    """A value or nothing."""

    payload: WitType


@dataclass(frozen=True, slots=True)
class ResultType(WitType):
    """A success or a failure, each with or without a payload."""

    ok: WitType | None
    err: WitType | None


@dataclass(frozen=True, slots=True)
class FunctionType:
    """Parameters by name, in order, and the result, if any."""

    parameters: tuple[tuple[str, WitType], ...]
    result: WitType | None


INTEGER_RANGES: dict[str, tuple[int, int]] = {
    "s8": (-(2**7), 2**7 - 1),
    "u8": (0, 2**8 - 1),
    "s16": (-(2**15), 2**15 - 1),
    "u16": (0, 2**16 - 1),
    "s32": (-(2**31), 2**31 - 1),
    "u32": (0, 2**32 - 1),
    "s64": (-(2**63), 2**63 - 1),
    "u64": (0, 2**64 - 1),
}

PRIMITIVES = frozenset({"bool", "f32", "f64", "char", "string", *INTEGER_RANGES})

BYTES = ListType(Primitive("u8"))


def canonical(wit: WitType | FunctionType | None) -> str:
    """Write a type as text that is equal exactly when the types are."""
    if wit is None:
        return "_"
    return _WRITERS[type(wit)](wit)


def _named(items: tuple[tuple[str, WitType | None], ...]) -> str:
    return ", ".join(name if wit is None else f"{name}: {canonical(wit)}" for name, wit in items)


def _write_function(wit: FunctionType) -> str:
    arrow = "" if wit.result is None else f" -> {canonical(wit.result)}"
    return f"func({_named(wit.parameters)}){arrow}"


_WRITERS: dict[type, Callable[[Any], str]] = {
    Primitive: lambda wit: wit.name,
    ListType: lambda wit: f"list<{canonical(wit.element)}>",
    RecordType: lambda wit: f"record {{{_named(wit.fields)}}}",
    TupleType: lambda wit: f"tuple<{', '.join(map(canonical, wit.elements))}>",
    VariantType: lambda wit: f"variant {{{_named(wit.cases)}}}",
    EnumType: lambda wit: f"enum {{{', '.join(wit.names)}}}",
    FlagsType: lambda wit: f"flags {{{', '.join(wit.names)}}}",
    OptionType: lambda wit: f"option<{canonical(wit.payload)}>",
    ResultType: lambda wit: f"result<{canonical(wit.ok)}, {canonical(wit.err)}>",
    FunctionType: _write_function,
}


def may_be_null(wit: WitType) -> bool:
    """Tell whether null is a value of this type in JSON, so that an option of it needs a tag."""
    return isinstance(wit, OptionType)


def names_in(wit: WitType | None) -> Iterator[str]:
    """Yield every name of a field, case or flag in a type."""
    for name, inner in _parts(wit):
        if name is not None:
            yield name
        yield from names_in(inner)


def _parts(wit: WitType | None) -> Iterable[tuple[str | None, WitType | None]]:
    match wit:
        case RecordType(parts) | VariantType(parts):
            return parts
        case EnumType(names) | FlagsType(names):
            return [(name, None) for name in names]
        case TupleType(elements):
            return [(None, element) for element in elements]
        case ListType(inner) | OptionType(inner):
            return [(None, inner)]
        case ResultType(ok, err):
            return [(None, ok), (None, err)]
    return ()
