"""The tenant's policy of trust: show it, set it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from wardian.cli.client import connect
from wardian.cli.terminal import Json, Terminal, command
from wardian.errors import InvalidArguments


@command
def show(json: Json = False) -> None:
    """Show the tenant's policy, its publishers, and what its operator revoked."""
    terminal = Terminal(json=json)
    with connect() as client:
        policy = client.get("/trust/policy")
        publishers = client.get("/publishers")
        revocations = client.get("/revocations")
    found = {"policy": policy, "publishers": publishers, "revocations": revocations}

    def shown() -> None:
        _show_policy(terminal, policy)
        names = ", ".join(publisher["name"] for publisher in publishers) or "none"
        terminal.line(f"publishers: {names} (`wardian publishers list`)")
        terminal.line(f"revocations: {len(revocations)} (`wardian revocations list`)")

    terminal.answer(found, shown)


@command
def set_policy(
    unsigned: Annotated[
        str | None,
        typer.Option("--unsigned", help="Packages without a signature: allow, warn or refuse."),
    ] = None,
    stale: Annotated[
        str | None,
        typer.Option(
            "--stale", help="Uploads while the publisher's list has expired: warn or refuse."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Change the tenant's policy; installed plugins that it refuses are quarantined."""
    terminal = Terminal(json=json)
    if unsigned is None and stale is None:
        raise InvalidArguments("Say what to set: --unsigned or --stale.")
    with connect() as client:
        policy = client.put("/trust/policy", {"unsigned": unsigned, "stale": stale})

    def shown() -> None:
        _show_policy(terminal, policy)
        show_quarantined(terminal, policy)

    terminal.answer(policy, shown)


def show_quarantined(terminal: Terminal, view: Mapping[str, Any]) -> None:
    """Say which plugins a change of trust set aside."""
    for name in view["quarantined"]:
        terminal.line(f"{name} is quarantined.", "yellow")


def _show_policy(terminal: Terminal, policy: Mapping[str, Any]) -> None:
    terminal.line(f"unsigned: {policy['unsigned']}")
    terminal.line(f"stale: {policy['stale']}")
