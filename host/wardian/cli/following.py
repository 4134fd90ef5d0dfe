"""What plugins log on a host, now and as it comes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Annotated, Any, NamedTuple
from urllib.parse import urlencode

import msgspec
import typer

from wardian.cli.client import Client, connect
from wardian.cli.failures import Failure
from wardian.cli.terminal import Json, Terminal, command
from wardian.cli.text import visible

RETRY_SECONDS_MAX = 10.0

_STYLES = {"trace": "dim", "debug": "dim", "info": "", "warn": "yellow", "error": "bold red"}
_FINAL = {"unauthenticated", "forbidden", "invalid-arguments", "not-found", "unexpected-answer"}
"""What asking again does not change."""

_ID_CHARS = 8


class _Message(NamedTuple):
    """One message of a stream, as Server-Sent Events have it."""

    id: str
    event: str
    data: Any


@command
def logs(
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with the lines to come.")
    ] = False,
    plugin: Annotated[
        str | None, typer.Option("--plugin", help="Only lines of this plugin.")
    ] = None,
    call: Annotated[str | None, typer.Option("--call", help="Only lines of this call.")] = None,
    level: Annotated[
        str, typer.Option("--level", help="The least: trace, debug, info, warn or error.")
    ] = "trace",
    limit: Annotated[int, typer.Option("--limit", help="How many of the newest.")] = 100,
    json: Json = False,
) -> None:
    """Show what plugins log on the host that answers; with --json an object a line."""
    terminal = Terminal(json=json)
    wanted = {"plugin": plugin, "call_id": call, "level": level}
    with connect() as client:
        page = client.get(_path("", **wanted, limit=limit))
        for line in page["lines"]:
            _show(terminal, line)
        if follow:
            _follow(terminal, client, wanted, page["next"])
    if not page["lines"] and not follow:
        terminal.note("There are no such lines.")


def _follow(terminal: Terminal, client: Client, wanted: dict[str, Any], after: int) -> None:
    """Show lines as they come until the command is stopped, over every end of a stream."""
    last, waits = "", 1.0
    while True:
        headers = {"Last-Event-ID": last} if last else {}
        try:
            for message in _messages(
                client.lines(_path("/stream", **wanted, after=after), headers)
            ):
                last, waits = message.id or last, 1.0
                _tell(terminal, message)
            terminal.note("The host ended the stream.")
        except Failure as failed:
            if failed.error["type"] in _FINAL:
                raise
            terminal.note(f"{failed.error['detail']} Trying again.")
        time.sleep(waits)
        waits = min(waits * 2, RETRY_SECONDS_MAX)


def _tell(terminal: Terminal, message: _Message) -> None:
    if message.event == "dropped":
        count = message.data["dropped"]
        terminal.note(f"{count} lines were too many for this connection and are missing.", "yellow")
    elif message.data is not None:
        _show(terminal, message.data)


def _messages(lines: Iterator[str]) -> Iterator[_Message]:
    """Put the lines of a stream together to messages."""
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        if line:
            fields[name] = value
            continue
        data = msgspec.json.decode(fields["data"]) if "data" in fields else None
        yield _Message(fields.get("id", ""), fields.get("event", ""), data)
        fields = {}


def _show(terminal: Terminal, line: dict[str, Any]) -> None:
    terminal.answer(line, _shower(terminal, line))


def _shower(terminal: Terminal, line: dict[str, Any]) -> Callable[[], None]:
    def show() -> None:
        fields = "".join(f" {visible(k)}={visible(v)}" for k, v in line["fields"].items())
        head = f"{line['time'][11:23]} {line['level']:5} {line['plugin']}"
        text = f"{head} {line['call_id'][:_ID_CHARS]} {visible(line['message'])}{fields}"
        terminal.line(text, _STYLES.get(line["level"], ""))

    return show


def _path(rest: str, **query: Any) -> str:
    given = {name: value for name, value in query.items() if value is not None}
    return f"/logs{rest}?{urlencode(given)}"
