"""Events from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from commands import CommandLine, announced, command_process, serve_process, stop
from guests.handlers import handling


def test_an_event_is_published_listed_and_received(remote: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "rejects.wardian"
    path.write_bytes(handling("rejects", "cli.*"))
    remote.json("install", path, "--grant-all")
    try:
        remote.json("events", "pause", "rejects")
        event = remote.json("events", "publish", "cli.new", "--data", '"junk"', "--key", "k1")
        assert (event["type"], event["partitionkey"]) == ("cli.new", "k1")
        (listed,) = remote.json("events", "list", "--topic", "cli.*")["events"]
        assert listed == event
        shown = remote("events", "list", "--topic", "cli.*").out
        assert "cli.new" in shown
        assert '"junk"' in shown
        assert "paused" in remote("events", "subscribers").out

        remote.json("events", "resume", "rejects")
        letter = _dead(remote)
        assert "junk" in remote("events", "dead").out
        remote.json("events", "requeue", letter)
        assert _dead(remote) == letter
        remote.json("events", "discard", letter, "--yes")
        assert "no dead letters" in remote("events", "dead", "rejects").out
    finally:
        remote.json("uninstall", "rejects", "--yes")


def _dead(remote: CommandLine) -> str:
    """Wait for the one dead letter, and return its id."""
    while True:
        found = remote.json("events", "dead", "rejects")["dead_letters"]
        waiting = remote.json("events", "subscribers")
        if found and not any(each["queued"] for each in waiting):
            letter: str = found[0]["id"]
            return letter


def test_an_event_that_is_none_is_refused(remote: CommandLine) -> None:
    assert remote.error("events", "publish", "plugin.enabled")["type"] == "forbidden"
    assert remote.error("events", "publish", "x", "--data", "{")["type"] == "invalid-arguments"
    assert remote.error("events", "requeue", "nothing")["type"] == "not-found"


def test_who_follows_events_is_told_of_each_until_the_host_stops(
    wardian: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("--json", "--log-level", "warning", "--port", 0, "--data-dir", tmp_path / "state")
    with serve_process(*options) as server:
        found = announced(server)
        access = {"WARDIAN_URL": found["url"], "WARDIAN_API_KEY": found["bootstrap_key"]}
        for name, value in access.items():
            monkeypatch.setenv(name, value)
        wardian.json("events", "publish", "tail.new", "--data", "1")
        following = ("events", "tail", "--topic", "tail.*", "--after", 0, "--json")
        with command_process(*following, **access) as tail:
            assert tail.stdout is not None
            assert json.loads(tail.stdout.readline())["data"] == 1
            wardian.json("events", "publish", "tail.new", "--data", "2")
            assert json.loads(tail.stdout.readline())["data"] == 2

            assert stop(server) == (0, "")

            assert tail.wait(timeout=30) == 0
