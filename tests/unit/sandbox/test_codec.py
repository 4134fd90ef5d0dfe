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

from guests import echo, first, host_echo, host_first
from wardian.errors import GuestError, InvalidArguments
from wardian.sandbox import Component, LiveInstance, Sandbox
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
from wits import typed_values


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as made:
        yield made


thorough = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@lru_cache(maxsize=1)
def echo_imports() -> Imports:
    answers = {"echo": lambda given: given, "first": lambda given: given[0]}
    return Imports({"test:host/echo@1.0.0": answers})


@thorough
@given(case=typed_values())
def test_every_value_comes_back_equal(sandbox: Sandbox, case: tuple[WitType, Any]) -> None:
    wit, given_values = case
    component = sandbox.load(echo(wit))

    outcome = sandbox.call(component, "echo", {"values": given_values})

    assert outcome.result == given_values


@thorough
@given(case=typed_values())
def test_one_instance_answers_values_of_every_type_again_and_again(
    sandbox: Sandbox, case: tuple[WitType, Any]
) -> None:
    wit, given_values = case
    for guest in (first(wit), host_first(wit)):
        with sandbox.instance(sandbox.load(guest), imports=echo_imports()) as live:
            for value in given_values * 3:
                assert answered(wit, live, value) == value


def answered(wit: WitType, live: LiveInstance, value: Any) -> Any:
    """Pass one value through an instance; a function's result is taken apart on the way."""
    try:
        result = live.call("first", {"values": [value]}).result
    except GuestError as error:
        return {"tag": "err", "val": error.payload}
    return {"tag": "ok", "val": result} if isinstance(wit, ResultType) else result


@thorough
@given(case=typed_values())
def test_every_value_passes_through_a_host_function(
    sandbox: Sandbox, case: tuple[WitType, Any]
) -> None:
    wit, given_values = case
    component = sandbox.load(host_echo(wit))

    outcome = sandbox.call(component, "echo", {"values": given_values}, imports=echo_imports())

    assert outcome.result == given_values


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
