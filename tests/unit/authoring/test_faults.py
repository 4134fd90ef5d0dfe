"""What toolchains print of a failure names the author's file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from wardian.cli.authoring import BuildFailed, SourceFault, faults_of
from wardian.errors import Conflict, Fault, InvalidManifest

PYTHON = """\
Traceback (most recent call last):
  File "/2/wardian_entry.py", line 2, in <module>
    import plugin
  File "{root}/src/plugin.py", line 1, in <module>
    import other
  File "{root}/src/other.py", line 2, in f
    return 1/0
           ~^~
  File "/1/wardian_sdk/_exports.py", line 80, in checked
ZeroDivisionError: division by zero


Caused by:
    ZeroDivisionError: division by zero
"""
TYPESCRIPT = """\
src/plugin.ts(27,24): error TS1138: Parameter declaration expected.
.wardian-build/conforms.ts(5,7): error TS2322: Type 'a' is not assignable to type 'b'.
../elsewhere.ts(1,1): error TS1: not the author's
"""
WIT = """\
failed to resolve directory while parsing WIT for path [{root}/wit]

Caused by:
    0: failed to parse package: {root}/wit
    1: name `strin` is not defined
            --> {root}/wit/world.wit:3:20
             |
           3 |  export f: func(x: strin); }}
             |                    ^----
"""
RUST = """\
warning: unused variable: `x`
 --> src/lib.rs:3:9
  |
error[E0308]: mismatched types
 --> src/lib.rs:12:5
  |
12 |     5
  |     ^ expected `String`, found integer
note: required by this
 --> src/lib.rs:1:1
"""
ESBUILD = """\
✘ [ERROR] Could not resolve "left-pad"

    src/plugin.ts:3:20:
      3 │ import leftPad from "left-pad";
"""


@pytest.mark.parametrize(
    ("output", "places"),
    [
        (PYTHON, ["src/other.py:2: ZeroDivisionError: division by zero"]),
        (
            TYPESCRIPT,
            [
                "src/plugin.ts:27:24: TS1138: Parameter declaration expected.",
                ".wardian-build/conforms.ts:5:7: TS2322: Type 'a' is not assignable to type 'b'.",
            ],
        ),
        (WIT, ["wit/world.wit:3:20: name `strin` is not defined"]),
        (RUST, ["src/lib.rs:12:5: mismatched types"]),
        (ESBUILD, ['src/plugin.ts:3:20: Could not resolve "left-pad"']),
        ("cargo: something else went wrong\n", []),
    ],
    ids=["python", "typescript", "wit", "rust", "esbuild", "unknown"],
)
def test_the_place_is_found_in_what_a_toolchain_prints(
    tmp_path: Path, output: str, places: list[str]
) -> None:
    failed = BuildFailed("It failed.", output=output.format(root=tmp_path))

    assert [str(fault) for fault in faults_of(failed, tmp_path)] == places


def test_each_fault_of_the_manifest_has_its_line_if_it_has_one(tmp_path: Path) -> None:
    faults = (Fault("must be text", "name", 3), Fault("version is missing.", "version"))

    found = faults_of(InvalidManifest(faults=faults), tmp_path)

    assert [str(fault) for fault in found] == [
        "plugin.toml:3: name: must be text",
        "plugin.toml: version is missing.",
    ]


def test_what_is_no_fault_of_a_file_has_no_place(tmp_path: Path) -> None:
    assert faults_of(Conflict("It is installed."), tmp_path) == []
    assert faults_of(InvalidManifest("Missing.", path="name"), tmp_path) == []


def test_a_fault_without_a_column_is_shown_without_one() -> None:
    assert str(SourceFault(file="src/plugin.py", line=3, text="x")) == "src/plugin.py:3: x"
    assert str(SourceFault(file="src/plugin.py", line=3)) == "src/plugin.py:3"
