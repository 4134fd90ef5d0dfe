"""A build that is given up ends with everything that it has started."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest

from wardian.cli.authoring import BuildHalted, Halt, Language, build, scaffold
from wardian.cli.authoring.steps import Steps

GRANDPARENT = """
import subprocess, sys
subprocess.run([sys.executable, "-c", sys.argv[1], sys.argv[2]])
"""
WAITS = """
import signal, sys
with open(sys.argv[1], "w") as told:
    told.write("here")
signal.pause()
"""


@pytest.fixture
def halt() -> Halt:
    return Halt()


@pytest.fixture
def steps(tmp_path: Path, halt: Halt) -> Steps:
    return Steps(tmp_path / "build.log", str.strip, tmp_path / "staging", tmp_path, halt)


def test_a_step_ends_with_the_programs_that_its_program_started(
    tmp_path: Path, steps: Steps, halt: Halt
) -> None:
    pipe = tmp_path / "told"
    os.mkfifo(pipe)

    def once_all_run() -> None:
        assert pipe.read_text() == "here"
        halt()

    watching = threading.Thread(target=once_all_run)
    watching.start()

    # It answers only when nobody holds its output open any more.
    with pytest.raises(BuildHalted):
        steps.run("waiting", [sys.executable, "-c", GRANDPARENT, WAITS, str(pipe)])
    watching.join()


def test_no_step_is_begun_after_the_halt(steps: Steps, halt: Halt, tmp_path: Path) -> None:
    halt()
    with pytest.raises(BuildHalted):
        steps.run("writing", [sys.executable, "-c", f"open({str(tmp_path / 'x')!r}, 'w')"])
    assert not (tmp_path / "x").exists()


def test_a_build_that_is_halted_leaves_the_last_component(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, halt: Halt
) -> None:
    made = scaffold("first", Language.PYTHON, tmp_path)
    (made / "plugin.wasm").write_bytes(b"the last one")

    with pytest.raises(BuildHalted):
        build(made, progress=lambda _: halt(), halt=halt)

    assert (made / "plugin.wasm").read_bytes() == b"the last one"
    assert not list((made / ".wardian-build").glob("staging-*"))
