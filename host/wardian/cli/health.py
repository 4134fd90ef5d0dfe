"""Health of an installed plugin: check it now."""

from __future__ import annotations

from typing import Any

import typer

from wardian.cli.client import connect, plugin_path
from wardian.cli.failures import FAILED
from wardian.cli.plugins import Name
from wardian.cli.terminal import Json, Terminal, command
from wardian.cli.vitals import condition

_UNWELL = "unhealthy"


@command
def health(name: Name, json: Json = False) -> None:
    """Check now how a plugin feels.

    The exit status is 1 if it is unhealthy.
    """
    terminal = Terminal(json=json)
    with connect() as client, terminal.busy(f"Checking {name}"):
        found = client.post(plugin_path(name, "/health"))
    terminal.answer(found, lambda: _show(terminal, name, found))
    if found["status"] == _UNWELL:
        raise typer.Exit(FAILED)


def _show(terminal: Terminal, name: str, found: dict[str, Any]) -> None:
    terminal.line(f"{name} is {condition(found).removesuffix('.')}.")
    why = f" ({found['state_reason']})" if found["state_reason"] else ""
    terminal.line(f"state: {found['state']}{why}")
