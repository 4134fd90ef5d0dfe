"""Recorded calls of a plugin: switched on and off, listed, shown, exported, removed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer

from wardian.cli.client import connect, plugin_path
from wardian.cli.failures import failure
from wardian.cli.plugins import Name
from wardian.cli.terminal import Json, Terminal, command
from wardian.cli.text import moment, size
from wardian.errors import InvalidArguments

CallId = Annotated[str, typer.Argument(help="The id of a recorded call.")]


@command
def record(
    name: Name,
    calls: Annotated[
        int | None, typer.Option("--calls", min=0, help="Keep so many of its last calls.")
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="Record no more.")] = False,
    json: Json = False,
) -> None:
    """Record a plugin's calls from now on, so that they can be run again."""
    terminal = Terminal(json=json)
    if (calls is None) != off:
        raise InvalidArguments("Give either --calls N or --off.")
    with connect() as client:
        view = client.put(plugin_path(name, "/recording"), {"calls": calls or 0})
    terminal.answer(view, lambda: _show_recorded(terminal, view))


@command
def list_recordings(
    name: Name,
    limit: Annotated[int, typer.Option("--limit", help="How many of the newest.")] = 20,
    before: Annotated[
        str | None, typer.Option("--before", help="`next` of the page before.")
    ] = None,
    json: Json = False,
) -> None:
    """List a plugin's recorded calls, the newest first."""
    terminal = Terminal(json=json)
    query = {"limit": limit} | ({} if before is None else {"before": before})
    with connect() as client:
        page = client.get(plugin_path(name, f"/recordings?{urlencode(query)}"))
    terminal.answer(page, lambda: _show_page(terminal, page))


@command
def show(call_id: CallId, json: Json = False) -> None:
    """Show what was said in a recorded call; secrets are not in it."""
    terminal = Terminal(json=json)
    with connect() as client:
        found = client.get(recording_path(call_id))
    terminal.answer(found, lambda: terminal.value(found))


@command
def export(
    call_id: CallId,
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")],
    json: Json = False,
) -> None:
    """Write a recorded call to a file, for `wardian replay FILE --component …`."""
    terminal = Terminal(json=json)
    with connect() as client:
        content = client.download(recording_path(call_id, "/export"))
    try:
        output.write_bytes(content)
    except OSError as error:
        raise InvalidArguments(
            f"{str(output)!r} cannot be written: {error.strerror}.", path="--output"
        ) from error
    answer = {"call_id": call_id, "file": str(output), "size_bytes": len(content)}
    terminal.answer(answer, lambda: terminal.line(f"Wrote {output}: {size(len(content))}."))


@command
def remove(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Remove a plugin's recorded calls. In a terminal it asks first."""
    terminal = Terminal(json=json)
    if not yes and not terminal.confirms(f"Remove the recorded calls of {name}?"):
        raise failure("refused", "Nothing was done.", f"The recorded calls of {name} stay.")
    with connect() as client:
        gone = client.send("DELETE", plugin_path(name, "/recordings"))
    terminal.answer(gone, lambda: terminal.line(f"Removed {gone['removed']} recorded calls."))


def recording_path(call_id: str, rest: str = "") -> str:
    """The path of a recording below ``/api/v1``."""
    return f"/recordings/{quote(call_id, safe='')}{rest}"


def _show_recorded(terminal: Terminal, view: dict[str, Any]) -> None:
    name, calls = view["plugin"], view["calls"]
    if calls:
        terminal.line(f"The last {calls} calls of {name} are kept, without what is secret in them.")
    else:
        terminal.line(f"Calls of {name} are not recorded.")
    terminal.line(f"{view['kept']} are kept now: {size(view['size_bytes'])}.")
    for reason, count in view["dropped"].items():
        terminal.note(f"{count} were not kept: {reason}.", "yellow")


def _show_page(terminal: Terminal, page: dict[str, Any]) -> None:
    _show_recorded(terminal, page)
    rows = [
        [
            item["call_id"],
            moment(item["recorded_at"]),
            item["version"],
            item["function"],
            item["outcome"],
            f"{item['size_bytes']:,}",
        ]
        for item in page["recordings"]
    ]
    if rows:
        terminal.table(["call", "recorded at", "version", "function", "outcome", "bytes"], rows)
    if page["next"]:
        terminal.note(f"There are more: --before {page['next']}")
