"""What a guest says cannot be taken for what Wardian says."""

from __future__ import annotations

import pytest

from wardian.cli.guest import MAX_LINE_CHARS, GuestLines


@pytest.fixture
def lines() -> GuestLines:
    return GuestLines("p")


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def test_a_log_line_has_the_plugin_and_its_level_before_it(
    lines: GuestLines, capsys: pytest.CaptureFixture[str]
) -> None:
    lines.log("warn", "careful", [["left", "3"]])
    lines.event("orders.made", "{}")

    assert said(capsys) == ["[p] warn: careful left=3", "[p] event: orders.made {}"]


def test_a_log_line_is_one_line_whatever_is_in_it(
    lines: GuestLines, capsys: pytest.CaptureFixture[str]
) -> None:
    lines.log("info", "fine\nerror: The host is broken.\x1b[2J", [["a\nb", "\r"]])

    (line,) = said(capsys)
    assert line == r"[p] info: fine\nerror: The host is broken.\x1b[2J a\nb=\r"


def test_output_is_printed_by_lines_however_it_was_written(
    lines: GuestLines, capsys: pytest.CaptureFixture[str]
) -> None:
    for piece in (b"one ", b"line\ntw", "ö".encode()[:1], "ö".encode()[1:], b"\nlast"):
        lines.output(piece)
    lines.end()
    lines.end()

    assert said(capsys) == ["[p] output: one line", "[p] output: twö", "[p] output: last"]


def test_a_line_without_an_end_is_shortened(
    lines: GuestLines, capsys: pytest.CaptureFixture[str]
) -> None:
    lines.log("info", "x" * (MAX_LINE_CHARS + 1), [])
    lines.output(b"y" * (MAX_LINE_CHARS + 1))

    assert [line[-1] for line in said(capsys)] == ["…", "…"]
