"""Two values side by side."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from wardian.policy.redaction import MARKER
from wardian.runtime.differences import alike, differences, shown


def found(before: Any, after: Any) -> list[tuple[str, str, Any, Any]]:
    return [
        (each.place, each.kind, each.before, each.after)
        for each in differences("result", before, after)
    ]


def test_each_difference_has_its_place() -> None:
    before = {"items": [{"price": 1}, {"price": 2}], "gone": 5, "same": [None]}
    after = {"items": [{"price": 1}, {"price": 3}, "more"], "same": [None], "new": b"\0"}

    assert found(before, after) == [
        ("result.items[1].price", "changed", 2, 3),
        ("result.items[2]", "added", None, "more"),
        ("result.gone", "removed", 5, None),
        ("result.new", "added", None, "AA=="),
    ]


@pytest.mark.parametrize(
    "value",
    [1, -(2**63), 2**64 - 1, 0.1, math.nan, -math.inf, "é", b"\xff", None, True, [], {}, [[{}]]],
)
def test_a_value_is_like_itself(value: Any) -> None:
    assert alike(value, value)
    assert alike({"a": [value]}, {"a": [value]})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (1, 1.0),
        (1, True),
        (0, False),
        (0.0, -0.0),
        (0.1, 0.1 + 2**-56),
        ("1", 1),
        ("a", b"a"),
        (None, False),
        ([], {}),
        ([1], [1, 1]),
        (math.nan, 0.0),
        (2**53, float(2**53)),
    ],
)
def test_what_only_looks_alike_is_not(before: Any, after: Any) -> None:
    assert not alike(before, after)
    assert not alike(after, before)


@pytest.mark.parametrize("after", ["anything", "", "x" * 1_000])
def test_a_marker_is_like_any_text(after: str) -> None:
    assert alike({"a": MARKER}, {"a": after})
    assert alike(MARKER.encode(), after.encode())


def test_a_marker_within_a_text_is_like_anything_within_the_same_text() -> None:
    before = f"user={MARKER}&key={MARKER}!"

    assert alike(before, "user=a&key=b!")
    assert alike(before, "user=&key=!")
    assert alike(before, before)
    for other in ("user=a&kex=b!", "user=a&key=b", "xuser=a&key=b!", "user=&key", "", "!"):
        assert not alike(before, other)
    assert not alike(MARKER, 5)
    assert not alike("user=a", f"user={MARKER}")


def test_what_is_shown_is_short_json_whatever_the_value() -> None:
    deep: Any = "end"
    for _ in range(100):
        deep = {"inner": [deep]}
    values = [
        "x" * 10**6,
        b"\0" * 10**6,
        list(range(10**6)),
        {str(number): "y" * 10**4 for number in range(1_000)},
        {"n" * 10**6: 1},
        [["z" * 1_000] * 100] * 100,
        deep,
        [math.nan, math.inf],
    ]

    for value in values:
        text = json.dumps(shown(value), allow_nan=False)
        assert len(text) < 20_000
    assert shown({"a": [1, "b", None, 2.5]}) == {"a": [1, "b", None, 2.5]}
    assert "more" in shown("x" * 1_000)


def test_a_place_is_short_too() -> None:
    deep: Any = {"n" * 500: {"m" * 500: {"o" * 500: {"p" * 500: 1}}}}

    (only,) = differences("result", deep, {"n" * 500: {"m" * 500: {"o" * 500: {"p" * 500: 2}}}})

    assert len(only.place) <= 300
