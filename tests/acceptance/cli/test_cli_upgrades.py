"""Upgrade, rollback and versions on the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from commands import CommandLine
from guests.lives import version

ASKS = '[[permissions]]\npermission = "plugins:call:markdown"\nreason = "Renders."\n'
EXTRA = '(func (export "extra") (result u32) (canon lift (core func $main "version")))'


@pytest.fixture
def files(remote: CommandLine, tmp_path: Path) -> Iterator[Path]:
    """A directory with packages, the first of them installed."""
    for name, content in {
        "1": version(1, extra=EXTRA),
        "2": version(2),
        "broken": version(2, to="1.1.0"),
        "asking": version(2, extra=EXTRA, more=ASKS),
        "migrating": version(3, migrate="ok"),
        "failing": version(3, migrate="err"),
    }.items():
        (tmp_path / f"{name}.wardian").write_bytes(content)
    remote.json("install", tmp_path / "1.wardian", "--grant-all")
    yield tmp_path
    remote("uninstall", "lives", "--yes")


def test_an_upgrade_shows_what_it_changed(remote: CommandLine, files: Path) -> None:
    done = remote("upgrade", files / "2.wardian")

    assert done.code == 0, done.err
    assert done.out.startswith("lives 1.0.0 → 2.0.0: active.\n")
    assert "removed" in done.out
    assert remote.json("call", "lives", "version")["result"] == 2
    listed = remote("versions", "lives").out
    assert "in use" in listed
    assert "committed" in listed


def test_a_rollback_goes_back(remote: CommandLine, files: Path) -> None:
    remote.json("upgrade", files / "2.wardian")

    assert remote("rollback", "lives").out == "lives is 1.0.0 again: active.\n"
    assert remote.json("call", "lives", "version")["result"] == 1
    assert remote.json("rollback", "lives", "--to", "2.0.0")["version"] == "2.0.0"


def test_a_dry_run_exits_with_one_if_something_stops_the_upgrade(
    remote: CommandLine, files: Path
) -> None:
    stopped = remote("upgrade", files / "broken.wardian", "--dry-run")
    assert stopped.code == 1
    assert "stops at 'compare'" in stopped.out
    assert "asks for 2.0.0 or later" in stopped.out

    fine = remote("upgrade", files / "2.wardian", "--dry-run")
    assert fine.code == 0
    assert "Nothing stops this upgrade" in fine.out
    assert remote.json("show", "lives")["version"] == "1.0.0"
    assert remote("upgrade", files / "broken.wardian", "--dry-run", "--json").json["obstacles"]


def test_a_failure_says_the_step_and_what_to_do(remote: CommandLine, files: Path) -> None:
    error = remote.error("upgrade", files / "asking.wardian")
    assert (error["type"], error["step"]) == ("conflict", "approve")
    assert error["needs_approval"] == ["plugins:call:markdown"]

    error = remote.error("upgrade", files / "failing.wardian")
    assert error["step"] == "migrate"
    assert remote.json("show", "lives")["version"] == "1.0.0"


def test_a_person_is_asked_to_approve(
    remote: CommandLine, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wardian.cli.terminal._is_person_there", lambda: True)

    kept = remote("upgrade", files / "asking.wardian", stdin="n\n")
    assert kept.code == 1
    assert "It asks for plugins:call:markdown." in kept.out
    assert "needs approval: plugins:call:markdown" in kept.out
    assert "stays at 1.0.0" in kept.err

    done = remote("upgrade", files / "asking.wardian", stdin="y\n")
    assert done.code == 0, done.err
    assert "plugins:call:markdown" in remote.json("grants", "lives")["granted"]


def test_a_rollback_over_a_migration_says_what_can_be_chosen(
    remote: CommandLine, files: Path
) -> None:
    remote.json("upgrade", files / "migrating.wardian")

    error = remote.error("rollback", "lives")
    assert "--data restore" in error["detail"]
    misspelt = remote.error("rollback", "lives", "--data", "resore")
    assert misspelt["detail"] == "--data is keep or restore, not 'resore'."
    assert remote.json("rollback", "lives", "--data", "restore")["version"] == "1.0.0"
