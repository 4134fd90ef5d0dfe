"""Recordings from the command line, and replays on a host and without one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from commands import CommandLine
from guests import DIRECTORY, component, guest
from packages import manifest, package

# Where 7 is divided, this one answers one more.
DIVISION = "(i32.div_u (local.get 0) (local.get 1))"


@pytest.fixture
def call_id(remote: CommandLine, tmp_path: Path) -> Iterator[str]:
    """The id of one recorded call."""
    path = tmp_path / "recorded.wardian"
    path.write_bytes(package("recorded", guest("calculator")))
    remote.json("install", path)
    remote.json("record", "recorded", "--calls", 2)
    made = remote.json("call", "recorded", "divide", "--args", '{"a": 7, "b": 2}')
    yield made["call_id"]
    remote.json("uninstall", "recorded", "--yes")


@pytest.fixture
def file(remote: CommandLine, call_id: str, tmp_path: Path) -> Path:
    path = tmp_path / "call.recording"
    written = remote.json("recordings", "export", call_id, "-o", path)
    assert written == {
        "call_id": call_id,
        "file": str(path),
        "size_bytes": path.stat().st_size,
    }
    return path


def changed(tmp_path: Path) -> Path:
    """A component that divides otherwise."""
    text = (DIRECTORY / "calculator.wat").read_text()
    assert DIVISION in text
    path = tmp_path / "changed.wasm"
    path.write_bytes(component(text.replace(DIVISION, f"(i32.add {DIVISION} (i32.const 1))")))
    return path


def test_recordings_are_listed_by_the_plugins_name(remote: CommandLine, call_id: str) -> None:
    page = remote.json("recordings", "recorded")
    assert [each["call_id"] for each in page["recordings"]] == [call_id]
    assert remote.json("recordings", "list", "recorded", "--limit", 1) == page

    shown = remote("recordings", "recorded").out
    assert "last 2 calls of recorded are kept" in shown
    assert call_id in shown
    assert remote.json("recordings", "show", call_id)["result"] == 3


def test_recording_is_switched_off_and_what_there_is_removed(
    remote: CommandLine, call_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "are not recorded" in remote("record", "recorded", "--off").out
    assert remote.json("recordings", "recorded")["kept"] == 1

    monkeypatch.setattr("wardian.cli.terminal._is_person_there", lambda: True)
    assert remote("recordings", "remove", "recorded", stdin="n\n").code == 1
    assert remote("recordings", "remove", "recorded", "--yes").out == "Removed 1 recorded calls.\n"


@pytest.mark.parametrize("options", [(), ("--calls", 2, "--off"), ("--calls", 1_000)])
def test_how_many_has_to_be_said_and_has_a_bound(
    remote: CommandLine, options: tuple[object, ...]
) -> None:
    assert remote.error("record", "recorded", *options)["type"] == "invalid-arguments"


def test_a_call_is_run_again_on_its_host(remote: CommandLine, call_id: str) -> None:
    done = remote("replay", call_id)
    assert (done.code, done.out) == (0, "divide, recorded with 1.0.0: 1.0.0 does the same.\n")
    assert remote.json("replay", call_id, "--version", "1.0.0")["same"]

    assert remote.error("replay", call_id, "--version", "9.0.0")["type"] == "not-found"
    assert remote.error("replay", "nothing")["type"] == "not-found"


def test_a_file_is_run_again_without_a_server(
    wardian: CommandLine, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wasm, packed, folder = tmp_path / "x.wasm", tmp_path / "x.wardian", tmp_path / "x"
    wasm.write_bytes(guest("calculator"))
    packed.write_bytes(package("recorded", guest("calculator"), version="1.1.0"))
    folder.mkdir()
    (folder / "plugin.toml").write_text(manifest("recorded"))
    (folder / "plugin.wasm").write_bytes(guest("calculator"))

    for source, version in ((wasm, "x"), (packed, "1.1.0"), (folder, "1.0.0")):
        with monkeypatch.context() as alone:
            alone.setenv("WARDIAN_URL", "http://127.0.0.1:9")
            outcome = wardian.json("replay", file, "--component", source)
        assert (outcome["same"], outcome["version"]) == (True, version)


def test_a_difference_is_shown_and_sets_the_exit_code(
    wardian: CommandLine, file: Path, tmp_path: Path
) -> None:
    done = wardian("replay", file, "--component", changed(tmp_path))
    assert done.code == 1
    assert done.out.splitlines() == [
        "divide, recorded with 1.0.0: changed differs.",
        "result differs",
        "- 3",
        "+ 4",
    ]

    done = wardian("replay", file, "--component", changed(tmp_path), "--json")
    assert done.code == 1
    assert done.json["differences"] == [
        {"place": "result", "kind": "changed", "before": 3, "after": 4}
    ]


def test_what_is_no_recording_is_refused(wardian: CommandLine, tmp_path: Path) -> None:
    wasm = tmp_path / "x.wasm"
    wasm.write_bytes(guest("calculator"))

    for file in (wasm, tmp_path / "missing", tmp_path):
        assert wardian.error("replay", file, "--component", wasm)["type"] == "invalid-arguments"
    refused = wardian.error("replay", wasm, "--component", wasm, "--version", "1.0.0")
    assert "--version" in refused["detail"]
