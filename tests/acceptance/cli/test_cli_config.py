"""`wardian config`: of a plugin, and tenant-wide."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from commands import CommandLine
from configurable import CANARY, WEATHER, configurable
from guests import guest

DEFAULTS = {"units": "metric", "limits": {"daily": 10}}


@pytest.fixture
def weather(remote: CommandLine, tmp_path: Path) -> Iterator[CommandLine]:
    path = tmp_path / "weather.wardian"
    path.write_bytes(configurable(WEATHER, guest("memory")))
    remote.json("install", path)
    yield remote
    remote.json("uninstall", "weather", "--yes")
    remote.json("config", "set", "--tenant-wide", "--replace", "{}")


def test_values_are_set_in_layers_read_and_taken_away(weather: CommandLine) -> None:
    assert weather.json("config", "get", "weather") == DEFAULTS
    changed = weather.json("config", "set", "weather", "limits.daily=5", "region=eu")
    assert changed == {**DEFAULTS, "limits": {"daily": 5}, "region": "eu"}
    weather.json("config", "set", "weather", "--layer", "runtime", "region=us")

    assert weather.json("config", "get", "weather", "region") == {"region": "us"}
    assert weather.json("config", "get", "weather", "limits.daily") == {"limits.daily": 5}
    assert weather.json("config", "get", "weather", "--layer", "runtime") == {"region": "us"}
    other = ("--layer", "environment", "--environment", "staging")
    weather.json("config", "set", "weather", *other, "region=st")
    assert weather.json("config", "get", "weather", *other) == {"region": "st"}
    back = weather.json("config", "unset", "weather", "region", "--layer", "runtime")
    assert back["region"] == "eu"
    assert weather.error("config", "unset", "weather", "names")["type"] == "not-found"
    assert weather.error("config", "unset", "weather")["type"] == "invalid-arguments"


def test_what_does_not_fit_is_refused_and_can_be_asked_for_before(weather: CommandLine) -> None:
    refused = weather.error("config", "set", "weather", "units=kelvin")
    assert (refused["type"], refused["path"]) == ("invalid-arguments", "units")
    secret = weather.error("config", "set", "weather", f"token={CANARY}")
    assert "wardian credential set" in secret["detail"]
    assert CANARY not in str(secret)

    judged = weather("config", "validate", "weather", "units=kelvin", "--json")
    assert (judged.code, judged.json["valid"]) == (1, False)
    good = weather("config", "validate", "weather", "region=eu", "api_key=x")
    assert (good.code, "This is valid" in good.out) == (0, True)
    assert "api_key has the name of a secret" in good.err
    warned = weather("config", "set", "weather", "api_key=x")
    assert "api_key has the name of a secret" in warned.err


def test_it_is_explained_listed_and_taken_back(weather: CommandLine) -> None:
    weather.json("config", "set", "weather", "limits.daily=5", "--note", "fewer")
    weather.json("config", "set", "weather", "--replace", '{"region": "eu"}')

    explained = weather.json("config", "explain", "weather")
    assert {each["key"]: each["layer"] for each in explained["values"]} == {
        "limits.daily": "defaults",
        "region": "user",
        "units": "defaults",
    }
    shown = weather("config", "explain", "weather").out
    assert "production, version 2" in shown
    assert "region" in shown
    history = weather.json("config", "history", "weather")["entries"]
    assert [entry["note"] for entry in history] == ["", "fewer"]
    people = weather("config", "history", "weather").out
    assert "fewer" in people
    assert "limits.daily" in people
    stale = weather.error("config", "revert", "weather", history[1]["id"], "--version", 1)
    assert stale["type"] == "conflict"
    back = weather.json("config", "revert", "weather", history[1]["id"], "--version", 2)
    assert back["limits"] == {"daily": 5}


def test_tenant_wide_values_have_no_plugin_s_name(weather: CommandLine) -> None:
    assert weather.json("config", "set", "--tenant-wide", "region=eu") == {"region": "eu"}
    assert weather.json("config", "get", "--tenant-wide") == {"region": "eu"}
    assert weather.json("config", "get", "weather", "region") == {"region": "eu"}
    assert "weather" in weather.error("config", "set", "--tenant-wide", "region=long")["detail"]
    (value,) = weather.json("config", "explain", "--tenant-wide")["values"]
    assert value["scope"] == "tenant"
    assert weather.json("config", "history", "--tenant-wide")["entries"]
    assert weather.json("config", "unset", "--tenant-wide", "region") == {}
    reloaded = weather("config", "reload")
    assert (reloaded.code, "WARDIAN_CONFIG_DIR" in reloaded.out) == (0, True)


@pytest.mark.parametrize("command", ["get", "set", "unset", "validate", "explain", "history"])
def test_without_a_name_a_command_says_what_it_takes(wardian: CommandLine, command: str) -> None:
    done = wardian("config", command)

    assert done.code == 2
    assert "--tenant-wide" in done.err
