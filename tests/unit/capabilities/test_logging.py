"""logging"""

from __future__ import annotations

import logging

import pytest

from callings import calling, refusing
from wardian.capabilities.logging import (
    MAX_FIELDS,
    MAX_MESSAGE_BYTES,
    Logging,
    clean,
    write_output,
)
from wardian.policy.limits import Limits
from wardian.telemetry import Lines

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _everything_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(1, logger="wardian.plugin")


@pytest.mark.parametrize(
    ("level", "number"),
    [("trace", 5), ("debug", 10), ("info", 20), ("warn", 30), ("error", 40)],
)
async def test_a_line_carries_its_level_call_and_fields(
    caplog: pytest.LogCaptureFixture, level: str, number: int
) -> None:
    call = calling()

    await Logging(Lines()).log(call, level, "rows %s %d", [("rows", "7"), ["kind", "csv"]])  # type: ignore[list-item]

    (record,) = caplog.records
    assert record.name == "wardian.plugin"
    assert record.levelno == number
    assert record.getMessage() == "rows %s %d"
    assert vars(record)["tenant"] == "default"
    assert vars(record)["plugin"] == "counter"
    assert vars(record)["call_id"] == "call-1"
    assert vars(record)["fields"] == {"rows": "7", "kind": "csv"}
    assert call.budget.usage.log_lines == 1


async def test_lines_past_the_budget_are_dropped_and_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    call = calling(limits=Limits(log_lines=2))

    for number in range(5):
        if number < 2:
            await Logging(Lines()).log(call, "info", "x", [])
        else:
            with refusing("exhausted", "2 log lines"):
                await Logging(Lines()).log(call, "info", "x", [])

    assert len(caplog.records) == 2
    assert call.budget.usage.log_lines == 2
    assert call.budget.usage.dropped_log_lines == 3


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 漢", "plain é 漢"),
        ("\x1b[2J\x1b[31mred", "\\x1b[2J\\x1b[31mred"),
        ("one\nFAKE LINE\r\n", "one\\nFAKE LINE\\r\\n"),
        ("a\u202eb\u2066", "a\\u202eb\\u2066"),
        ("a\x00\x7f\x9b", "a\\x00\\x7f\\x9b"),
        ("\u2028\u200b", "\\u2028\\u200b"),
        ("\ud800", "\\ud800"),
    ],
)
def test_nothing_a_terminal_would_act_upon_is_left(text: str, shown: str) -> None:
    assert clean(text, 100) == shown


@pytest.mark.parametrize("text", ["x" * 10_000, "é" * 10_000, "\x1b" * 10_000, "漢" * 1_366])
def test_a_line_too_long_is_shortened_to_its_bytes(text: str) -> None:
    shown = clean(text, MAX_MESSAGE_BYTES)

    assert len(shown.encode()) <= MAX_MESSAGE_BYTES
    assert shown.endswith("…")


async def test_only_so_many_fields_are_kept(caplog: pytest.LogCaptureFixture) -> None:
    fields = [(f"f{number}" * 100, "v" * 10_000) for number in range(100)]

    await Logging(Lines()).log(calling(), "info", "x", fields)

    kept = vars(caplog.records[0])["fields"]
    assert len(kept) == MAX_FIELDS
    assert max(len(value.encode()) for value in kept.values()) <= 1024


async def test_what_a_guest_prints_is_logged_within_the_same_budget(
    caplog: pytest.LogCaptureFixture,
) -> None:
    call = calling(limits=Limits(log_lines=1))

    write_output(Lines(), call, b"hello\x1b \xff\n")
    write_output(Lines(), call, b"more\n")

    (record,) = caplog.records
    assert record.getMessage() == "hello\\x1b \ufffd"
    assert record.levelno == logging.INFO
    assert vars(record)["fields"] == {"stream": "output"}
    assert call.budget.usage.dropped_log_lines == 1
