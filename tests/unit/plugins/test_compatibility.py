from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from wardian.plugins.compatibility import Advice, Kind, compare, next_version, reaches
from wardian.sandbox import Description, FunctionDescription, to_json
from wardian.sandbox.schema import schema_of
from wardian.sandbox.signatures import parse_signature
from wardian.sandbox.types import (
    EnumType,
    FunctionType,
    ListType,
    OptionType,
    Primitive,
    RecordType,
    ResultType,
    TupleType,
    VariantType,
    WitType,
    canonical,
)
from wits import values, wit_types

PAIR = "record {a: u8, b: u8}"


def described(*imports: str, **signatures: str) -> Description:
    functions = {
        name: FunctionDescription(name=name, signature=text, parameters={}, result={})
        for name, text in signatures.items()
    }
    return Description(
        digest="", size_bytes=0, imports=list(imports), exports=list(functions), functions=functions
    )


def differences(old: str, new: str) -> list[tuple[str, Kind, bool]]:
    found = compare(described(f=old), described(f=new))
    return [(change.place, change.kind, change.breaking) for change in found.changes]


@pytest.mark.parametrize(
    ("old", "new", "place", "kind", "breaking"),
    [
        ("func(a: u8)", "func(a: u32)", "a", Kind.WIDENED, False),
        ("func(a: u32)", "func(a: u8)", "a", Kind.NARROWED, True),
        ("func(a: u32)", "func(a: s32)", "a", Kind.CHANGED, True),
        ("func() -> u8", "func() -> u32", "result", Kind.WIDENED, True),
        ("func() -> u32", "func() -> u8", "result", Kind.NARROWED, False),
        ("func(a: u8)", "func(a: u8, b: u8)", "b", Kind.ADDED, True),
        ("func(a: u8)", "func(a: u8, b: option<u8>)", "b", Kind.ADDED, False),
        ("func(a: u8, b: option<u8>)", "func(a: u8)", "b", Kind.REMOVED, True),
        ("func(a: u8)", "func(a: option<u8>)", "a", Kind.WIDENED, False),
        ("func(a: option<u8>)", "func(a: u8)", "a", Kind.NARROWED, True),
        ("func() -> u8", "func() -> option<u8>", "result", Kind.WIDENED, True),
        ("func(a: option<u8>)", "func(a: option<option<u8>>)", "a", Kind.CHANGED, True),
        ("func(a: enum {x})", "func(a: enum {x, y})", "a", Kind.WIDENED, False),
        ("func(a: flags {x, y})", "func(a: flags {x})", "a", Kind.NARROWED, True),
        ("func() -> enum {x}", "func() -> enum {x, y}", "result", Kind.WIDENED, True),
        ("func() -> enum {x, y}", "func() -> enum {x}", "result", Kind.NARROWED, False),
        ("func(a: list<u8>)", "func(a: list<u16>)", "a", Kind.CHANGED, True),
        ("func(a: list<s8>)", "func(a: list<s16>)", "a[]", Kind.WIDENED, False),
        ("func(a: char)", "func(a: string)", "a", Kind.WIDENED, False),
        ("func() -> record {a: u8}", f"func() -> {PAIR}", "result.b", Kind.ADDED, False),
        (f"func() -> {PAIR}", "func() -> record {a: u8}", "result.b", Kind.REMOVED, True),
        ("func(r: record {a: u8})", "func(r: record {a: u8, b: u8})", "r.b", Kind.ADDED, True),
        ("func() -> variant {a: u8}", "func() -> variant {a: s64}", "result.a", Kind.WIDENED, True),
        ("func() -> u8", "func() -> result<u8, string>", "error", Kind.WIDENED, False),
        ("func() -> result<_, u8>", "func() -> result<_, s16>", "error", Kind.WIDENED, True),
        ("func()", "func() -> u8", "result", Kind.CHANGED, False),
        ("func() -> u8", "func()", "result", Kind.CHANGED, True),
    ],
)  # fmt: skip
def test_each_difference_is_named(
    old: str, new: str, place: str, kind: Kind, breaking: bool
) -> None:
    assert differences(old, new) == [(place, kind, breaking)]


def test_the_order_of_names_is_no_difference() -> None:
    assert differences("func(a: u8, b: enum {x, y})", "func(b: enum {y, x}, a: u8)") == []


def test_functions_and_imports_come_and_go() -> None:
    found = compare(
        described("acme:a", "acme:b", gone="func()", kept="func()"),
        described("acme:b", "acme:c", kept="func()", new="func()"),
    )
    assert [(c.subject, c.kind, c.breaking) for c in found.changes] == [
        ("gone", Kind.REMOVED, True),
        ("acme:a", Kind.REMOVED, False),
        ("acme:c", Kind.ADDED, False),
        ("new", Kind.ADDED, False),
    ]
    assert found.advice is Advice.MAJOR


def nearly(wit: WitType) -> st.SearchStrategy[WitType]:
    """Draw a type that differs from ``wit`` in a place or two, or not at all."""
    numbers = st.sampled_from([Primitive(name) for name in ("u8", "u16", "s64", "f64", "string")])
    other = st.just(wit) | numbers | st.just(OptionType(wit))
    match wit:
        case OptionType(inner):
            return other | st.just(inner) | nearly(inner).map(OptionType)
        case ListType(inner):
            return other | nearly(inner).map(ListType)
        case TupleType(elements):
            return other | st.tuples(*map(nearly, elements)).map(TupleType)
        case RecordType(fields):
            named = st.tuples(*[st.tuples(st.just(name), nearly(kind)) for name, kind in fields])
            more = st.sampled_from([(), (("zz-more", OptionType(Primitive("u8"))),)])
            return st.tuples(named, more).map(lambda pair: RecordType(pair[0] + pair[1]))
        case EnumType(labels):
            fewer = EnumType(labels[:-1] or labels)
            return st.sampled_from([wit, EnumType((*labels, "zz-more")), fewer])
        case VariantType(cases):
            return st.tuples(
                *[
                    st.tuples(st.just(name), st.none() if kind is None else nearly(kind))
                    for name, kind in cases
                ]
            ).map(VariantType)
        case ResultType(ok, err) if ok is not None and err is not None:
            return st.tuples(nearly(ok), nearly(err)).map(lambda pair: ResultType(*pair))
    return other


@settings(max_examples=400)
@given(st.data())
def test_what_is_not_breaking_breaks_no_value(data: st.DataObject) -> None:
    old = data.draw(wit_types.filter(lambda wit: not isinstance(wit, Primitive)))
    new = data.draw(nearly(old))
    written = [canonical(FunctionType((("a", each),), None)) for each in (old, new)]
    found = compare(described(f=written[0]), described(f=written[1]))
    assume(not found.breaking)

    value: Any = to_json(data.draw(values(old)))
    jsonschema_rs.validator_for(schema_of(new)).validate(value)


@given(st.data())
def test_a_type_is_compatible_with_itself(data: st.DataObject) -> None:
    text = canonical(FunctionType((("a", data.draw(wit_types)),), data.draw(wit_types)))
    assert parse_signature(text)
    assert differences(text, text) == []


@pytest.mark.parametrize(
    ("version", "advice", "expected"),
    [
        ("1.2.3", Advice.MAJOR, "2.0.0"),
        ("1.2.3", Advice.MINOR, "1.3.0"),
        ("1.2.3-rc.1+5", Advice.PATCH, "1.2.4"),
        ("0.2.3", Advice.MAJOR, "0.3.0"),
        ("0.2.3", Advice.MINOR, "0.2.4"),
    ],
)
def test_a_version_follows_from_the_changes(version: str, advice: Advice, expected: str) -> None:
    assert next_version(version, advice) == expected


def test_a_later_version_reaches_an_earlier() -> None:
    assert reaches("1.10.0", "1.9.9")
    assert reaches("2.0.0-rc.1", "2.0.0")
    assert not reaches("1.9.9", "1.10.0")
    assert not reaches("", "1.0.0")
