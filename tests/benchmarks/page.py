"""The figures in ``docs/benchmarks.md`` and the chart beside it."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from benchmarks import chart
from benchmarks.figures import Figure
from benchmarks.table import cells

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "benchmarks.md"
CHART = DOCS / "images" / "benchmarks.svg"

_FIGURES = re.compile(r"(<!-- figures: .*? -->\n).*(<!-- end of figures -->)", re.DOTALL)
_MET = {True: "yes", False: "**no**", None: ""}


def write(figures: Sequence[Figure]) -> None:
    """Put these figures in place of those that the page has."""
    PAGE.write_text(with_figures(PAGE.read_text(encoding="utf-8"), figures), encoding="utf-8")
    CHART.parent.mkdir(exist_ok=True)
    CHART.write_text(chart.svg(figures), encoding="utf-8")


def with_figures(text: str, figures: Sequence[Figure]) -> str:
    """Return the page's text with these figures."""
    return _FIGURES.sub(lambda found: found[1] + _section(figures) + found[2], text)


def _section(figures: Sequence[Figure]) -> str:
    lines = [
        f"{datetime.now(UTC).date()}, {os.cpu_count()} shared cores ({platform.machine()}, "
        f"{platform.system()}), Python {platform.python_version()}, "
        f"wasmtime {metadata.version('wasmtime')}, Extism {metadata.version('extism-sys')} "
        f"(SDK {metadata.version('extism')}):",
        "",
        "| what | ours | unit | peers | ratio | goal | met |",
        "|---|--:|---|---|--:|--:|---|",
    ]
    for figure in figures:
        lines.append(f"| {' | '.join(map(_cell, cells(figure)))} | {_MET[figure.met]} |")
    return "\n".join([*lines, ""])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
