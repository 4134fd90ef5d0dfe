"""``wardian_sdk.config``: values as the types that a plugin wants them in."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from types import ModuleType
from typing import Any

import pytest

pytestmark = pytest.mark.toolchain

VALUES = {
    "units": "metric",
    "hours": 12,
    "ratio": 3,
    "exact": True,
    "nothing": None,
    "limits": {"daily": 100},
    "rules": [{"label": "bug", "keywords": ["crash"]}, {"label": "docs"}],
    "weights": {"a": 1, "b": 0.5},
}


class Units(Enum):
    METRIC = "metric"
    IMPERIAL = "imperial"


@dataclass(frozen=True)
class Rule:
    label: str
    keywords: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Limits:
    daily: int


@dataclass(frozen=True)
class Whole:
    units: Units
    hours: int
    ratio: float
    limits: Limits
    rules: list[Rule]
    weights: dict[str, float]
    nothing: str | None
    absent: str | None = None


@pytest.fixture
def config(
    sdk: Callable[[str], ModuleType],
    refusal: Callable[[str, str], Exception],
    monkeypatch: pytest.MonkeyPatch,
) -> Any:
    host = sdk("wit_world.imports.config")

    def get(key: str) -> str:
        value: Any = VALUES
        for part in key.split("."):
            if part not in value:
                raise refusal("NotFound", f"No layer sets {key!r}.")
            value = value[part]
        return json.dumps(value)

    monkeypatch.setattr(host, "get", get)
    monkeypatch.setattr(host, "get_all", lambda: json.dumps(VALUES))
    return sdk("config")


@pytest.fixture
def kinds(sdk: Callable[[str], ModuleType]) -> Any:
    return sdk("wardian_sdk")


def test_a_value_is_found_at_its_key_or_is_the_default(config: Any, kinds: Any) -> None:
    assert config.get("limits.daily") == 100
    assert config.get("limits.weekly", 700) == 700
    assert config.get("limits.weekly", None) is None
    with pytest.raises(kinds.NotFound, match=r"limits\.weekly"):
        config.get("limits.weekly")


@pytest.mark.parametrize(
    ("key", "kind", "value"),
    [
        ("limits.daily", int, 100),
        ("hours", float, 12.0),
        ("units", str, "metric"),
        ("units", Units, Units.METRIC),
        ("exact", bool, True),
        ("limits", Limits, Limits(100)),
        ("rules", list, VALUES["rules"]),
        ("rules", list[Rule], [Rule("bug", ["crash"]), Rule("docs")]),
        ("weights", dict[str, float], {"a": 1.0, "b": 0.5}),
        ("nothing", str | None, None),
    ],
)
def test_a_value_is_had_as_a_type(config: Any, key: str, kind: Any, value: object) -> None:
    found = config.get(key, type=kind)

    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("key", "kind", "fault"),
    [
        ("units", int, "the configuration's units is text, not integer"),
        ("exact", int, "the configuration's exact is true or false, not integer"),
        ("exact", float, "the configuration's exact is true or false, not number"),
        ("hours", str, "the configuration's hours is a number, not text"),
        ("hours", bool, "the configuration's hours is a number, not true or false"),
        ("nothing", str, "the configuration's nothing is null, not text"),
        ("weights", dict[str, int], "the configuration's weights.b is a number, not integer"),
        ("rules", list[str], "the configuration's rules[0] is an object, not text"),
        ("limits", Rule, "the configuration's limits.label is not set"),
        ("rules", Limits, "the configuration's rules is a list, not object"),
        ("hours", Units, "the configuration's hours is 12, not one of 'metric', 'imperial'"),
        ("weights", list, "the configuration's weights is an object, not list"),
        ("units", dict, "the configuration's units is text, not object"),
    ],
)
def test_a_value_of_another_type_is_told_with_its_path(
    config: Any, kinds: Any, key: str, kind: Any, fault: str
) -> None:
    with pytest.raises(kinds.Invalid) as caught:
        config.get(key, type=kind)

    assert str(caught.value) == fault


def test_the_whole_is_a_dataclass_and_what_it_does_not_have_is_left_out(config: Any) -> None:
    assert config.load(Whole) == Whole(
        units=Units.METRIC,
        hours=12,
        ratio=3.0,
        limits=Limits(100),
        rules=[Rule("bug", ["crash"]), Rule("docs")],
        weights={"a": 1.0, "b": 0.5},
        nothing=None,
    )
    assert config.get_all() == VALUES


@pytest.mark.parametrize("kind", [set, str | int, object])
def test_a_type_that_nothing_can_be_read_as_is_a_mistake_of_the_author(
    config: Any, kind: Any
) -> None:
    with pytest.raises(TypeError, match="cannot be read"):
        config.get("hours", type=kind)
