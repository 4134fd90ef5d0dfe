"""Events: published, listed, followed; who receives them; dead letters."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import msgspec
import typer

from wardian.cli.client import connect
from wardian.cli.failures import failure
from wardian.cli.plugins import Name
from wardian.cli.terminal import Json, Terminal, command
from wardian.cli.text import as_json, moment
from wardian.errors import InvalidArguments

Topic = Annotated[
    str, typer.Option("--topic", help="A topic, or the beginning of some: 'orders.*'.")
]
Limit = Annotated[int, typer.Option("--limit", help="How many of the newest.")]
Before = Annotated[int | None, typer.Option("--before", help="`next` of the page before.")]
DeadLetters = Annotated[list[str], typer.Argument(help="Ids, as `wardian events dead` has them.")]

_DATA = "data: "


@command
def list_events(
    topic: Topic = "*", limit: Limit = 20, before: Before = None, json: Json = False
) -> None:
    """List the tenant's events, the newest first."""
    terminal = Terminal(json=json)
    with connect() as client:
        page = client.get(_path("", topic=topic, limit=limit, before=before))
    terminal.answer(page, lambda: _show_events(terminal, page))


@command
def tail(
    topic: Topic = "*",
    after: Annotated[
        int | None, typer.Option("--after", help="Begin after this `sequence`, and not now.")
    ] = None,
    json: Json = False,
) -> None:
    """Show events as they come, until you stop it; with --json an object a line."""
    terminal = Terminal(json=json)
    with connect() as client:
        for line in client.lines(_path("/stream", topic=topic, after=after)):
            if line.startswith(_DATA):
                event = msgspec.json.decode(line.removeprefix(_DATA))
                terminal.answer(event, partial(_show_event, terminal, event))
    terminal.note("The host ended the stream.")


@command
def publish(
    topic: Annotated[str, typer.Argument(help="Such as orders.created.")],
    data: Annotated[str, typer.Option("--data", help="JSON.")] = "null",
    key: Annotated[
        str | None, typer.Option("--key", help="Events of one key are delivered in order.")
    ] = None,
    json: Json = False,
) -> None:
    """Publish an event."""
    terminal = Terminal(json=json)
    body = {"topic": topic, "data": _parsed(data), "key": key}
    with connect() as client:
        event = client.post("/events", body)
    terminal.answer(event, lambda: terminal.line(f"Published {event['type']} as {event['id']}."))


@command
def subscribers(json: Json = False) -> None:
    """List the plugins that receive events, and how many wait for each."""
    terminal = Terminal(json=json)
    with connect() as client:
        found = client.get("/events/subscribers")
    terminal.answer(found, lambda: _show_subscribers(terminal, found))


@command
def pause(name: Name, json: Json = False) -> None:
    """Hold back the events that wait for a plugin; more are queued meanwhile."""
    _switch(name, "pause", json=json)


@command
def resume(name: Name, json: Json = False) -> None:
    """Deliver again what waits for a plugin."""
    _switch(name, "resume", json=json)


@command
def dead(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Only those of this plugin.")
    ] = None,
    limit: Limit = 20,
    before: Before = None,
    json: Json = False,
) -> None:
    """List the events that plugins did not handle; their data is shown with --json."""
    terminal = Terminal(json=json)
    with connect() as client:
        page = client.get(_path("/dead", plugin=name, limit=limit, before=before))
    terminal.answer(page, lambda: _show_dead(terminal, page))


@command
def requeue(ids: DeadLetters, json: Json = False) -> None:
    """Have dead letters delivered again."""
    terminal = Terminal(json=json)
    with connect() as client:
        client.post("/events/dead/requeue", {"ids": ids})
    terminal.answer({"requeued": ids}, lambda: terminal.line(f"Requeued {len(ids)}."))


@command
def discard(
    ids: DeadLetters,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Remove dead letters. In a terminal it asks first."""
    terminal = Terminal(json=json)
    if not yes and not terminal.confirms(f"Remove {len(ids)} dead letters?"):
        raise failure("refused", "Nothing was done.", "The dead letters stay.")
    with connect() as client:
        client.post("/events/dead/discard", {"ids": ids})
    terminal.answer({"discarded": ids}, lambda: terminal.line(f"Removed {len(ids)}."))


def _switch(name: str, verb: str, *, json: bool) -> None:
    terminal = Terminal(json=json)
    with connect() as client:
        found = client.post(f"/events/subscribers/{quote(name, safe='')}/{verb}")
    terminal.answer(found, lambda: _show_subscribers(terminal, found))


def _path(rest: str, **query: Any) -> str:
    given = {name: value for name, value in query.items() if value is not None}
    return f"/events{rest}?{urlencode(given)}"


def _parsed(data: str) -> Any:
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidArguments(f"--data is not JSON: {error}.", path="--data") from error


def _show_event(terminal: Terminal, event: dict[str, Any]) -> None:
    key = f" [{event['partitionkey']}]" if event.get("partitionkey") else ""
    terminal.line(
        f"{moment(event['time'])} {event['type']}{key} {event['source']} {as_json(event['data'])}"
    )


def _show_events(terminal: Terminal, page: dict[str, Any]) -> None:
    columns = ["sequence", "time", "topic", "source", "key", "data"]
    rows = [
        [
            event["sequence"],
            moment(event["time"]),
            event["type"],
            event["source"],
            event.get("partitionkey", ""),
            as_json(event["data"]),
        ]
        for event in page["events"]
    ]
    if rows:
        terminal.table(columns, rows)
    else:
        terminal.line("There are no such events.")
    if page["next"] is not None:
        terminal.note(f"There are more: --before {page['next']}")


def _show_subscribers(terminal: Terminal, found: list[dict[str, Any]]) -> None:
    if not found:
        terminal.line("No plugin receives events.")
        return
    rows = [
        [
            each["plugin"],
            ", ".join(each["topics"]),
            f"{each['queued']:,}",
            f"{each['dropped']:,}",
            "paused" if each["paused"] else "",
        ]
        for each in found
    ]
    terminal.table(["plugin", "topics", "waiting", "dropped", ""], rows)


def _show_dead(terminal: Terminal, page: dict[str, Any]) -> None:
    rows = [
        [
            each["id"],
            each["plugin"],
            each["topic"],
            each["key"] or "",
            str(each["attempts"]),
            moment(each["since"]),
            each["reason"],
        ]
        for each in page["dead_letters"]
    ]
    if rows:
        terminal.table(["id", "plugin", "topic", "key", "attempts", "since", "reason"], rows)
    else:
        terminal.line("There are no dead letters.")
    if page["next"] is not None:
        terminal.note(f"There are more: --before {page['next']}")
