"""Whether this machine can run a host, and how well it holds what the host runs."""

from __future__ import annotations

import asyncio

import typer

from wardian.cli.checks import Check, Status, all_checks
from wardian.cli.failures import FAILED
from wardian.cli.serve import DataDir, chosen_settings
from wardian.cli.terminal import Json, Terminal, command

_STYLES = {Status.OK: "green", Status.WEAK: "yellow", Status.FAILED: "bold red"}


@command
def doctor(data_dir: DataDir = None, json: Json = False) -> None:
    """Check what a host needs of this machine; exit 1 if something required is missing."""
    terminal = Terminal(json=json)
    checks = asyncio.run(all_checks(chosen_settings(data_dir, None, None)))
    usable = all(check.status is not Status.FAILED for check in checks)
    terminal.answer({"usable": usable, "checks": checks}, lambda: _show(terminal, checks))
    if not usable:
        raise typer.Exit(FAILED)


def _show(terminal: Terminal, checks: list[Check]) -> None:
    rows = [[check.name, check.status.value, check.found] for check in checks]
    terminal.table(["check", "status", "found"], rows)
    for check in checks:
        if check.status is not Status.OK:
            terminal.line("")
            terminal.line(f"{check.name}: {check.found}", _STYLES[check.status])
            terminal.line(check.advice)
