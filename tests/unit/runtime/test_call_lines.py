"""What a call logs while it runs, for whoever watches it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from wardian.runtime.call_lines import Dropped, Progress, lines_of_call, progress_of
from wardian.telemetry.lines import KEPT_BYTES, Line, Lines

pytestmark = pytest.mark.anyio

AT = datetime(2030, 1, 1, tzinfo=UTC)


def line(message: str, call_id: str = "c1", **fields: str) -> Line:
    return Line(
        sequence=0,
        time=AT,
        plugin="stores",
        call_id=call_id,
        level="info",
        message=message,
        fields=fields,
    )


@pytest.mark.parametrize(("text", "found"), [("0", 0.0), ("1", 1.0), ("0.25", 0.25), ("1e-1", 0.1)])
def test_a_line_with_the_field_tells_how_far_a_call_is(text: str, found: float) -> None:
    assert progress_of(line("half", progress=text)) == Progress(progress=found, message="half")


@pytest.mark.parametrize("text", ["", "-0.1", "1.01", "nan", "inf", "half", "50%", "1" * 400])
def test_a_line_that_makes_no_sense_is_a_line(text: str) -> None:
    assert progress_of(line("half", progress=text)) is None
    assert progress_of(line("half")) is None


async def test_lines_of_the_call_are_told_once_those_before_too_and_no_others() -> None:
    lines = Lines()
    lines.write("default", line("before"))
    lines.write("default", line("another", call_id="c2"))
    lines.write("other", line("of another tenant"))
    with lines_of_call(lines, "default", "c1") as watched:
        lines.write("default", line("then"))
        lines.write("other", line("of another tenant"))
        told = [*await watched.next(10), *await watched.next(10)]
        lines.write("default", line("half", progress="0.5"))
        told += await watched.rest()
        assert await watched.rest() == []

    assert [each.message for each in told if isinstance(each, Line)] == ["before", "then"]
    assert told[-1] == Progress(progress=0.5, message="half")


async def test_who_is_slow_is_told_how_many_lines_went_by_and_takes_bounded_memory() -> None:
    lines = Lines()
    with lines_of_call(lines, "default", "c1") as watched:
        for _ in range(3_000):
            lines.write("default", line("x" * 1_000))
        told = await watched.next(10)

    dropped = told[0]
    assert isinstance(dropped, Dropped)
    assert dropped.dropped + len(told) - 1 == 3_000
    assert (len(told) - 1) * 1_000 <= KEPT_BYTES


async def test_who_is_woken_is_told_nothing_and_looks() -> None:
    with lines_of_call(Lines(), "default", "c1") as watched:
        watched.wake()
        assert await watched.next(100) == []
