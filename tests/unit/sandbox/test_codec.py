"""Every type crosses in both directions and comes back the same."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from guests import echo, host_echo
from wardian.errors import InvalidArguments
from wardian.sandbox import Component, Sandbox
from wardian.sandbox.linker import Imports
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


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as made:
        yield made


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


def typed_values() -> st.SearchStrategy[tuple[WitType, list[Any]]]:
    return wit_types.flatmap(lambda wit: st.tuples(st.just(wit), st.lists(values(wit), max_size=4)))


thorough = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def expected(wit: WitType, given_values: list[Any]) -> Any:
    """A list of u8 comes back as bytes."""
    return bytes(given_values) if wit == Primitive("u8") else given_values


@lru_cache(maxsize=1)
def echo_imports() -> Imports:
    return Imports({"test:host/echo@1.0.0": {"echo": lambda given: given}})


@thorough
@given(case=typed_values())
def test_every_value_comes_back_equal(sandbox: Sandbox, case: tuple[WitType, list[Any]]) -> None:
    wit, given_values = case
    component = sandbox.load(echo(wit))

    outcome = sandbox.call(component, "echo", {"values": given_values})

    assert outcome.result == expected(wit, given_values)


@thorough
@given(case=typed_values())
def test_every_value_passes_through_a_host_function(
    sandbox: Sandbox, case: tuple[WitType, list[Any]]
) -> None:
    wit, given_values = case
    component = sandbox.load(host_echo(wit))

    outcome = sandbox.call(component, "echo", {"values": given_values}, imports=echo_imports())

    assert outcome.result == expected(wit, given_values)


def load_echo(sandbox: Sandbox, wit: WitType) -> Component:
    return sandbox.load(echo(wit))


@pytest.mark.parametrize("name", sorted(INTEGER_RANGES))
def test_an_integer_one_past_its_range_is_refused(sandbox: Sandbox, name: str) -> None:
    component = load_echo(sandbox, TupleType((Primitive(name),)))
    for past in (INTEGER_RANGES[name][0] - 1, INTEGER_RANGES[name][1] + 1, 2**70):
        with pytest.raises(InvalidArguments) as caught:
            sandbox.call(component, "echo", {"values": [[past]]})

        assert caught.value.path == "values[0][0]"


@pytest.mark.parametrize("name", sorted(INTEGER_RANGES.keys() - {"u8"}))
def test_a_list_of_integers_names_the_element_that_does_not_fit(
    sandbox: Sandbox, name: str
) -> None:
    component = load_echo(sandbox, ListType(Primitive(name)))
    wrong: list[Any] = [1, 2, INTEGER_RANGES[name][1] + 1]
    for bad in (wrong, [1, True], [1, 2.0], [1, None]):
        with pytest.raises(InvalidArguments) as caught:
            sandbox.call(component, "echo", {"values": [bad]})

        assert caught.value.path == f"values[0][{len(bad) - 1}]"


@pytest.mark.parametrize(
    ("wit", "value"),
    [
        (Primitive("bool"), 1),
        (Primitive("bool"), "true"),
        (Primitive("u32"), True),
        (Primitive("u32"), 1.0),
        (Primitive("u32"), "1"),
        (Primitive("s64"), "1.5"),
        (Primitive("s64"), "٣"),
        (Primitive("s64"), "9" * 30),
        (Primitive("f64"), "1.0"),
        (Primitive("f64"), True),
        (Primitive("f64"), 10**400),
        (Primitive("f32"), 1e300),
        (ListType(Primitive("f32")), [1.0, 1e300]),
        (Primitive("char"), ""),
        (Primitive("char"), "ab"),
        (Primitive("char"), "\ud800"),
        (Primitive("string"), b"x"),
        (Primitive("string"), "a\udfffb"),
        (BYTES, "not base64!"),
        (BYTES, [1, 2]),
        (ListType(Primitive("string")), "ab"),
        (TupleType((Primitive("u8"), Primitive("u8"))), [1]),
        (RecordType((("a", Primitive("u8")),)), [1]),
        (RecordType((("a", Primitive("u8")),)), {"a": 1, "b": 2}),
        (RecordType((("a", Primitive("u8")),)), {}),
        (VariantType((("x", None),)), "x"),
        (VariantType((("x", None),)), {"tag": "y"}),
        (VariantType((("x", None),)), {"tag": "x", "val": 1}),
        (VariantType((("x", None),)), {"tag": ["x"]}),
        (EnumType(("x",)), "y"),
        (EnumType(("x",)), ["x"]),
        (FlagsType(("x",)), ["y"]),
        (FlagsType(("x",)), "x"),
        (OptionType(OptionType(Primitive("u8"))), 1),
        (ResultType(None, None), {"val": None}),
    ],
)
def test_what_does_not_fit_its_type_is_refused_before_wasm_is_entered(
    sandbox: Sandbox, wit: WitType, value: Any
) -> None:
    component = load_echo(sandbox, TupleType((wit,)))

    with pytest.raises(InvalidArguments) as caught:
        sandbox.call(component, "echo", {"values": [[value]]})

    assert caught.value.path is not None
    assert caught.value.path.startswith("values[0][0]")


def test_an_unknown_name_beside_an_omitted_option_is_refused(sandbox: Sandbox) -> None:
    record = RecordType((("a", OptionType(Primitive("u8"))), ("b", Primitive("u8"))))
    component = load_echo(sandbox, record)

    with pytest.raises(InvalidArguments, match="is unknown"):
        sandbox.call(component, "echo", {"values": [{"b": 1, "c": 2}]})


def test_an_omitted_option_is_none(sandbox: Sandbox) -> None:
    record = RecordType((("a", OptionType(Primitive("u8"))), ("b", Primitive("u8"))))
    component = load_echo(sandbox, record)

    outcome = sandbox.call(component, "echo", {"values": [{"b": 1}]})

    assert outcome.result == [{"a": None, "b": 1}]


def test_wide_integers_are_accepted_as_text(sandbox: Sandbox) -> None:
    component = load_echo(sandbox, Primitive("u64"))

    outcome = sandbox.call(component, "echo", {"values": ["18446744073709551615", 1]})

    assert outcome.result == [2**64 - 1, 1]


def test_bytes_are_accepted_as_base64(sandbox: Sandbox) -> None:
    component = load_echo(sandbox, BYTES)

    assert sandbox.call(component, "echo", {"values": ["AAEC", b"x"]}).result == [
        b"\0\1\2",
        b"x",
    ]


@pytest.mark.parametrize("name", ["f32", "f64"])
def test_not_a_number_and_the_infinities_cross(sandbox: Sandbox, name: str) -> None:
    component = load_echo(sandbox, TupleType((Primitive(name),)))

    given_values = [[math.nan], ["NaN"], [math.inf], ["-Infinity"], [-0.0]]
    result = [row[0] for row in sandbox.call(component, "echo", {"values": given_values}).result]

    assert math.isnan(result[0])
    assert math.isnan(result[1])
    assert result[2:4] == [math.inf, -math.inf]
    assert struct.pack("<d", result[4]) == struct.pack("<d", -0.0)


@pytest.mark.parametrize("count", [0, 1, 65_536, 1_000_000])
def test_lists_of_any_length_cross(sandbox: Sandbox, count: int) -> None:
    component = load_echo(sandbox, Primitive("u8"))
    data = bytes(i & 255 for i in range(count))

    assert sandbox.call(component, "echo", {"values": data}).result == data


@settings(max_examples=30, deadline=None)
@given(value=st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_whatever_the_arguments_are_the_answer_is_a_result_or_a_clear_error(
    sandbox: Sandbox, value: Any
) -> None:
    component = load_echo(sandbox, Primitive("string"))
    try:
        outcome = sandbox.call(component, "echo", {"values": value})
    except InvalidArguments:
        assume(True)
    else:
        assert outcome.result == value
