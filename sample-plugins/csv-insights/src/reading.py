"""From text to rows: the delimiter, the quoting, the header."""

import csv
import io
from collections import Counter
from dataclasses import dataclass
from itertools import islice

from columns import kind_of, read_column

DELIMITERS = (",", ";", "\t", "|")
SAMPLED_ROWS = 50

# The default would refuse a cell of more than 128 KiB.
csv.field_size_limit(2**31 - 1)


@dataclass(frozen=True)
class Row:
    """The cells of one row, and the line it ends on, from 1."""

    line: int
    cells: list[str]


class Malformed(Exception):
    """The quoting is broken at ``line``."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


def read_rows(text: str, delimiter: str, limit: int | None = None) -> list[Row]:
    """Read up to ``limit`` rows, leaving out blank lines. Raises ``Malformed``."""
    source = io.StringIO(text.removeprefix("\ufeff"), newline="")
    reader = csv.reader(source, delimiter=delimiter, strict=True)
    rows = (Row(reader.line_num, cells) for cells in reader if cells)
    try:
        return list(islice(rows, limit))
    except csv.Error as error:
        raise Malformed(reader.line_num, str(error)) from None


def detect_delimiter(text: str) -> str:
    """Return the delimiter under which the most rows have the same width, of two or more.

    A comma when none does: a text of one column needs no delimiter.
    """
    return max(DELIMITERS, key=lambda delimiter: _agreement(text, delimiter))


def _agreement(text: str, delimiter: str) -> tuple[float, int]:
    try:
        rows = read_rows(text, delimiter, SAMPLED_ROWS)
    except Malformed:
        return (0.0, 0)
    widths = Counter(len(row.cells) for row in rows)
    if not widths:
        return (0.0, 0)
    width, agreeing = widths.most_common(1)[0]
    return (agreeing / len(rows), width) if width > 1 else (0.0, 0)


def cells_by_column(rows: list[Row], width: int) -> list[list[str]]:
    """Turn rows into ``width`` columns; cells that a row lacks are empty."""
    padded = ([*row.cells[:width], *[""] * (width - len(row.cells))] for row in rows)
    columns = [list(column) for column in zip(*padded, strict=True)]
    return columns or [[] for _ in range(width)]


def has_header(rows: list[list[str]], decimal_comma: bool) -> bool:
    """Tell whether the first row names the columns.

    It does if its cells are different words, and something below them is not a word; where all
    columns are text, if none of its cells comes again in its own column.
    """
    first = [cell.strip() for cell in rows[0]]
    if len(rows) < 2 or len(set(first)) < len(first):
        return False
    if any(kind_of(cell, decimal_comma) != "text" for cell in first):
        return False
    below = rows[1 : SAMPLED_ROWS + 1]
    columns = [[row[i].strip() for row in below if i < len(row)] for i in range(len(first))]
    if any(read_column(cells, decimal_comma).kind not in ("text", "empty") for cells in columns):
        return True
    return not any(name in cells for name, cells in zip(first, columns, strict=True))
