"""The plot in the docs: what the played agents have come to, as small charts in one SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from statistics import fmean

from simulation.scenarios import (
    BUDGET,
    DRIFT_AT,
    OUTAGE,
    PROMISES,
    QUESTIONS,
    SEEDS,
    drift,
    drift_unaged,
    outage,
    over_time,
    promise,
    regret,
    spending,
)
from simulation.world import World

WIDTH, HEIGHT, LEFT, TOP = 300, 170, 48, 62
CELL_WIDTH, CELL_HEIGHT, COLUMNS = 390, 290, 2
POINTS = 150

COLOURS = ("#1a7f37", "#bc4c00", "#0969da", "#8250df", "#bf3989", "#57606a", "#9a6700")


@dataclass(frozen=True, slots=True)
class Line:
    """One line: a value for each step, all of the same distance."""

    name: str
    values: Sequence[float]


@dataclass(frozen=True, slots=True)
class Chart:
    """One of the small charts.

    Attributes:
        marks: shares of the width at which something happens.
    """

    title: str
    lines: Sequence[Line]
    top: float
    marks: Sequence[float] = ()
    x_label: str = "questions"


def charts() -> list[Chart]:
    """Play everything, and return what is drawn of it."""
    few = list(SEEDS)[:5]
    return [
        Chart(
            "Questions that go to whom the strategy promises",
            [Line(name, _shares([promise(name, seed) for seed in few])) for name in PROMISES],
            1.0,
        ),
        Chart(
            f"Regret, mean of {len(SEEDS)} seeds",
            [
                Line(name, _mean([regret(name, seed) for seed in SEEDS]))
                for name in ("thompson", "round-robin")
            ],
            max(regret("round-robin", 1)),
        ),
        _outage(few),
        Chart(
            "One gets worse half of the way: right choices",
            [
                Line("what was seen grows old", _shares([drift(seed) for seed in few])),
                Line("it does not", _shares([drift_unaged(seed) for seed in few])),
            ],
            1.0,
            (DRIFT_AT / (QUESTIONS * 60.0),),
        ),
        _spending(),
    ]


def _outage(seeds: Sequence[int]) -> Chart:
    runs = [outage(seed) for seed in seeds]
    names = list(runs[0].agents)
    lines = [
        Line(
            name,
            _mean([over_time([float(s.chosen == name) for s in run.steps]) for run in runs]),
        )
        for name in names
    ]
    marks = [moment / QUESTIONS for moment in OUTAGE]
    return Chart("The fastest fails for a while: who is asked", lines, 1.0, marks)


def _spending() -> Chart:
    steps = spending("weighted", 1).steps
    return Chart(
        "A budget, and what is spent and held of it",
        [
            Line("spent", [step.spent / BUDGET for step in steps]),
            Line("spent and held", [(step.spent + step.held) / BUDGET for step in steps]),
        ],
        1.0,
    )


def _shares(runs: Sequence[World]) -> list[float]:
    return _mean([over_time([float(step.was_right) for step in run.steps]) for run in runs])


def _mean(runs: Sequence[Sequence[float]]) -> list[float]:
    return [fmean(values) for values in zip(*runs, strict=True)]


def svg(drawn: Sequence[Chart]) -> str:
    """Draw charts beside and below one another."""
    rows = -(-len(drawn) // COLUMNS)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {CELL_WIDTH * COLUMNS} '
        f'{CELL_HEIGHT * rows}" font-family="system-ui, sans-serif" font-size="11">',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
    ]
    for number, chart in enumerate(drawn):
        row, column = divmod(number, COLUMNS)
        parts.append(f'<g transform="translate({column * CELL_WIDTH} {row * CELL_HEIGHT})">')
        parts += _chart(chart)
        parts.append("</g>")
    return "\n".join([*parts, "</svg>", ""])


def _chart(chart: Chart) -> list[str]:
    parts = [_text(LEFT, 18, chart.title, size=12.5)]
    at, line = LEFT, 34
    for number, each in enumerate(chart.lines):
        width = 16 + 6.2 * len(each.name)
        if at + width > CELL_WIDTH:
            at, line = LEFT, line + 15
        parts.append(f'<circle cx="{at + 4:.1f}" cy="{line - 4}" r="4" fill="{_colour(number)}"/>')
        parts.append(_text(at + 12, line, each.name))
        at += round(width) + 6
    for share in (0.0, 0.5, 1.0):
        y = _y(share)
        parts.append(
            f'<line x1="{LEFT}" y1="{y:.1f}" x2="{LEFT + WIDTH}" y2="{y:.1f}" stroke="#d0d7de"/>'
        )
        parts.append(_text(LEFT - 6, y + 4, f"{share * chart.top:.3g}", anchor="end"))
    for mark in chart.marks:
        x = LEFT + WIDTH * mark
        parts.append(
            f'<line x1="{x:.1f}" y1="{_y(1):.1f}" x2="{x:.1f}" y2="{_y(0):.1f}" '
            'stroke="#8c959f" stroke-dasharray="4 3"/>'
        )
    parts += [_path(each, number, chart.top) for number, each in enumerate(chart.lines)]
    count = len(chart.lines[0].values)
    parts.append(_text(LEFT + WIDTH, _y(0) + 16, f"{count} {chart.x_label}", anchor="end"))
    return parts


def _path(line: Line, number: int, top: float) -> str:
    step = max(1, len(line.values) // POINTS)
    last = len(line.values) - 1
    points = " ".join(
        f"{LEFT + WIDTH * place / last:.1f},{_y(line.values[place] / top):.1f}"
        for place in range(0, last + 1, step)
    )
    return (
        f'<polyline points="{points}" fill="none" stroke="{_colour(number)}" stroke-width="1.6">'
        f"<title>{escape(line.name)}</title></polyline>"
    )


def _y(share: float) -> float:
    return TOP + HEIGHT * (1.0 - min(max(share, 0.0), 1.05))


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", size: float | None = None
) -> str:
    bold = f' font-size="{size}" font-weight="600"' if size else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="#1f2328"{bold}>'
        f"{escape(text)}</text>"
    )
