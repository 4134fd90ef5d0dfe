"""What the host does around the functions of a plugin, for those who review its manifest."""

from __future__ import annotations

from typing import Any

from wardian.cli.terminal import Terminal


def show_enhancements(terminal: Terminal, items: list[dict[str, Any]]) -> None:
    """Print what a manifest has the host do around functions."""
    if not items:
        return
    terminal.line("The host does around its functions:")
    terminal.table(
        ["function", "what"], [[each["function"], "; ".join(each["does"])] for each in items]
    )


def show_enhancement_changes(terminal: Terminal, items: list[dict[str, Any]]) -> None:
    """Print what the host does otherwise around functions of another version."""
    for each in items:
        before, after = ("; ".join(each[name]) or "nothing" for name in ("before", "after"))
        terminal.line(f"around {each['function']}: {after} (before: {before})")
