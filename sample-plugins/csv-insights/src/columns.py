"""One column: what kind of values it has, and their statistics."""

import math
import re
import statistics
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

MISSING = frozenset({"", "na", "n/a", "null", "none", "nan", "-"})
BOOLEANS = frozenset({"true", "false", "yes", "no"})
COMMON_SHOWN = 5

# A number does not begin with a zero that carries nothing: 007 and 04103 are codes, not numbers.
_INTEGER = re.compile(r"[+-]?(0|[1-9][0-9]*)")
_NUMBER = re.compile(r"[+-]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ].+)?")


@dataclass(frozen=True)
class Column:
    """The values of a column as they are written, and what could be computed from them."""

    kind: str
    values: list[str]
    missing: int
    unique: int
    most_common: list[tuple[str, int]]
    minimum: str | None = None
    maximum: str | None = None
    mean: float | None = None
    median: float | None = None
    standard_deviation: float | None = None


def kind_of(cell: str, decimal_comma: bool) -> str:
    """Return the narrowest kind that ``cell`` can be; ``empty`` when it has no value."""
    if cell.lower() in MISSING:
        return "empty"
    if cell.lower() in BOOLEANS:
        return "boolean"
    if _DATE.fullmatch(cell):
        return "date" if _moment(cell) is not None else "text"
    if _as_number(cell, decimal_comma) is None:
        return "text"
    return "integer" if _INTEGER.fullmatch(cell) else "number"


def read_column(cells: list[str], decimal_comma: bool) -> Column:
    """Compute what can be said about a column from its cells."""
    stripped = [cell.strip() for cell in cells]
    values = [cell for cell in stripped if cell.lower() not in MISSING]
    counted = Counter(values)
    kind = _common_kind({kind_of(value, decimal_comma) for value in counted})
    common = [pair for pair in counted.most_common(COMMON_SHOWN) if pair[1] > 1]
    column = Column(kind, values, len(cells) - len(values), len(counted), common)
    if kind in ("integer", "number"):
        return _with_numbers(column, decimal_comma)
    if kind == "date":
        return _with_extremes(column, _instant)
    return column


def _common_kind(kinds: set[str]) -> str:
    if not kinds:
        return "empty"
    if kinds == {"integer", "number"}:
        return "number"
    return kinds.pop() if len(kinds) == 1 else "text"


def _with_numbers(column: Column, decimal_comma: bool) -> Column:
    numbers = {value: _as_number(value, decimal_comma) or 0.0 for value in column.values}
    series = [numbers[value] for value in column.values]
    # Divided by the largest of them, so that no sum and no square can overflow.
    scale = max(abs(number) for number in series) or 1.0
    scaled = [number / scale for number in series]
    mean = math.fsum(scaled) / len(scaled)
    deviation = None
    if len(scaled) > 1:
        squares = math.fsum((number - mean) ** 2 for number in scaled)
        deviation = _finite(math.sqrt(squares / (len(scaled) - 1)) * scale)
    return replace(
        _with_extremes(column, numbers.__getitem__),
        mean=mean * scale,
        median=statistics.median(scaled) * scale,
        standard_deviation=deviation,
    )


def _with_extremes(column: Column, order: Callable[[str], Any]) -> Column:
    least = min(column.values, key=order)
    return replace(column, minimum=least, maximum=max(column.values, key=order))


def _as_number(cell: str, decimal_comma: bool) -> float | None:
    text = cell.replace(",", ".", 1) if decimal_comma else cell
    if not _NUMBER.fullmatch(text):
        return None
    return _finite(float(text))


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _moment(cell: str) -> datetime | None:
    try:
        return datetime.fromisoformat(cell)
    except ValueError:
        return None


def _instant(cell: str) -> tuple[int, float]:
    moment = datetime.fromisoformat(cell)
    # Times with and without an offset do not compare; the latter are taken as UTC. Counted in
    # days and seconds, because shifting the first or last day of the calendar would overflow.
    offset = moment.utcoffset()
    clock = moment.hour * 3600 + moment.minute * 60 + moment.second + moment.microsecond / 1e6
    seconds = clock - (offset.total_seconds() if offset else 0.0)
    return (moment.toordinal() + int(seconds // 86400), seconds % 86400)
