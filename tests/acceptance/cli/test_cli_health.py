"""Health of plugins on the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from commands import CommandLine
from guests import guest
from packages import package

MOOD = '[default_config]\nmood = "unhealthy"\n[health_check]\nfailure_threshold = 1\n'


@pytest.fixture
def moody(remote: CommandLine, tmp_path: Path) -> Iterator[CommandLine]:
    path = tmp_path / "moody.wardian"
    path.write_bytes(package("moody", guest("moods"), MOOD))
    remote.json("install", path)
    yield remote
    remote("uninstall", "moody", "--yes")


def test_an_unhealthy_plugin_is_told_and_sets_the_exit_status(moody: CommandLine) -> None:
    done = moody("health", "moody", "--json")
    assert done.code == 1
    assert (done.json["status"], done.json["detail"]) == ("unhealthy", "the disk is full")

    for_people = moody("health", "moody")
    assert for_people.code == 1
    assert for_people.out.startswith("moody is unhealthy: the disk is full")
    assert "state: degraded (its health check failed" in for_people.out


def test_a_healthy_plugin_exits_with_zero(moody: CommandLine) -> None:
    moody.json("config", "set", "moody", "mood=healthy")

    assert moody("health", "moody").out.startswith("moody is healthy.\n")


def test_show_and_list_tell_how_a_plugin_does(moody: CommandLine) -> None:
    moody("health", "moody")
    for function in ("fine", "fine", "fine", "fail"):
        moody("call", "moody", function)

    shown = moody("show", "moody").out
    assert "health: unhealthy: the disk is full" in shown
    assert "calls: 4, 1 of them failed; 75.0% succeeded" in shown
    (line,) = [line for line in moody("list").out.splitlines() if line.startswith("moody")]
    assert "unhealthy" in line


def test_what_cannot_be_checked_says_so(moody: CommandLine) -> None:
    moody.json("disable", "moody")

    assert moody.error("health", "moody")["type"] == "conflict"
    assert moody.error("health", "nobody")["type"] == "not-found"
