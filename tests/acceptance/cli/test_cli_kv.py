"""What plugins keep, from the command line."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands import CommandLine
from guests import guest
from packages import package

ASKING = """
[[permissions]]
permission = "kv:read"
reason = "Reads what it keeps."

[[permissions]]
permission = "kv:write"
reason = "Keeps what it is given."
"""


@pytest.fixture
def keeper(remote: CommandLine, tmp_path: Path) -> Iterator[CommandLine]:
    """The command line of a host where a plugin keeps something."""
    path = tmp_path / "keeper.wardian"
    path.write_bytes(package("keeper", guest("compartments"), ASKING))
    remote.json("install", path, "--grant-all")
    for namespace, key, value in (("a", "x/1", "one\x1b[2J"), ("a", "x/2", "two"), ("b", "k", "v")):
        arguments = {"namespace": namespace, "key": key, "value": value}
        remote.json("call", "keeper", "put", "--args", json.dumps(arguments))
    yield remote
    remote.json("uninstall", "keeper", "--yes")


def test_a_store_is_shown_for_people_and_programs(keeper: CommandLine) -> None:
    shown = keeper("kv", "show", "keeper").out
    assert "in 3 of 100,000 keys" in shown
    assert "(nameless)" in shown
    assert keeper.json("kv", "show", "keeper")["used_keys"] == 3

    page = keeper.json("kv", "keys", "keeper", "--namespace", "a", "--limit", 1)
    assert [each["key"] for each in page["keys"]] == ["x/1"]
    assert "--after x/1" in keeper("kv", "keys", "keeper", "-n", "a", "--limit", 1).err
    assert "x/2" in keeper("kv", "keys", "keeper", "-n", "a", "--after", "x/1").out
    assert keeper("kv", "keys", "keeper").out == "There are no such keys.\n"

    assert keeper.json("kv", "get", "keeper", "x/1", "-n", "a")["value"] == "one\x1b[2J"
    assert keeper("kv", "get", "keeper", "x/1", "-n", "a").out == "one\\x1b[2J\n"
    assert keeper.error("kv", "get", "keeper", "x/1")["type"] == "not-found"


def test_an_export_is_a_file_for_its_owner_or_lines(keeper: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "kept.jsonl"
    done = keeper.json("kv", "export", "keeper", "-o", path)

    assert done == {"plugin": "keeper", "file": str(path), "size_bytes": path.stat().st_size}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [each["key"] for each in lines] == ["x/1", "x/2", "k"]

    printed = keeper("kv", "export", "keeper", "-n", "a").out
    assert "\x1b" not in printed
    assert [json.loads(line) for line in printed.splitlines()] == lines[:2]


def test_an_export_that_fails_leaves_no_file(keeper: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "kept.jsonl"

    assert keeper.error("kv", "export", "nothing", "-o", path)["type"] == "not-found"
    missing = tmp_path / "missing/kept.jsonl"
    assert keeper.error("kv", "export", "keeper", "-o", missing)["type"] == "invalid-arguments"
    assert list(tmp_path.glob("*.jsonl")) == []
    assert list(tmp_path.glob(".exporting-*")) == []


def test_clearing_asks_a_person_first(keeper: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as there:
        there.setattr("wardian.cli.terminal._is_person_there", lambda: True)
        refused = keeper("kv", "clear", "keeper", "-n", "a", "--prefix", "x/", stdin="n\n")
    assert refused.code == 1
    assert "the keys that start with 'x/' in the namespace 'a'" in refused.err
    assert keeper.json("kv", "show", "keeper")["used_keys"] == 3

    assert keeper("kv", "clear", "keeper", "-n", "a", "--yes").out == "Removed 2 entries.\n"
    assert keeper.json("kv", "clear", "keeper", "--all") == {"plugin": "keeper", "removed": 1}


@pytest.mark.parametrize("options", [(), ("--all", "-n", "a"), ("--all", "--prefix", "x")])
def test_what_to_clear_has_to_be_said(keeper: CommandLine, options: tuple[str, ...]) -> None:
    error = keeper.error("kv", "clear", "keeper", "--yes", *options)

    assert error["type"] == "invalid-arguments"
    assert keeper.json("kv", "show", "keeper")["used_keys"] == 3
