"""Differences between two versions of a component, as a table for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from wardian.cli.terminal import Terminal


def show_changes(terminal: Terminal, changes: Iterable[Mapping[str, Any]]) -> None:
    """Print the changes of `wardian.plugins.compatibility`, as JSON objects."""
    rows = [
        [
            "breaking" if change["breaking"] else "",
            change["kind"],
            f"{change['subject']} ({change['place']})" if change["place"] else change["subject"],
            change["text"],
        ]
        for change in changes
    ]
    terminal.table(["", "change", "where", "what"], rows)
