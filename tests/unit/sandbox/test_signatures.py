import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardian.sandbox.signatures import parse_signature
from wardian.sandbox.types import FunctionType, canonical
from wits import names, wit_types

functions = names(0, 4).flatmap(
    lambda labels: st.builds(
        FunctionType,
        st.tuples(*[st.tuples(st.just(label), wit_types) for label in labels]),
        st.none() | wit_types,
    )
)


@given(functions)
def test_what_is_written_is_read_back(function: FunctionType) -> None:
    assert parse_signature(canonical(function)) == function


@pytest.mark.parametrize(
    "text",
    [
        *("", "func", "func(", "func(a)", "func(a: u7)", "func() -> list<_>"),
        *("func() -> list<u8, u8>", "func() u8", "func() -> u8 u8", "record {a: u8}"),
        *("func() -> record {a}", "func() -> _", "func() -> enum<a>", "func() -> list {a}"),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="type"):
        parse_signature(text)
