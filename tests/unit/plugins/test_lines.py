"""The lines of a TOML text's values."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardian.plugins.lines import Lines

TEXT = '''# a comment = 1
name = "a # b"   # with a comment
description = """
[no.header]
"""
raw = '\\'
other = """"quoted""" # three and one
a . "b.c" . 'd' = [1, # one, two ]
  2, {x = 1, "\\u0079z" = [
  3]},

]
when = 1979-05-27 07:32:00 # a space in a value

[ table . "inner" ]
k = { }
e = []
[[list]]
q = 1
[[list]]
r = "]}"
[list.sub]
z = 5
[[list.deep]]
[[list.deep]]
y = 1
'''


@pytest.mark.parametrize(
    ("steps", "line"),
    [
        (["name"], 2),
        (["description"], 3),
        (["raw"], 6),
        (["other"], 7),
        (["a"], 8),
        (["a", "b.c", "d", 0], 8),
        (["a", "b.c", "d", 1], 9),
        (["a", "b.c", "d", 2, "x"], 9),
        (["a", "b.c", "d", 2, "yz", 0], 10),
        (["when"], 13),
        (["table", "inner"], 15),
        (["table", "inner", "e"], 17),
        (["list", 0], 18),
        (["list", 0, "q"], 19),
        (["list", 1, "r"], 21),
        (["list", 1, "sub", "z"], 23),
        (["list", 1, "deep", 1, "y"], 26),
        (["list", 1, "missing"], 20),
        (["missing", "too"], 1),
    ],
)
def test_every_value_has_its_line_and_what_is_missing_that_of_what_is_around_it(
    steps: list[str | int], line: int
) -> None:
    assert Lines(TEXT).at(steps) == line


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("name", 2),
        ("a.b.c.d[2].yz[0]", 10),
        ("table.inner.k", 16),
        ("list[1].sub.z", 23),
        ("list[1].missing", 20),
        ("list[7].q", 18),
        ("missing", None),
        ("[0]", None),
        ("", None),
        (".", None),
    ],
)
def test_a_written_path_leads_to_the_same_line(path: str, line: int | None) -> None:
    assert Lines(TEXT).of(path) == line


def test_carriage_returns_do_not_count() -> None:
    assert Lines(TEXT.replace("\n", "\r\n")).at(["list", 1, "deep", 1, "y"]) == 26


def paths(value: Any, steps: tuple[str | int, ...]) -> list[tuple[str | int, ...]]:
    inside: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        inside = list(value.items())
    elif isinstance(value, list):
        inside = list(enumerate(value))
    return [steps, *(each for step, inner in inside for each in paths(inner, (*steps, step)))]


KEYS = st.text(st.sampled_from('ab."\\\n= #]'), max_size=4)
VALUES = st.recursive(
    st.integers(0, 9) | st.text(st.sampled_from("a\"\\\n]},#'"), max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


def inline(value: Any) -> str:
    """Write a value in one line of TOML."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(k)}={inline(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(inline, value)) + " ]"
    return json.dumps(value)


@given(document=st.dictionaries(KEYS, VALUES, max_size=4))
def test_whatever_the_values_each_is_found_where_it_was_written(document: dict[str, Any]) -> None:
    text = "".join(f"\n# c\n{json.dumps(k)} = {inline(v)}\n" for k, v in document.items())
    assert tomllib.loads(text) == document
    lines = Lines(text)

    for number, name in enumerate(document):
        for steps in paths(document[name], (name,)):
            assert lines.at(steps) == 3 * number + 3


@given(text=st.text(st.sampled_from("a\"'\n=[]{},.# 1"), max_size=200))
def test_a_text_that_is_no_toml_is_scanned_to_its_end_too(text: str) -> None:
    assert Lines(text).at(["a"]) >= 1
