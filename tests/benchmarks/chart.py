"""The chart in the docs: what crossing the boundary costs, on a logarithmic scale, as SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from benchmarks.figures import Figure
from benchmarks.floor import FLOOR
from benchmarks.peers import EXTISM, EXTISM_FRESH, PLAIN

OURS = "Wardian"
COLOURS = {FLOOR: "#8c959f", PLAIN: "#0969da", EXTISM: "#bc4c00", OURS: "#1a7f37"}
NAMES = {FLOOR: "raw C call", PLAIN: "plain wasmtime.component", EXTISM: "Extism", OURS: OURS}

LEFT, TOP, WIDTH, LINE, RADIUS = 220, 56, 510, 26, 5
RIGHT = 30

_TICKS = {
    1: "1 µs",
    10: "10 µs",
    100: "100 µs",
    1e3: "1 ms",
    1e4: "10 ms",
    1e5: "100 ms",
    1e6: "1 s",
}


def svg(figures: Sequence[Figure]) -> str:
    """Draw a line of dots, ours and the peers', for each figure in microseconds."""
    shown = [figure for figure in figures if _is_shown(figure)]
    decades = max(1.0, *(math.log10(max(_dots(figure).values())) for figure in shown)) + 0.1
    height = TOP + LINE * len(shown) + 12
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + RIGHT} {height}" '
        'font-family="system-ui, sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        *_legend(),
        *_axis(decades, height - 8),
    ]
    for number, figure in enumerate(shown):
        parts += _line(figure, TOP + LINE * number + LINE / 2, decades)
    return "\n".join([*parts, "</svg>", ""])


def _is_shown(figure: Figure) -> bool:
    return figure.row.unit == "µs" and PLAIN in figure.peers


def _dots(figure: Figure) -> dict[str, float]:
    found = dict(figure.peers)
    found[EXTISM] = found.pop(EXTISM_FRESH, found.get(EXTISM, 0.0))
    return {OURS: figure.ours, **{name: found[name] for name in NAMES if found.get(name)}}


def _legend() -> list[str]:
    parts: list[str] = []
    at = LEFT
    for name in (OURS, EXTISM, PLAIN, FLOOR):
        parts.append(f'<circle cx="{at}" cy="16" r="{RADIUS}" fill="{COLOURS[name]}"/>')
        parts.append(_text(at + 10, 20, NAMES[name]))
        at += 40 + 7 * len(NAMES[name])
    return parts


def _axis(decades: float, bottom: float) -> list[str]:
    parts: list[str] = []
    for value, label in _TICKS.items():
        if value > 10**decades:
            break
        at = _x(value, decades)
        parts.append(
            f'<line x1="{at:.1f}" y1="{TOP}" x2="{at:.1f}" y2="{bottom:g}" stroke="#d0d7de"/>'
        )
        parts.append(_text(at, TOP - 8, label, anchor="middle", colour="#59636e"))
    return parts


def _line(figure: Figure, y: float, decades: float) -> list[str]:
    dots = _dots(figure)
    places = {name: _x(value, decades) for name, value in dots.items()}
    first, last = min(places.values()), max(places.values())
    parts = [
        _text(LEFT - 14, y + 4, figure.row.name, anchor="end"),
        f'<line x1="{first:.1f}" y1="{y:g}" x2="{last:.1f}" y2="{y:g}" stroke="#afb8c1"/>',
    ]
    for name in (FLOOR, PLAIN, EXTISM, OURS):
        if name in places:
            parts.append(
                f'<circle cx="{places[name]:.1f}" cy="{y:g}" r="{RADIUS}" fill="{COLOURS[name]}">'
                f"<title>{NAMES[name]}: {dots[name]:.3g} µs</title></circle>"
            )
    return parts


def _x(value: float, decades: float) -> float:
    # The scale starts a little under a microsecond: a host function can be that quick.
    low = -0.5
    return LEFT + WIDTH * (math.log10(value) - low) / (decades - low)


def _text(x: float, y: float, text: str, *, anchor: str = "start", colour: str = "#1f2328") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:g}" text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>'
    )
