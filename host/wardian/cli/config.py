"""Configuration of an installed plugin: get and set."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from wardian.cli.arguments import json_object, pairs
from wardian.cli.client import connect, plugin_path
from wardian.cli.plugins import Name
from wardian.cli.terminal import Json, Terminal, command
from wardian.errors import InvalidArguments, NotFound


@command
def get(
    name: Name,
    key: Annotated[str | None, typer.Argument(help="One value only.")] = None,
    json: Json = False,
) -> None:
    """Show a plugin's configuration."""
    terminal = Terminal(json=json)
    with connect() as client:
        values = client.get(plugin_path(name, "/config"))
    if key is None:
        terminal.answer(values, lambda: terminal.value(values))
        return
    if key not in values:
        known = ", ".join(values) or "nothing"
        raise NotFound(f"The configuration of {name} has no {key!r}; it has {known}.")
    terminal.answer({key: values[key]}, lambda: terminal.value(values[key]))


@command
def set_values(
    name: Name,
    changes: Annotated[
        list[str] | None, typer.Argument(help="KEY=VALUE, a value being JSON or plain text.")
    ] = None,
    replace: Annotated[
        str | None,
        typer.Option("--replace", help="The whole configuration: JSON, @FILE, or - for stdin."),
    ] = None,
    json: Json = False,
) -> None:
    """Change values of a plugin's configuration, or replace it whole."""
    terminal = Terminal(json=json)
    if (replace is None) == (not changes):
        raise InvalidArguments("Give either KEY=VALUE or --replace JSON.")
    with connect() as client:
        path = plugin_path(name, "/config")
        wanted: dict[str, Any]
        if replace is not None:
            wanted = json_object(replace, "--replace")
        else:
            wanted = {**client.get(path), **pairs(changes or [], "config set")}
        values = client.put(path, wanted)
    terminal.answer(values, lambda: terminal.value(values))
