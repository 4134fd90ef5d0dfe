"""Credentials: set, list, show, remove. Values come from anywhere but the command line."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer

from wardian.cli.arguments import json_object
from wardian.cli.client import connect
from wardian.cli.failures import failure
from wardian.cli.secrets import SOURCES, read_fields
from wardian.cli.terminal import Json, Terminal, command
from wardian.errors import InvalidArguments
from wardian.vault.kinds import kind_of

Name = Annotated[str, typer.Argument(help="The credential's name, as plugins use it.")]
Plugin = Annotated[
    str | None,
    typer.Option("--plugin", help="The plugin whose own it is; else all of the tenant share it."),
]

_STYLES = {
    "standing": {
        "broken": "bold red",
        "expired": "bold red",
        "expires-soon": "yellow",
        "rotation-due": "yellow",
    },
}


@command
def set_credential(
    name: Name,
    kind: Annotated[
        str, typer.Option("--kind", help="opaque, basic, bearer, hmac-key, aws, private-key, …")
    ],
    plugin: Plugin = None,
    field: Annotated[
        list[str] | None,
        typer.Option("--field", help="A part that is no secret, as NAME=VALUE; repeatable."),
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option("--from", help=f"Where a secret is, as [FIELD=]{SOURCES}; repeatable."),
    ] = None,
    origin: Annotated[
        list[str] | None,
        typer.Option("--origin", help="Where it may go, such as https://api.example.org/v1/."),
    ] = None,
    placement: Annotated[
        str | None,
        typer.Option("--placement", help="How it is put into a request: JSON, @FILE or -."),
    ] = None,
    expires: Annotated[
        str | None, typer.Option("--expires", help="When it ends: 2027-01-31, or with a time.")
    ] = None,
    rotate_days: Annotated[
        int | None, typer.Option("--rotate-days", help="Remind after so many days to replace it.")
    ] = None,
    description: Annotated[str, typer.Option("--description", help="What it is for.")] = "",
    json: Json = False,
) -> None:
    """Set a credential, over the one of this name if there is one.

    Its secret is read from standard input, or asked for in a terminal, unless --from says where it
    is. It is never an argument, because the system shows those to everybody on the machine.
    """
    terminal = Terminal(json=json)
    body = {
        "kind": kind,
        "fields": read_fields(kind_of(kind), field or [], source or []),
        "origins": origin or [],
        "placement": None if placement is None else json_object(placement, "--placement"),
        "expires_at": None if expires is None else _moment(expires),
        "rotate_days": rotate_days,
        "description": description,
    }
    with connect() as client:
        view = client.put(_path(name, plugin), body)
    terminal.answer(view, lambda: _show(terminal, view))


@command
def list_credentials(
    plugin: Annotated[
        str | None, typer.Option("--plugin", help="Only those that are this plugin's own.")
    ] = None,
    json: Json = False,
) -> None:
    """List the tenant's credentials, and what is due of them."""
    terminal = Terminal(json=json)
    with connect() as client:
        found = client.get(f"/credentials{_query(plugin)}")
    answer = {
        "credentials": found,
        "warnings": [f"{_title(item)}: {text}" for item in found for text in item["warnings"]],
    }
    terminal.answer(answer, lambda: _show_all(terminal, answer))


@command
def show(name: Name, plugin: Plugin = None, json: Json = False) -> None:
    """Show a credential without its value, which nothing shows."""
    terminal = Terminal(json=json)
    with connect() as client:
        view = client.get(_path(name, plugin))
    terminal.answer(view, lambda: _show(terminal, view))


@command
def remove(
    name: Name,
    plugin: Plugin = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Remove a credential. In a terminal it asks first."""
    terminal = Terminal(json=json)
    if not yes and not terminal.confirms(f"Remove {name}? Its value is lost."):
        raise failure("refused", "Nothing was done.", f"{name} stays.")
    with connect() as client:
        client.delete(_path(name, plugin))
    terminal.answer({"removed": name}, lambda: terminal.line(f"Removed {name}."))


def _path(name: str, plugin: str | None) -> str:
    return f"/credentials/{quote(name, safe='')}{_query(plugin)}"


def _query(plugin: str | None) -> str:
    return "" if plugin is None else f"?{urlencode({'plugin': plugin})}"


def _moment(text: str) -> str:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidArguments(
            "--expires takes a date such as 2027-01-31, or 2027-01-31T18:00:00+01:00.",
            path="expires_at",
        ) from error
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).isoformat()


def _title(view: dict[str, Any]) -> str:
    return view["name"] if view["plugin"] is None else f"{view['name']} of {view['plugin']}"


def _day(moment: str | None) -> str:
    return "" if moment is None else moment.partition("T")[0]


def _show_all(terminal: Terminal, answer: dict[str, Any]) -> None:
    if not answer["credentials"]:
        terminal.line("There are no credentials.")
        return
    rows = [
        [
            view["name"],
            view["plugin"] or "all",
            view["kind"],
            ", ".join(view["origins"]) or "nowhere",
            _day(view["expires_at"]),
            _day(view["last_used_at"]) or "never",
            view["standing"],
        ]
        for view in answer["credentials"]
    ]
    columns = ["name", "plugin", "kind", "goes to", "expires", "last used", "standing"]
    terminal.table(columns, rows, _STYLES)
    for warning in answer["warnings"]:
        terminal.line(warning, "yellow")


def _show(terminal: Terminal, view: dict[str, Any]) -> None:
    terminal.line(f"{_title(view)}: {view['kind']}, version {view['version']}", "bold")
    told = {
        "for": view["description"],
        **{name: _text(value) for name, value in view["public"].items()},
        "goes to": ", ".join(view["origins"]) or "nowhere",
        "expires": _day(view["expires_at"]),
        "set": f"{_day(view['updated_at'])} by {view['updated_by']}",
        "last used": _day(view["last_used_at"]) or "never",
    }
    for name, text in told.items():
        if text:
            terminal.line(f"{name}: {text}")
    for warning in view["warnings"]:
        terminal.line(warning, "yellow")


def _text(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
