"""The table on the screen."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks.figures import Figure, Row

MET = {True: "[green]met[/green]", False: "[red]not met[/red]", None: ""}


def show(console: Console, figures: Sequence[Figure]) -> None:
    """Print a line for each figure."""
    table = Table(box=SIMPLE_HEAD)
    table.add_column("what", no_wrap=True)
    table.add_column("ours", justify="right")
    table.add_column("unit")
    table.add_column("peers")
    table.add_column("ratio", justify="right")
    table.add_column("goal", justify="right")
    table.add_column("")
    for figure in figures:
        table.add_row(*cells(figure), MET[figure.met])
    console.print(table)


def cells(figure: Figure) -> tuple[str, ...]:
    """What, ours, unit, peers, ratio and goal, as text."""
    ratio = figure.ratio
    return (
        figure.row.name,
        number(figure.ours),
        figure.row.unit,
        " · ".join(f"{name} {number(value)}" for name, value in figure.peers.items()),
        "" if ratio is None else f"{ratio:.2g}" if ratio < 100 else f"{ratio:.0f}",
        goal_text(figure.row),
    )


def goal_text(row: Row) -> str:
    """A row's goal in words; empty where it has none."""
    goal = row.goal
    if goal is None:
        return ""
    sign = "≥" if goal.at_least else "≤"
    return f"{sign} {goal.bound:g} {row.unit if goal.absolute else f'× {row.main}'}"


def number(value: float) -> str:
    """Three significant digits, without an exponent."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
