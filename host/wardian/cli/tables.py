"""Tables that fit a terminal: no word is broken, and no column left out, for want of room.

What is wider than the terminal has its prose wrapped at words. If even that is too wide each row
becomes a paragraph, with the columns' names before what is in them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

_BETWEEN = 2
_PROSE = 24
"""What is no wider stays on one line; what is wider may be wrapped, but not to less."""

_SEPARATOR = " · "
_INDENT = 2


def table(columns: Sequence[str], rows: Sequence[Sequence[Text]], width: int) -> RenderableType:
    """Lay out rows of text for a terminal of so many characters."""
    cells = [[name, *(row[at].plain for row in rows)] for at, name in enumerate(columns)]
    widths = fitted(cells, width - _BETWEEN * (len(columns) - 1))
    if widths is None:
        return Group(*(each for row in rows for each in _paragraph(columns, row, width)))
    made = Table(box=None, pad_edge=False, header_style="bold")
    for name, wide in zip(columns, widths, strict=True):
        made.add_column(name, overflow="fold", width=wide)
    for row in rows:
        made.add_row(*row)
    return made


def fitted(cells: Sequence[Sequence[str]], width: int) -> list[int] | None:
    """Return how wide each column is to be, of these cells and ``width`` in all; None if there is
    no room without breaking words."""
    whole = [max(map(cell_len, column)) for column in cells]
    least = [_least(column, wide) for column, wide in zip(cells, whole, strict=True)]
    spare = width - sum(least)
    if spare < 0:
        return None
    found = list(least)
    wanted = sorted((whole[at] - least[at], at) for at in range(len(cells)))
    for rank, (more, at) in enumerate(wanted):
        given = min(more, spare // (len(wanted) - rank))
        found[at] += given
        spare -= given
    return found


def _least(column: Sequence[str], whole: int) -> int:
    if whole <= _PROSE:
        return whole
    return max([_PROSE, *(cell_len(word) for cell in column for word in cell.split())])


def _paragraph(columns: Sequence[str], row: Sequence[Text], width: int) -> Iterator[RenderableType]:
    yield Text(row[0].plain, style="bold", no_wrap=False, overflow="fold")
    line = _line()
    for name, cell in zip(columns[1:], row[1:], strict=True):
        # What is drawn to a fixed width, such as a bar, needs none where nothing stands below it.
        text = " ".join(cell.plain.split())
        if not text:
            continue
        said = Text.assemble((f"{name} " if name else "", "dim"), (text, cell.style))
        if line and line.cell_len + len(_SEPARATOR) + said.cell_len > width - _INDENT:
            yield _indented(line)
            line = _line()
        line.append_text(Text.assemble((_SEPARATOR if line else "", "dim"), said))
    if line:
        yield _indented(line)


def _line() -> Text:
    # The console's own lines are wrapped by the terminal, which knows no words.
    return Text(no_wrap=False, overflow="fold")


def _indented(line: Text) -> Padding:
    return Padding(line, (0, 0, 0, _INDENT), expand=False)
