"""What plugins keep beside rows that are not theirs."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer

from wardian.cli.arguments import json_object
from wardian.cli.client import connect, plugin_path
from wardian.cli.plugins import Name
from wardian.cli.terminal import Json, Terminal, command
from wardian.cli.text import as_json, moment

Kind = Annotated[str, typer.Argument(help="What the rows are: keys, plugins, users …")]
Row = Annotated[str, typer.Argument(help="The id of the row.")]


@command
def kinds(name: Name, json: Json = False) -> None:
    """List the kinds of rows that a plugin keeps data beside."""
    terminal = Terminal(json=json)
    with connect() as client:
        found = client.get(plugin_path(name, "/rows"))
    terminal.answer(found, lambda: _show_kinds(terminal, found))


@command
def list_rows(
    name: Name,
    kind: Kind,
    after: Annotated[str, typer.Option("--after", help="`next` of the page before.")] = "",
    limit: Annotated[int, typer.Option("--limit", help="How many.")] = 100,
    json: Json = False,
) -> None:
    """List what a plugin keeps beside rows of a kind."""
    terminal = Terminal(json=json)
    query = urlencode({"after": after, "limit": limit})
    with connect() as client:
        page = client.get(f"{_path(name, kind)}?{query}")
    terminal.answer(page, lambda: _show_page(terminal, page))


@command
def show(name: Name, kind: Kind, row: Row, json: Json = False) -> None:
    """Show what a plugin keeps beside a row."""
    terminal = Terminal(json=json)
    with connect() as client:
        found = client.get(_path(name, kind, row))
    terminal.answer(found, partial(_show_row, terminal, found))


@command
def set_row(
    name: Name,
    kind: Kind,
    row: Row,
    data: Annotated[str, typer.Option("--data", help="A JSON object, @FILE, or - for stdin.")],
    json: Json = False,
) -> None:
    """Keep data beside a row; it must fit the plugin's schema."""
    terminal = Terminal(json=json)
    body = {"data": json_object(data, "--data")}
    with connect() as client:
        found = client.put(_path(name, kind, row), body)
    terminal.answer(found, partial(_show_row, terminal, found))


@command
def remove(name: Name, kind: Kind, row: Row, json: Json = False) -> None:
    """Remove what a plugin keeps beside a row."""
    terminal = Terminal(json=json)
    with connect() as client:
        client.delete(_path(name, kind, row))
    answer = {"plugin": name, "kind": kind, "row": row}
    terminal.answer(answer, lambda: terminal.line(f"Removed what {name} kept beside {row}."))


@command
def migrate(name: Name, json: Json = False) -> None:
    """Bring data along that is of another version of the schema."""
    terminal = Terminal(json=json)
    with connect() as client:
        done = client.post(plugin_path(name, "/rows/migrate"))
    terminal.answer(done, lambda: _show_migrated(terminal, done))


def _path(name: str, kind: str, row: str | None = None) -> str:
    rest = f"/rows/{quote(kind, safe='')}"
    return plugin_path(name, rest if row is None else f"{rest}/{quote(row, safe='')}")


def _show_kinds(terminal: Terminal, found: list[dict[str, Any]]) -> None:
    if not found:
        terminal.line("It keeps nothing beside rows.")
        return
    rows = [
        [
            each["kind"],
            str(each["schema_version"]),
            f"{each['rows']:,}",
            f"{each['outdated']:,}",
            f"{each['faults']:,}",
        ]
        for each in found
    ]
    terminal.table(["kind", "schema", "rows", "outdated", "faults"], rows)


def _show_page(terminal: Terminal, page: dict[str, Any]) -> None:
    if not page["rows"]:
        terminal.line("There is nothing.")
        return
    rows = [
        [each["row"], str(each["schema_version"]), as_json(each["data"]), each["fault"]]
        for each in page["rows"]
    ]
    terminal.table(["row", "schema", "data", "fault"], rows)
    if page["next"] is not None:
        terminal.note(f"There are more: --after {page['next']}")


def _show_row(terminal: Terminal, found: dict[str, Any]) -> None:
    terminal.line(as_json(found["data"], indent=2))
    terminal.note(
        f"Version {found['version']} of schema {found['schema_version']}, by "
        f"{found['updated_by']} at {moment(found['updated_at'])}."
    )
    if found["fault"]:
        terminal.note(f"It was not migrated: {found['fault']}", "yellow")


def _show_migrated(terminal: Terminal, done: list[dict[str, Any]]) -> None:
    if not done:
        terminal.line("Everything is of the plugin's own version of the schema.")
        return
    rows = [
        [each["kind"], str(each["schema_version"]), str(each["migrated"]), str(each["failed"])]
        for each in done
    ]
    terminal.table(["kind", "schema", "migrated", "failed"], rows)
