"""Tables on terminals that are too narrow for them."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from wardian.cli.tables import fitted
from wardian.cli.terminal import Terminal

COLUMNS = ["agent", "version", "state", "quality", "", "why not"]
PROSE = "It is not asked for a while, since it did not answer: 5 questions in a row failed."
ROWS = [
    ["summarize-long-documents-with-care", "10.20.30-rc.1", "half-open", "█▍     0.14", "", PROSE],
    ["lead", "1.0.0", "closed", "█████▌ 0.55", "beside", ""],
]


def printed(width: int, columns: list[str], rows: list[list[str]], **more: Any) -> list[str]:
    """A table's lines on a terminal of so many characters."""
    terminal = Terminal(json=False)
    terminal.out = Console(file=io.StringIO(), width=width, soft_wrap=True, highlight=False)
    terminal.table(columns, rows, **more)
    text: str = terminal.out.file.getvalue()  # type: ignore[attr-defined]  # of a StringIO
    return text.splitlines()


def test_where_there_is_room_each_row_is_a_line() -> None:
    lines = printed(200, COLUMNS, ROWS)
    assert len(lines) == 3
    assert lines[1].endswith(PROSE)


def test_prose_is_wrapped_at_words_before_anything_else() -> None:
    lines = printed(120, COLUMNS, ROWS)
    assert lines[0].split() == ["agent", "version", "state", "quality", "why", "not"]
    at = lines[0].index("why not")
    assert " ".join(line[at:].strip() for line in lines[1:4]) == PROSE
    assert len(lines) == 5


@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_on_a_narrow_terminal_rows_are_paragraphs_with_every_word_whole(width: int) -> None:
    lines = printed(width, COLUMNS, ROWS)

    assert max(map(cell_len, lines)) <= width
    words = " ".join(lines).split()
    for row in ROWS:
        assert {word for cell in row for word in cell.split()} <= {*words}
    assert re.search(r"lead\n  version 1.0.0 · state closed", "\n".join(lines))


def test_a_word_that_is_longer_than_the_terminal_is_folded_and_not_cut() -> None:
    name = "a" * 50
    lines = printed(20, ["agent", "is"], [[name, "b" * 50]])
    text = "".join(line.strip() for line in lines)
    assert (text.count("a"), text.count("b")) == (50, 50)


def test_a_table_without_rows_has_its_columns_names() -> None:
    assert printed(80, ["agent", "version"], []) == ["agent  version"]


def test_wide_characters_take_the_room_that_they_have() -> None:
    lines = printed(80, ["a", "b"], [["植" * 10, "x"], ["y", "z"]])
    assert {cell_len(line) for line in lines} == {23}


@pytest.mark.parametrize(
    ("width", "widths"),
    [(59, [4, 43, 12]), (50, [4, 34, 12]), (40, [4, 24, 12]), (39, None)],
)
def test_room_is_taken_from_prose_alone(width: int, widths: list[int] | None) -> None:
    cells = [["name", "lead"], ["reason", "four letters " * 3 + "more"], ["at", "twelve chars"]]
    assert fitted(cells, width) == widths


def test_room_is_shared_by_columns_that_want_it() -> None:
    wide, wider = ("word " * 8).strip(), ("word " * 40).strip()
    assert fitted([[wide], [wider]], 100) == [39, 61]
    assert fitted([[wide], [wider]], 50) == [25, 25]
