"""What `wardian top` shows: one answer of the host, and what has changed since the one before."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from wardian.cli.plots import bar, seconds, short, sparkline
from wardian.cli.text import size, visible

HISTORY = 60
_BAR_WIDTH = 10
_BUSY_WIDTH = 12
_CHROME_LINES = 7


class Sort(StrEnum):
    """What the busiest is told by."""

    CALLS = "calls"
    ERRORS = "errors"
    P99 = "p99"
    FUEL = "fuel"
    EGRESS = "egress"
    COST = "cost"
    NAME = "name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """What calls used a second."""

    calls: float
    errors: float
    fuel: float
    egress: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One function, with what it used a second."""

    plugin: str
    function: str
    rate: Rate
    recent: Mapping[str, Any]
    today: Mapping[str, Any]


@dataclass(slots=True)
class Frames:
    """Answers one after the other; the rates are of the time between the last two."""

    sort: Sort = Sort.CALLS
    before: dict[str, Any] | None = None
    history: deque[float] = field(default_factory=lambda: deque(maxlen=HISTORY))

    def take(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Take the next answer; return it with rates, as `--json` prints it."""
        before, self.before = self.before, answer
        whole = _rate(answer, answer, before, before)
        self.history.append(whole.calls)
        earlier = {} if before is None else {_place(row): row for row in before["rows"]}
        lines = [
            Line(
                plugin=row["plugin"],
                function=row["function"],
                rate=_rate(row, answer, earlier.get(_place(row), _NOTHING), before),
                recent=row["recent"],
                today=row["today"],
            )
            for row in answer["rows"]
        ]
        return {**answer, "rate": whole, "lines": sorted(lines, key=_ORDERS[self.sort])}

    def draw(
        self, frame: dict[str, Any], where: str, space: tuple[int, int] | None
    ) -> RenderableType:
        """Draw a frame for a terminal of so many columns and lines; None for one of any."""
        room = None if space is None else max(1, space[1] - _CHROME_LINES)
        shown = frame["lines"][:room]
        left_out = len(frame["lines"]) - len(shown) + frame["rows_left_out"]
        parts: list[RenderableType] = [*_head(frame, where, self.history), _table(shown, space)]
        if left_out:
            parts.append(Text(f"{left_out:,} more functions", style="dim"))
        return Group(*parts)


_NO_TOTALS: Mapping[str, Any] = {
    "calls": 0,
    "errors": 0,
    "fuel": 0,
    "egress_sent_bytes": 0,
    "egress_received_bytes": 0,
}
_NOTHING: Mapping[str, Any] = {"today": _NO_TOTALS, "recent": _NO_TOTALS}


def _place(row: Mapping[str, Any]) -> tuple[str, str]:
    return row["plugin"], row["function"]


def _rate(
    row: Mapping[str, Any],
    answer: Mapping[str, Any],
    earlier: Mapping[str, Any] | None,
    before: Mapping[str, Any] | None,
) -> Rate:
    """Take what was used between two answers; of the first, or over midnight, what was lately."""
    if earlier is not None and before is not None:
        apart = _at(answer) - _at(before)
        if apart > 0 and row["today"]["calls"] >= earlier["today"]["calls"]:
            return _between(row["today"], earlier["today"], apart)
    return _between(row["recent"], _NO_TOTALS, answer["seconds"])


def _between(later: Mapping[str, Any], earlier: Mapping[str, Any], apart: float) -> Rate:
    return Rate(
        calls=(later["calls"] - earlier["calls"]) / apart,
        errors=(later["errors"] - earlier["errors"]) / apart,
        fuel=(later["fuel"] - earlier["fuel"]) / apart,
        egress=(_egress(later) - _egress(earlier)) / apart,
    )


def _egress(totals: Mapping[str, Any]) -> int:
    return int(totals["egress_sent_bytes"] + totals["egress_received_bytes"])


def _at(answer: Mapping[str, Any]) -> float:
    return datetime.fromisoformat(answer["at"]).timestamp()


_ORDERS: Mapping[Sort, Callable[[Line], Any]] = {
    Sort.CALLS: lambda line: (-line.rate.calls, -line.today["calls"], line.plugin, line.function),
    Sort.ERRORS: lambda line: (-line.rate.errors, -line.today["errors"], line.plugin),
    Sort.P99: lambda line: (-(line.recent["p99"] or 0), line.plugin, line.function),
    Sort.FUEL: lambda line: (-line.rate.fuel, -line.today["fuel"], line.plugin),
    Sort.EGRESS: lambda line: (-line.rate.egress, -_egress(line.today), line.plugin),
    Sort.COST: lambda line: (-float(line.today["cost"]), line.plugin, line.function),
    Sort.NAME: lambda line: (line.plugin, line.function),
}


def _head(frame: Mapping[str, Any], where: str, history: Sequence[float]) -> list[RenderableType]:
    rate, today, workers = frame["rate"], frame["today"], frame["workers"]
    total = workers["busy"] + workers["idle"]
    share = workers["busy"] / total if total else 0.0
    failed = rate.errors / rate.calls if rate.calls else 0.0
    title = Text.assemble(
        ("wardian top", "bold"),
        f"  {visible(where)}  {frame['at'][11:19]} UTC  ",
        overflow="ellipsis",
    )
    now = Text.assemble(
        (f"{short(rate.calls):>6}", "bold cyan"),
        " calls/s  ",
        (f"{short(rate.errors)} failed/s ({failed:.0%})", "red" if rate.errors else "dim"),
        f"  p50 {seconds(frame['recent']['p50']) or '-'}"
        f"  p99 {seconds(frame['recent']['p99']) or '-'}"
        f"  {short(rate.fuel)} fuel/s  {size(int(rate.egress))}/s egress",
        overflow="ellipsis",
    )
    busy = Text.assemble(
        "workers ",
        (bar(share, _BUSY_WIDTH), "green" if share < 0.8 else "yellow"),
        f" {workers['busy']} of {total} busy, ",
        (f"{workers['queued']} queued", "yellow" if workers["queued"] else "dim"),
        f"   today {today['calls']:,} calls, {today['errors']:,} failed, "
        f"{_cost(today)} {visible(frame['currency'])}",
        overflow="ellipsis",
    )
    line = Text(sparkline(history).rjust(HISTORY), style="cyan", overflow="crop")
    for each in (title, now, busy, line):
        each.no_wrap = True
    return [title, now, busy, line]


def _table(lines: Sequence[Line], space: tuple[int, int] | None) -> Table:
    """Draw the functions; where it is narrow, without what matters least."""
    width = _ANY_WIDTH if space is None else space[0]
    table = Table(box=None, pad_edge=False, header_style="bold reverse", expand=space is not None)
    table.add_column("plugin", no_wrap=True, overflow="ellipsis", ratio=2, min_width=8)
    table.add_column("function", no_wrap=True, overflow="ellipsis", ratio=3, min_width=8)
    names = [name for name, least in _COLUMNS.items() if width >= least]
    for name in names:
        is_bar = name == _BAR
        table.add_column(
            "" if is_bar else name, justify="left" if is_bar else "right", no_wrap=True
        )
    most = max((line.rate.calls for line in lines), default=0.0) or 1.0
    for line in lines:
        cells = _cells(line, most)
        named = [Text(visible(line.plugin)), Text(visible(line.function))]
        table.add_row(
            *named, *map(cells.__getitem__, names), style="" if line.rate.calls else "dim"
        )
    return table


_ANY_WIDTH = 1_000
_BAR = "bar"
_COLUMNS = {
    "calls/s": 0,
    _BAR: 110,
    "failed/s": 0,
    "p50": 0,
    "p99": 0,
    "fuel/s": 70,
    "egress/s": 90,
    "today": 80,
    "cost": 100,
}
"""By name, from which width of the terminal on it is there."""


def _cells(line: Line, most: float) -> dict[str, Text]:
    rate = line.rate
    return {
        "calls/s": Text(short(rate.calls)),
        _BAR: Text(bar(rate.calls / most, _BAR_WIDTH), style="cyan"),
        "failed/s": Text(short(rate.errors), style="red" if rate.errors else ""),
        "p50": Text(seconds(line.recent["p50"])),
        "p99": Text(seconds(line.recent["p99"])),
        "fuel/s": Text(short(rate.fuel)),
        "egress/s": Text(size(int(rate.egress))),
        "today": Text(f"{line.today['calls']:,}"),
        "cost": Text(_cost(line.today)),
    }


def _cost(totals: Mapping[str, Any]) -> str:
    """Round a cost for people; `wardian analytics` has it exactly."""
    return f"{float(totals['cost']):.4g}"
