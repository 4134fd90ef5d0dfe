"""Tenants of a host: list and create."""

from __future__ import annotations

from typing import Annotated

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
