"""Permissions in use: show them, monitor a plugin, and grant as little as it needs."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from wardian.cli.client import connect, plugin_path
from wardian.cli.failures import failure
from wardian.cli.plugins import Name
from wardian.cli.reviews import note_how_to_grant, show_review, show_webhooks
from wardian.cli.terminal import Json, Terminal, command
from wardian.cli.text import moment

_MARK_STYLES = {"+": "green", "-": "red"}


@command
def show(name: Name, json: Json = False) -> None:
    """Show what a plugin asks for, with risks, what is granted, and whether it is monitored."""
    terminal = Terminal(json=json)
    with connect() as client:
        view = client.get(plugin_path(name, "/grants"))
    terminal.answer(view, lambda: _show_grants(terminal, name, view))


@command
def monitor(
    name: Name,
    off: Annotated[bool, typer.Option("--off", help="Record no longer.")] = False,
    json: Json = False,
) -> None:
    """Record which permissions a plugin's calls need, and which they are denied.

    The plugin keeps running with its grants. What was recorded stays until it is cleared.
    """
    terminal = Terminal(json=json)
    with connect() as client:
        view = client.put(plugin_path(name, "/monitoring"), {"enabled": not off})
    told = f"{name} is monitored {'no longer' if off else 'from now on'}."
    terminal.answer(view, lambda: terminal.line(told))


@command
def uses(name: Name, json: Json = False) -> None:
    """Show which permissions a plugin needed while it was monitored."""
    terminal = Terminal(json=json)
    with connect() as client:
        view = client.get(plugin_path(name, "/permissions/uses"))
    terminal.answer(view, lambda: _show_uses(terminal, name, view))


@command
def suggest(
    name: Name,
    include_denied: Annotated[
        bool, typer.Option("--include-denied", help="Cover what was denied, too.")
    ] = False,
    apply: Annotated[bool, typer.Option("--apply", help="Set the suggested grant.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Suggest the smallest grant that would have sufficed, as a difference to the present one.

    In a terminal, --apply asks first.
    """
    terminal = Terminal(json=json)
    path = plugin_path(name, "/permissions/suggestion")
    with connect() as client:
        view = client.get(path + ("?include_denied=true" if include_denied else ""))
        suggestion = view["suggestion"]
        if not json:
            _show_suggestion(terminal, name, view)
        changes = any(line["mark"] != "=" for line in suggestion["lines"])
        if apply and not suggestion["seen"]:
            raise failure("refused", "Nothing was done.", "There is nothing to apply yet.")
        if apply and changes:
            if not yes and not terminal.confirms(f"Set this grant for {name}?"):
                raise failure("refused", "Nothing was done.", f"{name} keeps its grant.")
            client.put(plugin_path(name, "/grants"), {"granted": suggestion["granted"]})
    applied = apply and changes
    terminal.answer(
        {**view, "applied": applied},
        lambda: terminal.line(f"{name} has this grant now.") if applied else None,
    )


@command
def clear(name: Name, json: Json = False) -> None:
    """Forget what was recorded, to begin anew; monitoring stays on or off."""
    terminal = Terminal(json=json)
    with connect() as client:
        client.delete(plugin_path(name, "/permissions/uses"))
    told = f"What {name} needed up to now is forgotten."
    terminal.answer({"cleared": name}, lambda: terminal.line(told))


def _show_grants(terminal: Terminal, name: str, view: dict[str, Any]) -> None:
    monitored = "monitored" if view["monitored"] else "not monitored"
    terminal.line(f"{name} {view['version']}, level {view['effective_level']}, {monitored}", "bold")
    show_review(terminal, view["review"])
    show_webhooks(terminal, view["webhooks"])
    note_how_to_grant(terminal, f"wardian grant {name}", view["review"])


def _show_uses(terminal: Terminal, name: str, view: dict[str, Any]) -> None:
    if not view["uses"]:
        _note_nothing_seen(terminal, name, view["monitored"])
        return
    rows = [
        [
            f"denied ({use['refused_by']})" if use["refused_by"] else "allowed",
            use["permission"],
            f"{use['uses']:,}",
            moment(use["first_at"]),
            moment(use["last_at"]),
            use["last_call_id"],
        ]
        for use in view["uses"]
    ]
    terminal.table(["", "permission", "uses", "first", "last", "last call"], rows)


def _show_suggestion(terminal: Terminal, name: str, view: dict[str, Any]) -> None:
    suggestion = view["suggestion"]
    if not suggestion["seen"]:
        _note_nothing_seen(terminal, name, view["monitored"])
        return
    if all(line["mark"] == "=" for line in suggestion["lines"]):
        terminal.line("The present grant is the smallest that suffices.", "green")
    rows = [
        [
            line["mark"],
            line["permission"],
            f"{line['uses']:,}",
            moment(line["last_at"]),
            line["why"],
        ]
        for line in suggestion["lines"]
    ]
    if rows:
        terminal.table(["", "permission", "uses", "last", "why"], rows, {"": _MARK_STYLES})
    for denied in suggestion["denied"]:
        text = f"{denied['permission']} ({denied['uses']:,} ×, last {moment(denied['last_at'])})"
        terminal.note(f"still denied: {text}")
    if suggestion["denied"]:
        terminal.note("--include-denied covers that, too.")


def _note_nothing_seen(terminal: Terminal, name: str, monitored: bool) -> None:
    if monitored:
        terminal.line(f"Monitoring saw nothing yet: no call of {name} needed a permission.")
    else:
        terminal.line(
            f"{name} is not monitored, and nothing is recorded. Begin with "
            f"`wardian permissions monitor {name}`."
        )
