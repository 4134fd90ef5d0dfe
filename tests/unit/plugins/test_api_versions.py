"""Versions of the plugin API."""

from __future__ import annotations

import pytest

from wardian.errors import InvalidArguments, InvalidManifest
from wardian.plugins.api_versions import OFFERED, PluginAPIVersion, check_api_version
from wardian.worlds import contract


@pytest.mark.parametrize(
    ("text", "version"),
    [("1", (1, 0, 0)), ("1.2", (1, 2, 0)), ("1.2.3", (1, 2, 3)), ("10.0.41", (10, 0, 41))],
)
def test_what_is_left_out_is_zero(text: str, version: tuple[int, int, int]) -> None:
    assert PluginAPIVersion.parse(text) == PluginAPIVersion(*version)


@pytest.mark.parametrize(
    "text",
    ["", "0.1", "1.", "v1", "1.0.0.0", "1.0-rc.1", " 1", "1\n", "-1", "1.x", "٤", "9" * 5],
)
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(InvalidArguments, match=r"such as '1\.2\.0'"):
        PluginAPIVersion.parse(text)


def test_versions_are_compared_by_number_and_not_by_text() -> None:
    texts = ["2.0", "1.10", "1.9.9", "1.9", "10"]
    ordered = sorted(map(PluginAPIVersion.parse, texts))
    assert [str(each) for each in ordered] == ["1.9.0", "1.9.9", "1.10.0", "2.0.0", "10.0.0"]


@pytest.mark.parametrize(
    ("plugin", "host", "fits"),
    [
        ("1.0", "1.0.0", True),
        ("1.0.9", "1.0.0", True),
        ("1.2", "1.2.0", True),
        ("1.1", "1.2.0", True),
        ("1.3", "1.2.9", False),
        ("1.10", "1.9", False),
        ("2.0", "1.9", False),
        ("1.0", "2.0", False),
    ],
)
def test_a_plugin_fits_the_same_major_whose_minor_is_not_below_its_own(
    plugin: str, host: str, fits: bool
) -> None:
    asked = PluginAPIVersion.parse(plugin)
    assert asked.is_compatible_with(PluginAPIVersion.parse(host)) is fits


@pytest.mark.parametrize(
    ("asked", "advice"),
    [
        (
            "2.5",
            "Upgrade Wardian, or use a version of the plugin whose api_version is 2.4 or lower.",
        ),
        (
            "7.0",
            "Upgrade Wardian, or use a version of the plugin whose api_version is 3.0 or lower.",
        ),
        ("1.0", "Use a version of the plugin whose api_version is 2.x."),
    ],
)
def test_a_refusal_says_what_was_asked_what_is_offered_and_what_to_do(
    asked: str, advice: str
) -> None:
    offered = (PluginAPIVersion(2, 4, 1), PluginAPIVersion(3, 0, 0))
    with pytest.raises(InvalidManifest) as refused:
        check_api_version(asked, offered)
    assert refused.value.message == (
        f"The plugin needs version {asked} of the plugin API; this host offers 2.4.1 and 3.0.0. "
        f"{advice}"
    )
    assert refused.value.path == "api_version"
    check_api_version("2.4.9", offered)
    check_api_version("3", offered)


def test_what_is_offered_is_what_the_contracts_are() -> None:
    assert [str(each) for each in OFFERED] == [contract(each.major).version for each in OFFERED]
