"""What the command line says to a line it cannot parse, and where nothing can be said."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from commands import CommandLine

WRONG = [
    ("run", "x.wasm", "f", "--level", "nothing"),
    ("run", "x.wasm", "f", "--level"),
    ("run", "x.wasm", "f", "--nothing"),
    ("run", "x.wasm"),
    ("run",),
    ("inspect",),
    ("inspect", "a", "b"),
    ("call", "name"),
    ("serve", "--port", "many"),
    ("config", "get"),
    ("keys", "nothing"),
    ("nothing",),
]


@pytest.mark.parametrize("line", WRONG, ids=" ".join)
def test_a_usage_error_is_one_json_object_where_json_is_asked_for(
    wardian: CommandLine, line: tuple[str, ...]
) -> None:
    done = wardian(line[0], "--json", *line[1:])
    assert (done.code, done.err) == (1, "")
    assert set(done.json) == {"error"}
    assert done.json["error"]["type"] == "invalid-arguments"
    assert done.json["error"]["detail"]


@pytest.mark.parametrize("line", WRONG, ids=" ".join)
def test_people_get_a_usage_error_as_text_and_exit_2(
    wardian: CommandLine, line: tuple[str, ...]
) -> None:
    done = wardian(*line)
    assert (done.code, done.out) == (2, "")
    assert "Error" in done.err


def test_what_stands_after_two_dashes_asks_for_nothing(wardian: CommandLine) -> None:
    assert wardian("inspect", "--", "a", "--json").code == 2


def test_help_is_help_beside_json_too(wardian: CommandLine) -> None:
    done = wardian("run", "--help", "--json")
    assert done.code == 0
    assert "Usage" in done.out


LINES = [("--version",), ("--help",), ("inspect", "/nothing", "--json"), ("list", "--nothing")]


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("line", LINES[:3], ids=" ".join)
def test_full_standard_output_ends_a_command_quietly(
    line: tuple[str, ...], unbuffered: str
) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "wardian", *line],
            stdout=full,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize("line", LINES, ids=" ".join)
def test_closed_standard_output_ends_a_command_quietly(line: tuple[str, ...]) -> None:
    program = 'exec "$@" >&-'
    done = subprocess.run(
        ["/bin/sh", "-c", program, "sh", sys.executable, "-m", "wardian", *line],
        stderr=subprocess.PIPE,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, b"")


def test_a_reader_that_went_away_ends_a_command_quietly() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as gone:
        done = subprocess.run(
            [sys.executable, "-m", "wardian", "--help"],
            stdout=gone,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, b"")


def test_closed_standard_error_loses_complaints_only() -> None:
    program = 'exec "$@" 2>&-'
    done = subprocess.run(
        ["/bin/sh", "-c", program, "sh", sys.executable, "-m", "wardian", "--version"],
        stdout=subprocess.PIPE,
        check=False,
    )
    assert done.returncode == 0
    assert done.stdout.strip()
