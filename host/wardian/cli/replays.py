"""``wardian replay``: run a recorded call again, on its host or here."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from wardian.cli.client import connect
from wardian.cli.local import replay_once
from wardian.cli.recordings import recording_path
from wardian.cli.sources import source_at
from wardian.cli.terminal import Json, Terminal, command
from wardian.cli.text import as_json
from wardian.errors import InvalidArguments
from wardian.runtime.recorded import FILE_BYTES_MAX, Recording, read_recording

_SIGNS = {"changed": "differs", "added": "is new", "removed": "is gone", "moved": "comes later"}


@command
def replay(
    recording: Annotated[
        str, typer.Argument(help="The id of a recorded call; or its file, with --component.")
    ],
    version: Annotated[
        str | None,
        typer.Option(
            "--version",
            help="A kept version of the plugin. Default: the recorded one, or the one in use.",
        ),
    ] = None,
    component: Annotated[
        Path | None,
        typer.Option(
            "--component",
            help="Run it here: a component (.wasm), a package (.wardian) or a plugin's directory.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Run a recorded call again with the host's answers of then, and show what differs.

    Nothing else happens: nothing is stored, sent or published. Exits with 1 if anything differs.
    """
    terminal = Terminal(json=json)
    if component is None:
        outcome = _on_host(recording, version)
    elif version is not None:
        raise InvalidArguments("--version is of a host's plugin; --component says what runs here.")
    else:
        with terminal.busy(f"Running {component}"):
            outcome = _here(recording, component)
    terminal.answer(outcome, lambda: show_outcome(terminal, outcome))
    if not outcome["same"]:
        raise typer.Exit(1)


def _on_host(call_id: str, version: str | None) -> dict[str, Any]:
    if Path(call_id).is_file():
        raise InvalidArguments(f"{call_id!r} is a file: say what runs it, with --component.")
    with connect() as client:
        outcome: dict[str, Any] = client.post(
            recording_path(call_id, "/replay"), {"version": version}
        )
    return outcome


def _here(file: str, component: Path) -> dict[str, Any]:
    outcome = asyncio.run(replay_once(_recording_at(Path(file)), source_at(component)))
    plain: dict[str, Any] = msgspec.to_builtins(outcome)
    return plain


def _recording_at(file: Path) -> Recording:
    try:
        with file.open("rb") as opened:
            content = opened.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise InvalidArguments(
            f"{str(file)!r} cannot be read: {error.strerror}. Make it with: wardian recordings "
            "export CALL_ID -o FILE"
        ) from error
    return read_recording(content)


def show_outcome(terminal: Terminal, outcome: dict[str, Any]) -> None:
    """Print whether a recorded call did what it had done, and what differs."""
    what = f"{outcome['function']}, recorded with {outcome['recorded_version']}"
    if outcome["same"]:
        terminal.line(f"{what}: {outcome['version']} does the same.", "bold green")
    else:
        terminal.line(f"{what}: {outcome['version']} differs.", "bold red")
    for each in outcome["differences"]:
        terminal.line(f"{each['place']} {_SIGNS[each['kind']]}", "bold")
        if each["kind"] != "added":
            terminal.line(f"- {as_json(each['before'])}", "red")
        if each["kind"] != "removed":
            terminal.line(f"+ {as_json(each['after'])}", "green")
    if outcome["left_out"]:
        terminal.line(f"and {outcome['left_out']} further differences")
    for note in outcome["notes"]:
        terminal.note(note, "yellow")
    for when in ("before", "after"):
        terminal.spent(outcome[when], f"{when}: ")
