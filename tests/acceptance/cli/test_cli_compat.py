"""``wardian compat`` on files: components and packages."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands import CommandLine
from guests import component
from packages import package

ADDER = """
(component
  (core module $m (func (export "run") (param i32) (result i32) (i32.const 1)))
  (core instance $i (instantiate $m))
  (func (export "run") (param "n" {wit}) (result u32)
    (canon lift (core func $i "run"))){more})
"""
MORE = """
  (func (export "again") (param "n" {wit}) (result u32) (canon lift (core func $i "run")))"""


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


def adder(wit: str, *, more: bool = False) -> bytes:
    text = MORE.format(wit=wit) if more else ""
    return component(ADDER.format(wit=wit, more=text))


def packed(folder: Path, wit: str, version: str, *, more: bool = False) -> Path:
    path = folder / f"adder-{version}.wardian"
    found = package("adder", adder(wit, more=more), version=version)
    path.write_bytes(found)
    return path


def test_a_narrower_parameter_breaks_callers(wardian: CommandLine, tmp_path: Path) -> None:
    old, new = packed(tmp_path, "u32", "1.4.0"), packed(tmp_path, "u8", "1.5.0")

    done = wardian("compat", old, new, "--json")

    assert done.code == 1
    assert done.json["breaking"] is True
    assert (done.json["advice"], done.json["next_version"]) == ("major", "2.0.0")
    (change,) = done.json["changes"]
    assert (change["subject"], change["place"], change["kind"]) == ("run", "n", "narrowed")


def test_a_version_that_says_so_may_break_callers(wardian: CommandLine, tmp_path: Path) -> None:
    old, new = packed(tmp_path, "u32", "1.4.0"), packed(tmp_path, "u8", "2.0.0")
    assert wardian.json("compat", old, new)["breaking"] is True


def test_more_functions_and_wider_parameters_break_nobody(
    wardian: CommandLine, tmp_path: Path
) -> None:
    old, new = tmp_path / "old.wasm", tmp_path / "new.wasm"
    old.write_bytes(adder("u8"))
    new.write_bytes(adder("u32", more=True))

    found = wardian.json("compat", old, new)

    assert (found["breaking"], found["advice"], found["next_version"]) == (False, "minor", None)
    assert [(each["subject"], each["kind"]) for each in found["changes"]] == [
        ("again", "added"),
        ("run", "widened"),
    ]


def test_people_read_what_changes_and_which_version_that_is(
    wardian: CommandLine, tmp_path: Path
) -> None:
    old, new = packed(tmp_path, "u32", "1.4.0", more=True), packed(tmp_path, "u8", "1.5.0")

    done = wardian("compat", old, new)

    assert "adder 1.5.0 breaks callers of adder 1.4.0." in done.out
    assert "is gone: calls of it fail" in done.out
    assert "it takes only `u8` where it took `u32`" in done.out
    assert "asks for 2.0.0 or later; the manifest says 1.5.0" in done.err


def test_the_same_component_needs_no_more_than_a_patch(
    wardian: CommandLine, tmp_path: Path
) -> None:
    one = packed(tmp_path, "u8", "1.0.0")
    assert wardian.json("compat", one, one)["advice"] == "patch"
    assert "have the same functions and imports" in wardian("compat", one, one).out
