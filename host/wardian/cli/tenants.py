"""Tenants of a host: list and create."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

import typer

from wardian.cli.client import connect
from wardian.cli.terminal import Json, Terminal, command


@command
def list_tenants(json: Json = False) -> None:
    """List the tenants of the host."""
    terminal = Terminal(json=json)
    with connect() as client:
        found = client.get("/tenants")
    rows = [[item["name"]] for item in found]
    terminal.answer({"tenants": found}, lambda: terminal.table(["name"], rows))


@command
def create(
    name: Annotated[str, typer.Argument(help="The tenant's name.")], json: Json = False
) -> None:
    """Make a tenant; give it a key with `wardian keys create --tenant`."""
    terminal = Terminal(json=json)
    with connect() as client:
        made = client.post("/tenants", {"name": name})
    terminal.answer(made, lambda: terminal.line(f"Made the tenant {made['name']}."))


@command
def limits(
    name: Annotated[str, typer.Argument(help="The tenant's name.")],
    rate: Annotated[
        str | None, typer.Option("--rate", help="Requests of all its keys, such as 6000/minute.")
    ] = None,
    key_rate: Annotated[
        str | None, typer.Option("--key-rate", help="The same, of each key without a rate.")
    ] = None,
    json: Json = False,
) -> None:
    """Show how many requests a tenant may make, or set it; "" is what the settings say."""
    terminal = Terminal(json=json)
    path = f"/tenants/{quote(name, safe='')}/limits"
    with connect() as client:
        found = client.get(path)
        given = {"rate": rate, "key_rate": key_rate}
        wanted = {member: value or None for member, value in given.items() if value is not None}
        if wanted:
            found = client.put(path, {**found, **wanted})
    rows = [[member, found[member] or "as the settings say"] for member in given]
    terminal.answer(found, lambda: terminal.table(["bound", "requests"], rows))
