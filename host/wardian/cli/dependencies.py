"""``wardian deps``: what a plugin needs and what needs it; and requests that concern several."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.text import Text
from rich.tree import Tree

from wardian.cli.client import Client, connect, plugin_path
from wardian.cli.terminal import Json, Terminal, command
from wardian.cli.text import visible
from wardian.client.uploads import Source

_ON = {"active", "degraded", "enabled"}


@command
def deps(
    name: Annotated[str, typer.Argument(help="The plugin's name.")], json: Json = False
) -> None:
    """Show what a plugin needs, and what needs it."""
    terminal = Terminal(json=json)
    with connect() as client:
        view = client.get(plugin_path(name, "/dependencies"))
    terminal.answer(view, lambda: _show(terminal, view))


def dependents_of(client: Client, name: str) -> list[str]:
    """Return the enabled plugins that need ``name``, in the order in which they go before it."""
    view = client.get(plugin_path(name, "/dependencies"))
    found: list[str] = view["enabled_dependents"]
    return found


def install_together(
    packages: list[tuple[str, bytes, bytes | None]], query: Mapping[str, Any]
) -> Any:
    """Install packages in one change, each given with its file's name and its signature if any."""
    files: list[tuple[str, Source]] = []
    for _, package, signature in packages:
        files.append(("package", package))
        files += [] if signature is None else [("signature", signature)]
    with connect() as client:
        return client.upload_files("/installs", files, query)


def _show(terminal: Terminal, view: dict[str, Any]) -> None:
    terminal.line(f"{view['name']} {view['version']} is {view['state']}.", "bold")
    for title, branch in (("needs", "needs"), ("is needed by", "needed_by")):
        tree = Tree(title if view[branch] else f"{title} no other plugin")
        _grow(tree, view[branch], branch)
        terminal.out.print(tree)


def _grow(tree: Tree, items: list[dict[str, Any]], branch: str) -> None:
    for item in items:
        text, style = _told(item, branch)
        label = Text(visible(text), style=style)
        if item["shortened"]:
            label.append(" …", style="dim")
        _grow(tree.add(label), item[branch], branch)


def _told(item: dict[str, Any], branch: str) -> tuple[str, str]:
    if item["version"] is None:
        return f"{item['name']} {item['range']}: not installed", "red"
    style = "" if item["satisfied"] and item["state"] in _ON else "yellow"
    if branch == "needs":
        fits = "" if item["satisfied"] else ", which is not in that range"
        return f"{item['name']} {item['range']}: {item['version']}{fits}, {item['state']}", style
    fits = "" if item["satisfied"] else ", which this version is not"
    return f"{item['name']} {item['version']}, {item['state']}: needs {item['range']}{fits}", style
