"""Versions and ranges of them."""

from __future__ import annotations

import itertools

import pytest

from wardian.plugins.versions import check_revoked_versions, is_among, is_older, parse_range

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


@pytest.mark.parametrize(
    ("revoked", "version", "among"),
    [
        ("*", "1.0.0", True),
        ("*", "1.0.0-rc.1", True),
        ("1.2.3", "1.2.3", True),
        ("1.2.3", "1.2.3+build.7", True),
        ("1.2.3", "1.2.4", False),
        ("1.2.3", "1.2.3-rc.1", False),
        ("1.2.3-rc.1", "1.2.3-rc.1", True),
        ("1.2.3-rc.1", "1.2.3", False),
        (">=1.0, <1.3", "1.2.9", True),
        (">=1.0, <1.3", "1.3.0", False),
        (">=1.0, <1.3", "1.2.0-beta", True),
        ("^1.2", "1.9.9-beta+5", True),
        ("~1.2", "1.3.0", False),
    ],
)
def test_a_revocation_means_exactly_a_version_or_a_range_with_its_pre_releases(
    revoked: str, version: str, among: bool
) -> None:
    assert is_among(version, check_revoked_versions(revoked)) is among


@pytest.mark.parametrize("text", ["", "1.x", "latest", ">=", ">=1.0 <2", "1.2.3.4", "**"])
def test_what_names_no_versions_revokes_none(text: str) -> None:
    with pytest.raises(ValueError, match="comparison"):
        check_revoked_versions(text)
