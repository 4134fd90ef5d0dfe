"""Webhooks that plugins receive: their addresses, and what came of requests."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from wardian.cli.client import connect
from wardian.cli.plugins import Name
from wardian.cli.terminal import Json, Terminal, command
from wardian.cli.text import moment
from wardian.errors import NotFound

_OUTCOMES = ("accepted", "repeated", "rejected", "failed", "unavailable", "unreadable")


@command
def list_hooks(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Only those of this plugin.")
    ] = None,
    json: Json = False,
) -> None:
    """List the webhooks that plugins receive, where each is sent, and what came of requests."""
    terminal = Terminal(json=json)
    with connect() as client:
        found = client.get(_path(name))
    terminal.answer({"webhooks": found}, lambda: _show_list(terminal, found))


@command
def show(
    name: Name,
    webhook: Annotated[str, typer.Argument(help="The webhook's name.")],
    json: Json = False,
) -> None:
    """Show one webhook: its address, its credential, and why requests were refused."""
    terminal = Terminal(json=json)
    with connect() as client:
        found = [each for each in client.get(_path(name)) if each["name"] == webhook]
    if not found:
        raise NotFound(f"{name} has no webhook named {webhook[:64]!r}.")
    terminal.answer(found[0], lambda: _show(terminal, found[0]))


def _path(plugin: str | None) -> str:
    return "/hooks" if plugin is None else f"/hooks?{urlencode({'plugin': plugin})}"


def _show_list(terminal: Terminal, found: list[dict[str, Any]]) -> None:
    if not found:
        terminal.line("No plugin receives webhooks.")
        return
    columns = ["plugin", "webhook", "recipe", "credential", "becomes", "accepted", "refused", "url"]
    rows = [
        [
            each["plugin"],
            each["name"],
            each["recipe"],
            each["credential"],
            each["event"] or "a call",
            f"{each['accepted']:,}",
            f"{sum(each['refused'].values()):,}",
            each["url"],
        ]
        for each in found
    ]
    terminal.table(columns, rows)
    for each in found:
        _show_warnings(terminal, each)


def _show(terminal: Terminal, each: dict[str, Any]) -> None:
    terminal.line(f"{each['plugin']} {each['name']}: POST {each['url']}", "bold")
    becomes = f"published to {each['event']}" if each["event"] else "given to its webhook-handler"
    terminal.line(f"signed as: {each['recipe']}, with the credential {each['credential']}")
    terminal.line(f"becomes: {becomes}")
    for outcome in _OUTCOMES:
        terminal.line(f"{outcome}: {each[outcome]:,}")
    for reason, count in each["refused"].items():
        terminal.line(f"refused, {reason}: {count:,}")
    for name in ("last_accepted_at", "last_refused_at"):
        if each[name]:
            terminal.line(f"{name.removesuffix('_at').replace('_', ' ')}: {moment(each[name])}")
    _show_warnings(terminal, each)


def _show_warnings(terminal: Terminal, each: dict[str, Any]) -> None:
    for warning in each["warnings"]:
        terminal.note(f"warning: {each['plugin']} {each['name']}: {warning}", "yellow")
