"""Texts of paths and queries, as arguments."""

from __future__ import annotations

from typing import Any

import pytest

from wardian.errors import InvalidArguments
from wardian.runtime.served import value_of
from wardian.sandbox.description import FunctionDescription
from wardian.sandbox.schema import schema_of
from wardian.sandbox.types import (
    EnumType,
    FlagsType,
    ListType,
    OptionType,
    Primitive,
    RecordType,
    TupleType,
)

U32, TEXT = Primitive("u32"), Primitive("string")
LARGE = str(2**64 - 1)


def read(wit: Any, *texts: str) -> Any:
    function = FunctionDescription(
        name="f", signature="", parameters={"properties": {"x": schema_of(wit)}}, result={}
    )
    return value_of(function, "x", texts, "query.x")


@pytest.mark.parametrize(
    ("wit", "texts", "value"),
    [
        (TEXT, ["7"], "7"),
        (TEXT, [""], ""),
        (U32, ["7"], 7),
        (Primitive("s64"), ["-7"], -7),
        (Primitive("u64"), [LARGE], int(LARGE)),
        (Primitive("f64"), ["1.5e3"], 1500.0),
        (Primitive("f64"), ["NaN"], "NaN"),
        (Primitive("bool"), ["true"], True),
        (Primitive("char"), ["ü"], "ü"),
        (EnumType(("red", "green")), ["red"], "red"),
        (OptionType(U32), ["7"], 7),
        (OptionType(TEXT), ["null"], "null"),
        (ListType(U32), ["1", "2"], [1, 2]),
        (ListType(TEXT), ["a"], ["a"]),
        (OptionType(ListType(U32)), ["1"], [1]),
        (FlagsType(("a", "b")), ["a", "b"], ["a", "b"]),
        (ListType(Primitive("u8")), ["AAE="], "AAE="),
        (RecordType((("n", U32),)), ['{"n": 1}'], {"n": 1}),
        (TupleType((U32, TEXT)), ['[1, "a"]'], [1, "a"]),
    ],
)
def test_a_text_is_what_the_schema_says(wit: Any, texts: list[str], value: Any) -> None:
    found = read(wit, *texts)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("wit", "texts"),
    [
        (U32, ["7.0"]),
        (U32, ["0x7"]),
        (U32, [" 7"]),
        (U32, ["٧"]),
        (U32, ["1", "2"]),
        (U32, ["9" * 1_000]),
        (Primitive("f64"), ["1e999"]),
        (Primitive("f64"), ["nan"]),
        (Primitive("f64"), ["1_0"]),
        (Primitive("bool"), ["True"]),
        (Primitive("bool"), ["1"]),
        (EnumType(("red",)), ["blue"]),
        (ListType(U32), ["1", "x"]),
        (RecordType((("n", U32),)), ['{"n": 1, "n": 2}']),
        (RecordType((("n", U32),)), ["[" * 10_000]),
        (TupleType((U32, TEXT)), ["1", "a"]),
    ],
)
def test_a_text_that_is_nothing_of_it_is_refused(wit: Any, texts: list[str]) -> None:
    with pytest.raises(InvalidArguments) as caught:
        read(wit, *texts)
    assert caught.value.path == "query.x"
    assert len(caught.value.message) < 500
