"""How a configuration came to be what it is: explained, its history, taken back, read anew."""

from __future__ import annotations

from typing import Annotated

import typer

from wardian.cli.client import connect
from wardian.cli.config import Note, TenantWide, Version, config_path, if_match, whose
from wardian.cli.config_showing import show_explanation, show_history, show_reloaded
from wardian.cli.failures import FAILED
from wardian.cli.terminal import Json, Terminal, command

OneName = Annotated[str | None, typer.Argument(help="The plugin.", metavar="NAME")]


@command
def explain(name: OneName = None, tenant_wide: TenantWide = False, json: Json = False) -> None:
    """Show where each value came from, who set it and when, and what it lies over."""
    terminal = Terminal(json=json)
    plugin, _ = whose(_words(name), tenant_wide=tenant_wide)
    with connect() as client:
        found = client.get(config_path(plugin, "/explain"))
    terminal.answer(found, lambda: show_explanation(terminal, found))


@command
def history(
    name: OneName = None,
    tenant_wide: TenantWide = False,
    limit: Annotated[int, typer.Option("--limit", help="How many of the newest.")] = 20,
    before: Annotated[
        int | None, typer.Option("--before", help="`next` of the page before.")
    ] = None,
    json: Json = False,
) -> None:
    """List the changes, the newest first: who changed what from what to what; no secrets."""
    terminal = Terminal(json=json)
    plugin, _ = whose(_words(name), tenant_wide=tenant_wide)
    query = {"limit": str(limit)} | ({} if before is None else {"before": str(before)})
    with connect() as client:
        page = client.get(config_path(plugin, "/history", query))
    terminal.answer(page, lambda: show_history(terminal, page))


@command
def revert(
    words: Annotated[
        list[str] | None,
        typer.Argument(help="The plugin, and the change's id.", metavar="NAME CHANGE"),
    ] = None,
    tenant_wide: TenantWide = False,
    note: Note = None,
    version: Version = None,
    json: Json = False,
) -> None:
    """Have a layer be again what it was after a change of the history."""
    terminal = Terminal(json=json)
    plugin, rest = whose(words, tenant_wide=tenant_wide)
    if len(rest) != 1 or not rest[0].isdecimal():
        raise typer.BadParameter("Give the id of one change; `wardian config history` has them.")
    query = {} if note is None else {"note": note}
    path = config_path(plugin, "/revert", query)
    with connect() as client:
        values = client.send("POST", path, {"to": int(rest[0])}, if_match(version))
    terminal.answer(values, lambda: terminal.value(values))


@command
def reload(json: Json = False) -> None:
    """Read the tenant's file of configuration now; exit 1 if it cannot be taken."""
    terminal = Terminal(json=json)
    with connect() as client:
        found = client.post("/config/reload")
    terminal.answer(found, lambda: show_reloaded(terminal, found))
    if found["faults"]:
        raise typer.Exit(FAILED)


def _words(name: str | None) -> list[str]:
    return [] if name is None else [name]
