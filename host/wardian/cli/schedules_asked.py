"""The schedules of a manifest, for those who review it."""

from __future__ import annotations

from typing import Any

from wardian.cli.terminal import Terminal


def show_asked(terminal: Terminal, schedules: list[dict[str, Any]]) -> None:
    """Print what a manifest has the host do by itself, for those who review it."""
    if not schedules:
        return
    terminal.line("The host does by itself:")
    columns = ["schedule", "when", "what", "missed"]
    rows = [[each["name"], each["when"], each["does"], each["missed"]] for each in schedules]
    terminal.table(columns, rows)
