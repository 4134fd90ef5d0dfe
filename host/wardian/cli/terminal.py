"""One way to the terminal: one JSON object for programs, tables and colours for people."""

from __future__ import annotations

import asyncio
import functools
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, ParamSpec

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from wardian.cli.failures import (
    FAILED,
    INTERRUPTED,
    Failure,
    failure_of,
)
from wardian.cli.tables import table
from wardian.cli.text import as_json, size, visible, visible_lines
from wardian.errors import WardianError

P = ParamSpec("P")

_UNFOLDED = 10_000

Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object on standard output, nothing else.")
]


class Terminal:
    """Where a command's answer, notes and progress go.

    The answer goes to standard output. Notes, progress and errors go to standard error, and
    with ``--json`` only the error's object is printed, on standard output.
    """

    def __init__(self, *, json: bool) -> None:
        self.json = json
        self.out = _console(stderr=False, quiet=False)
        self.err = _console(stderr=True, quiet=json)

    def answer(self, value: Any, show: Callable[[], None]) -> None:
        """Print ``value`` as JSON, or let ``show`` print it for people."""
        if self.json:
            sys.stdout.write(as_json(value) + "\n")
            sys.stdout.flush()
        else:
            show()

    def line(self, text: str, style: str = "") -> None:
        """Print one line of the answer for people."""
        self.out.print(Text(visible_lines(text), style=style))

    def piece(self, text: str) -> None:
        """Print text that comes piece by piece, at once and where the last one ended."""
        self.out.print(Text(visible_lines(text)), end="")
        self.out.file.flush()

    def note(self, text: str, style: str = "dim") -> None:
        """Tell people something beside the answer."""
        self.err.print(Text(visible_lines(text), style=style))

    def value(self, value: Any) -> None:
        """Print a JSON value for people."""
        self.out.print(Text(as_json(value, indent=2)))

    def table(
        self,
        columns: list[str],
        rows: list[list[str]],
        styles: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        """Print rows of text from anywhere; ``styles`` are by column and a cell's text."""
        styled = [(styles or {}).get(column, {}) for column in columns]
        shown = [
            [
                Text(visible(cell), style.get(cell, ""))
                for cell, style in zip(row, styled, strict=True)
            ]
            for row in rows
        ]
        self.out.print(table(columns, shown, self.out.width))

    def spent(self, usage: dict[str, Any], label: str = "") -> None:
        """Say what a call spent, in a line beside the answer."""
        self.note(
            f"{label}{usage.get('wall_seconds', 0) * 1000:.1f} ms, "
            f"{usage.get('fuel', 0):,} units of fuel, "
            f"{size(usage.get('memory_bytes', 0))} of memory, "
            f"{usage.get('host_calls', 0)} host calls"
        )

    @property
    def is_interactive(self) -> bool:
        """Whether there is a person to ask."""
        return not self.json and _is_person_there()

    def confirms(self, question: str) -> bool:
        """Ask a person; where there is none to ask, the command was the answer."""
        if not self.is_interactive:
            return True
        return typer.confirm(visible(question), err=True)

    @contextmanager
    def busy(self, text: str) -> Iterator[Callable[[str], None]]:
        """Show that something takes a while; yields a function that says what it is now.

        A spinner on a terminal, else a line for each further step, and nothing with ``--json``.
        """
        if self.json or not self.err.is_terminal:
            yield self.note
            return
        with self.err.status(Text(visible(text))) as status:
            yield lambda now: status.update(Text(visible(now)))

    def fail(self, failed: Failure) -> None:
        """Print why the command did not succeed."""
        if self.json:
            found = {"error": failed.error}
            if failed.usage is not None:
                found["usage"] = failed.usage
            sys.stdout.write(as_json(found) + "\n")
            return
        self.err.print(
            Text("error: ", style="bold red"), Text(visible_lines(failed.error["detail"])), sep=""
        )
        if failed.error.get("payload") is not None:
            self.err.print(Text(as_json(failed.error["payload"], indent=2)))
        for note in failed.notes:
            self.err.print(Text(visible_lines(note)))
        usage = msgspec.to_builtins(failed.usage or {})
        if usage.get("wall_seconds"):
            self.spent(usage)


def _is_person_there() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _console(*, stderr: bool, quiet: bool) -> Console:
    console = Console(
        stderr=stderr, quiet=quiet, markup=False, highlight=False, emoji=False, soft_wrap=True
    )
    if not console.is_terminal:
        # What is read by a program or kept in a file is not folded at a terminal's width.
        console.width = _UNFOLDED
    return console


def command(function: Callable[P, None]) -> Callable[P, None]:
    """Make a command out of ``function``: whatever it raises is printed and sets the exit code.

    The function's ``json`` argument decides how.
    """

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            function(*args, **kwargs)
        except (Failure, WardianError) as error:
            failed = error if isinstance(error, Failure) else failure_of(error)
            Terminal(json=bool(kwargs.get("json"))).fail(failed)
            raise typer.Exit(FAILED) from error
        except (KeyboardInterrupt, asyncio.CancelledError) as error:
            raise typer.Exit(INTERRUPTED) from error

    return run
