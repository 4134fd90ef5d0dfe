"""How much trust a plugin gets."""

from __future__ import annotations

import itertools

import pytest

from wardian.errors import InvalidManifest
from wardian.plugins import parse_manifest
from wardian.plugins.ceiling import LevelCeiling, stricter
from wardian.policy.levels import Level


def manifest(level: Level) -> bytes:
    return f'name = "a"\nversion = "1.0.0"\nsandbox_level = "{level}"'.encode()


def test_the_stricter_of_two_levels_is_the_one_that_trusts_less() -> None:
    ascending = [Level.TRUSTED, Level.STANDARD, Level.RESTRICTED, Level.ISOLATED]

    for one, other in itertools.product(ascending, repeat=2):
        assert ascending.index(stricter(one, other)) == max(
            ascending.index(one), ascending.index(other)
        )


@pytest.mark.parametrize("tenant", ["main", "acme"])
@pytest.mark.parametrize(("asked", "most"), list(itertools.product(Level, repeat=2)))
def test_a_manifest_gets_its_level_exactly_if_the_operator_allows_as_much(
    asked: Level, most: Level, tenant: str
) -> None:
    ceiling = LevelCeiling(level_max=most, default_tenant="main")
    allowed = stricter(asked, most) is asked and (asked is not Level.TRUSTED or tenant == "main")

    assert (ceiling.effective(asked, tenant) is asked) == allowed
    if allowed:
        ceiling.check(parse_manifest(manifest(asked)), tenant)
    else:
        with pytest.raises(InvalidManifest) as caught:
            ceiling.check(parse_manifest(manifest(asked)), tenant)
        assert caught.value.path == "sandbox_level"
        assert asked.value in caught.value.message


def test_a_refusal_says_what_is_allowed_and_how_to_change_it() -> None:
    with pytest.raises(InvalidManifest) as caught:
        LevelCeiling().check(parse_manifest(manifest(Level.TRUSTED)), "default")

    for part in ("'trusted'", "'standard' at most", "WARDIAN_LEVEL_MAX=trusted"):
        assert part in caught.value.message
