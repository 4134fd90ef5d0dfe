"""WIT types and values of them, made up by hypothesis."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from wardian.sandbox.types import (
    BYTES,
    INTEGER_RANGES,
    EnumType,
    FlagsType,
    ListType,
    OptionType,
    Primitive,
    RecordType,
    ResultType,
    TupleType,
    VariantType,
    WitType,
)


def names(minimum: int = 1, maximum: int = 5) -> st.SearchStrategy[tuple[str, ...]]:
    some = st.from_regex(r"[a-z][a-z0-9]{0,6}(-[a-z][a-z0-9]{0,4})?", fullmatch=True)
    return st.lists(some, min_size=minimum, max_size=maximum, unique=True).map(tuple)


primitives = st.sampled_from(
    [Primitive(name) for name in ("bool", "f32", "f64", "char", "string", *INTEGER_RANGES)]
)


def compound(inner: st.SearchStrategy[WitType]) -> st.SearchStrategy[WitType]:
    maybe = st.none() | inner

    def fields(labels: tuple[str, ...]) -> st.SearchStrategy[tuple[tuple[str, WitType], ...]]:
        return st.tuples(*[st.tuples(st.just(label), inner) for label in labels])

    def cases(labels: tuple[str, ...]) -> st.SearchStrategy[Any]:
        return st.tuples(*[st.tuples(st.just(label), maybe) for label in labels])

    return st.one_of(
        inner.map(ListType),
        inner.map(OptionType),
        st.lists(inner, min_size=1, max_size=4).map(lambda e: TupleType(tuple(e))),
        names().flatmap(fields).map(RecordType),
        names().flatmap(cases).map(VariantType),
        names().map(EnumType),
        names(1, 20).map(FlagsType),
        st.tuples(maybe, maybe).map(lambda pair: ResultType(*pair)),
    )


wit_types: st.SearchStrategy[WitType] = st.recursive(primitives, compound, max_leaves=6)


def text() -> st.SearchStrategy[str]:
    return st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


def float32() -> st.SearchStrategy[float]:
    return st.floats(width=32, allow_nan=False)


PRIMITIVE_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "bool": st.booleans(),
    "f32": float32(),
    "f64": st.floats(allow_nan=False),
    "char": st.characters(exclude_categories=["Cs"]),
    "string": text(),
    **{name: st.integers(low, high) for name, (low, high) in INTEGER_RANGES.items()},
}


def case_values(cases: tuple[tuple[str, WitType | None], ...]) -> st.SearchStrategy[Any]:
    return st.one_of(
        *[
            (st.none() if kind is None else values(kind)).map(
                lambda val, name=name: {"tag": name, "val": val}
            )
            for name, kind in cases
        ]
    )


def option_values(payload: WitType) -> st.SearchStrategy[Any]:
    some = values(payload)
    if isinstance(payload, OptionType):
        some = some.map(lambda val: {"tag": "some", "val": val})
    return st.none() | some


def values(wit: WitType) -> st.SearchStrategy[Any]:  # noqa: C901 -- one case a type
    match wit:
        case Primitive(name):
            return PRIMITIVE_VALUES[name]
        case ListType(element):
            if wit == BYTES:
                return st.binary(max_size=40)
            return st.lists(values(element), max_size=6)
        case TupleType(elements):
            return st.tuples(*map(values, elements)).map(list)
        case RecordType(fields):
            return st.fixed_dictionaries({name: values(kind) for name, kind in fields})
        case VariantType(cases):
            return case_values(cases)
        case ResultType(ok, err):
            return case_values((("ok", ok), ("err", err)))
        case OptionType(payload):
            return option_values(payload)
        case EnumType(labels):
            return st.sampled_from(labels)
        case FlagsType(labels):
            return st.sets(st.sampled_from(labels)).map(
                lambda chosen: [label for label in labels if label in chosen]
            )
    raise AssertionError(wit)


def typed_values() -> st.SearchStrategy[tuple[WitType, Any]]:
    """Draw a type and a list of its values, as it crosses: of u8 it is bytes."""
    return wit_types.flatmap(lambda wit: st.tuples(st.just(wit), lists_of(wit)))


def lists_of(wit: WitType) -> st.SearchStrategy[Any]:
    """Draw a list of a type's values."""
    if wit == Primitive("u8"):
        return st.binary(max_size=4)
    return st.lists(values(wit), max_size=4)
