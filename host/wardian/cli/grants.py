"""Grants: show them, grant, revoke."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from wardian.cli.client import connect, plugin_path
from wardian.cli.enhancements_asked import show_enhancements
from wardian.cli.plugins import Name
from wardian.cli.reviews import show_review
from wardian.cli.terminal import Json, Terminal, command
from wardian.errors import NotFound

Permissions = Annotated[
    list[str], typer.Argument(help="Permissions, such as kv:read or events:publish:orders.*")
]


@command
def grants(name: Name, json: Json = False) -> None:
    """Show what a plugin asks for and what of it is granted."""
    terminal = Terminal(json=json)
    with connect() as client:
        view = client.get(plugin_path(name, "/grants"))
    _answer(terminal, view)


@command
def grant(name: Name, permissions: Permissions, json: Json = False) -> None:
    """Grant permissions beside those that are granted already."""
    terminal = Terminal(json=json)
    with connect() as client:
        held = client.get(plugin_path(name, "/grants"))["granted"]
        wanted = list(dict.fromkeys([*held, *permissions]))
        view = client.put(plugin_path(name, "/grants"), {"granted": wanted})
    _answer(terminal, view)


@command
def revoke(name: Name, permissions: Permissions, json: Json = False) -> None:
    """Revoke permissions; the next host call that needs one is denied."""
    terminal = Terminal(json=json)
    with connect() as client:
        held = client.get(plugin_path(name, "/grants"))["granted"]
        missing = [permission for permission in permissions if permission not in held]
        if missing:
            raise NotFound(
                f"{name} does not hold {', '.join(missing)}; it holds {', '.join(held) or 'none'}."
            )
        kept = [permission for permission in held if permission not in permissions]
        view = client.put(plugin_path(name, "/grants"), {"granted": kept})
    _answer(terminal, view)


def _answer(terminal: Terminal, view: dict[str, Any]) -> None:
    terminal.answer(view, lambda: _show(terminal, view))


def _show(terminal: Terminal, view: dict[str, Any]) -> None:
    show_review(terminal, view["review"])
    show_enhancements(terminal, view["enhancements"])
