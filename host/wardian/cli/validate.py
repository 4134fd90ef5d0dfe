"""``wardian validate``: would a host take this manifest, and does it fit its component."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from wardian.cli.authoring.manifest import Checked, check_at
from wardian.cli.local import inspect_once
from wardian.cli.terminal import Json, Terminal, command
from wardian.errors import Fault
from wardian.plugins.enhancements import check_enhancements
from wardian.plugins.faults import located
from wardian.plugins.manifest_schema import manifest_schema
from wardian.policy.levels import LEVELS
from wardian.runtime.schedules.checks import check_functions
from wardian.sandbox import Description


@command
def validate(
    path: Annotated[
        Path, typer.Argument(help="A plugin's directory, a plugin.toml or a .wardian package.")
    ] = Path(),
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of plugin.toml, for editors.")
    ] = False,
    json: Json = False,
) -> None:
    """Check a manifest, and its component if there is one, as a host does at install.

    Every fault is shown with its line. Exits with 1 if there is one; warnings do not count.
    """
    terminal = Terminal(json=json)
    if schema:
        found = manifest_schema()
        terminal.answer(found, lambda: terminal.value(found))
        return
    checked = check_at(path)
    description = _inspected(terminal, checked)
    if description is not None:
        with located(checked.source):
            check_functions(checked.manifest, description)
            check_enhancements(checked.manifest.enhancements, description.functions)
    warnings = checked.remarks(description.imports, description.functions) if description else []
    answer = {
        "valid": True,
        "name": checked.manifest.name,
        "version": checked.manifest.version,
        "component": description.digest if description else None,
        "warnings": [described(warning) for warning in warnings],
    }
    terminal.answer(answer, lambda: _show(terminal, checked, warnings))


def warn(terminal: Terminal, warnings: list[Fault]) -> None:
    """Tell people what a manifest could do better."""
    for warning in warnings:
        terminal.note(f"warning: {warning}", "yellow")


def described(warning: Fault) -> dict[str, Any]:
    """Return a warning as a JSON object."""
    return {name: value for name, value in asdict(warning).items() if value is not None}


def _inspected(terminal: Terminal, checked: Checked) -> Description | None:
    """Compile the component, if there is one, as strictly as the manifest's level is."""
    if checked.component is None:
        return None
    wasi = LEVELS[checked.manifest.sandbox_level].wasi
    with terminal.busy(f"Compiling {checked.manifest.name}"):
        return asyncio.run(inspect_once(checked.component, wasi=wasi))


def _show(terminal: Terminal, checked: Checked, warnings: list[Fault]) -> None:
    manifest = checked.manifest
    what = "manifest and component are" if checked.component is not None else "the manifest is"
    terminal.line(f"{manifest.name} {manifest.version}: {what} valid.", "bold green")
    warn(terminal, warnings)
