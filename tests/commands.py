"""The command line, run in this process, and servers in processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from typer.testing import CliRunner

from wardian.cli import application


@dataclass(frozen=True)
class Answered:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON object on standard output."""
        return json.loads(self.out)


class CommandLine:
    """Runs ``wardian`` commands, with no more of it loaded than when they are run by themselves."""

    def __call__(self, *arguments: object, stdin: str | None = None) -> Answered:
        words = [str(each) for each in arguments]
        done = CliRunner().invoke(application(words), words, input=stdin)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Answered(done.exit_code, done.stdout, done.stderr)

    def json(self, *arguments: object, stdin: str | None = None) -> Any:
        """Run a command with ``--json`` that must succeed."""
        done = self(*arguments, "--json", stdin=stdin)
        assert done.code == 0, done.out + done.err
        return done.json

    def error(self, *arguments: object) -> dict[str, Any]:
        """Run a command with ``--json`` that must fail, and return its error."""
        done = self(*arguments, "--json")
        assert done.code == 1, done.out + done.err
        error: dict[str, Any] = done.json["error"]
        return error


@contextmanager
def serve_process(*arguments: object, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Start ``wardian serve`` in a process of its own; it is killed at the end if need be.

    It logs no requests unless told to: what it writes to standard error is a complaint.
    """
    quiet = {"WARDIAN_ACCESS_LOG": "false"}
    with command_process("serve", *arguments, **quiet | environment) as process:
        yield process


@contextmanager
def command_process(*arguments: object, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Start a command in a process of its own; it is killed at the end if need be."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WARDIAN_")}
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "wardian", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**kept, **environment},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def announced(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait for what ``serve --json`` prints once it serves."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.communicate()
    found: dict[str, Any] = json.loads(line)
    return found


def stop(process: subprocess.Popen[str], number: int = signal.SIGTERM) -> tuple[int, str]:
    """Stop a server; returns its exit code and what it had to complain about."""
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    return process.returncode, err
