"""Versions and ranges of them."""

from __future__ import annotations

import itertools

import pytest

from wardian.plugins.versions import is_older, parse_range

# The example of semver.org, section 11.
ASCENDING = [
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "1.0.1",
    "1.1.0",
    "2.0.0",
    "10.0.0",
]


def test_versions_have_the_order_of_the_standard() -> None:
    for (low, one), (high, other) in itertools.product(enumerate(ASCENDING), repeat=2):
        assert is_older(one, other) == (low < high)
    assert not is_older("1.0.0+a", "1.0.0+b")


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("*", "0.0.1 1.0.0-rc.1 99.0.0", ""),
        ("^1.2", "1.2.0 1.9.9", "1.1.9 2.0.0 1.3.0-rc.1"),
        ("1.2", "1.2.0 1.9.9", "1.1.9 2.0.0"),
        ("^1.2.3", "1.2.3 1.3.0", "1.2.2 2.0.0"),
        ("^1", "1.0.0 1.9.0", "0.9.0 2.0.0"),
        ("^0.2", "0.2.0 0.2.9", "0.1.9 0.3.0 1.0.0"),
        ("^0.0.3", "0.0.3", "0.0.2 0.0.4"),
        ("^0.0", "0.0.0 0.0.9", "0.1.0"),
        ("^0", "0.0.0 0.9.0", "1.0.0"),
        ("~1.2.3", "1.2.3 1.2.9", "1.2.2 1.3.0"),
        ("~1.2", "1.2.0 1.2.9", "1.3.0"),
        ("~1", "1.0.0 1.9.0", "2.0.0"),
        ("=1.2.3", "1.2.3", "1.2.4 1.2.2"),
        ("=1.2", "1.2.0 1.2.9", "1.3.0"),
        (">=1.0, <2", "1.0.0 1.9.9", "0.9.9 2.0.0 2.0.0-rc.1"),
        (">1.2", "1.3.0 2.0.0", "1.2.0 1.2.9"),
        ("<=1.2", "1.2.9 0.0.1", "1.3.0"),
    ],
)
def test_a_range_takes_what_it_says(text: str, inside: str, outside: str) -> None:
    found = parse_range(text)

    assert [version for version in inside.split() if version not in found] == []
    assert [version for version in outside.split() if version in found] == []
    assert str(found) == text


@pytest.mark.parametrize("text", ["", "latest", "1.x", ">>1", "1.2.3.4", "1,,2"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no comparison"):
        parse_range(text)
