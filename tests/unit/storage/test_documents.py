"""Strict JSON."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardian.errors import InvalidArguments
from wardian.storage.documents import check_json, dump_json, parse_json, path_of

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_every_json_value_survives_writing_and_reading(value: object) -> None:
    check_json(value)

    assert parse_json(dump_json(value), max_bytes=1_000_000) == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("NaN", "NaN is not a JSON number"),
        ("[-Infinity]", "-Infinity"),
        ('{"a":1,"a":2}', "same name twice"),
        ('"\\ud800"', "lone surrogate"),
        ('{"\\udfff":1}', "no text"),
        ("[" * 100_000, "nested"),
        ("[" * 100 + "]" * 100, "nested deeper"),
        ("9" * 5000, "not JSON"),
        ("18446744073709551616", "64 bits"),
        ("1e999", "finite"),
        ('"' + "é" * 50 + '"', "longer than 100 bytes"),
    ],
)
def test_what_is_not_strict_json_is_refused_with_a_reason(text: str, reason: str) -> None:
    most = 100 if "é" in text else 1_000_000

    with pytest.raises(InvalidArguments, match=reason):
        parse_json(text, max_bytes=most)


def test_a_fault_is_named_by_its_path() -> None:
    with pytest.raises(InvalidArguments) as caught:
        check_json({"a": [1, {"b": float("nan")}]})

    assert caught.value.path == ".a[1].b".removeprefix(".")


def test_paths_read_like_code() -> None:
    assert path_of(["permissions", 0, "reason"]) == "permissions[0].reason"


def test_a_long_name_above_many_values_costs_no_memory_for_each() -> None:
    tracemalloc.start()
    try:
        check_json({"n" * 30_000: [1] * 10_000})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 10_000_000
