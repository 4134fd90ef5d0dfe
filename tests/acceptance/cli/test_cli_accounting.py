"""`wardian analytics`, `wardian quotas` and `wardian top`, of a real server."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
from contextlib import suppress
from fcntl import ioctl
from pathlib import Path
from typing import Any

import pytest

from commands import CommandLine
from guests import guest
from packages import package
from wardian.cli.plots import bar, seconds, short, sparkline, thinned
from wardian.cli.top_frames import Frames, Sort


@pytest.fixture
def used(remote: CommandLine, tmp_path: Path) -> CommandLine:
    """The command line of a host on which a plugin was called."""
    file = tmp_path / "calculator.wardian"
    file.write_bytes(package("calculator", guest("calculator")))
    remote("install", file, "--json")
    for divisor in (1, 2, 0):
        remote("call", "calculator", "divide", "--args", f'{{"a": 6, "b": {divisor}}}', "--json")
    yield remote
    remote("uninstall", "calculator", "--yes", "--json")


def test_what_was_used_is_shown_to_people_and_programs(used: CommandLine) -> None:
    shown = used("analytics", "--group", "plugin,function,outcome")
    assert "calculator" in shown.out
    assert "divide" in shown.out
    found = used("analytics", "--json", "--from", "1h", "--plugin", "calculator").json
    assert found["totals"]["calls"] >= 3
    assert found["step"] == "minute"

    wrong = used("analytics", "--from", "yesterday", "--json")
    assert wrong.json["error"]["type"] == "invalid-arguments"
    assert (
        used("analytics", "--step", "year", "--json").json["error"]["type"] == "invalid-arguments"
    )


def test_quotas_are_shown_and_set(used: CommandLine) -> None:
    assert {each["quota"] for each in used("quotas", "--json").json["quotas"]} == {
        "calls", "fuel", "egress_bytes", "storage_bytes",
    }  # fmt: skip
    used("quotas", "set", "default", "calls=1_000_000", "fuel=none", "--json")
    found = used("quotas", "set", "default", "calls=default", "--json").json["quotas"]
    assert [each["overridden"] for each in found] == [False, True, False, False]
    assert "no bound" in used("quotas").out
    assert used("quotas", "set", "default", "calls=many", "--json").json["error"]["type"] == (
        "invalid-arguments"
    )
    used("quotas", "set", "default", "fuel=default", "--json")


def test_one_look_is_printed_for_people_and_programs(used: CommandLine) -> None:
    assert "calls/s" in used("top", "--once").out
    found = used("top", "--once", "--json", "--sort", "name").json
    assert {row["function"] for row in found["rows"]} >= {"divide"}
    assert found["workers"]["queued"] == 0


SILENCE_SECONDS = 60.0
"""How long a command may say nothing on the slowest machine."""


def test_on_a_terminal_it_is_drawn_again_and_again_and_the_screen_given_back(
    used: CommandLine,
) -> None:
    master, slave = pty.openpty()
    ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 20, 100, 0, 0))
    command = [sys.executable, "-m", "wardian", "top", "--every", "0.5"]
    # Who runs the tests may say how wide things are; the terminal does here.
    told = {name: value for name, value in os.environ.items() if name not in ("LINES", "COLUMNS")}
    environment = told | {"TERM": "xterm-256color"}
    process = subprocess.Popen(
        command,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=environment,
        # Whoever runs the tests in the background may have had it ignored, for all below, too.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    os.close(slave)
    drawn = b""
    while drawn.count(b"wardian top") < 3:
        assert select.select([master], [], [], SILENCE_SECONDS)[0], "it draws nothing more"
        drawn += os.read(master, 65_536)
    whole = drawn.split(b"\x1b[H")[-2].decode()  # the end comes in the midst of a later one
    process.send_signal(signal.SIGINT)
    with suppress(OSError):  # at its end
        while select.select([master], [], [], SILENCE_SECONDS)[0]:
            drawn += os.read(master, 65_536)
    assert process.wait(SILENCE_SECONDS) == 130
    os.close(master)

    assert drawn.count(b"\x1b[?1049h") == drawn.count(b"\x1b[?1049l") == 1
    assert b"\x1b[?25h" in drawn  # the cursor is there again
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", whole).splitlines()
    assert [line.split()[0] for line in lines if line.startswith("calculator")]
    assert max(map(len, lines)) <= 100
    assert len(lines) <= 20


def totals(calls: int, errors: int = 0) -> dict[str, Any]:
    return {
        "calls": calls, "errors": errors, "fuel": 10 * calls, "p50": 0.001, "p99": 0.01,
        "egress_sent_bytes": 0, "egress_received_bytes": calls, "cost": "0.5",
    }  # fmt: skip


def answer(at: str, *calls: int) -> dict[str, Any]:
    return {
        "at": f"2026-11-26T{at}Z",
        "seconds": 60.0,
        "currency": "EUR",
        "workers": {"busy": 1, "idle": 1, "queued": 0},
        "recent": totals(sum(calls)),
        "today": totals(sum(calls)),
        "rows": [
            {"plugin": "p", "function": f"f{n}", "recent": totals(each), "today": totals(each)}
            for n, each in enumerate(calls)
        ],
        "rows_left_out": 0,
    }


def test_rates_are_of_the_time_between_two_looks() -> None:
    frames = Frames(Sort.CALLS)
    assert frames.take(answer("10:00:00", 60, 120))["rate"].calls == pytest.approx(3)
    second = frames.take(answer("10:00:02", 160, 140))

    assert second["rate"].calls == pytest.approx(60)
    assert [(line.function, line.rate.calls) for line in second["lines"]] == [
        ("f0", pytest.approx(50)), ("f1", pytest.approx(10)),
    ]  # fmt: skip
    # A day that begins has fewer calls than the one before.
    assert frames.take(answer("00:00:01", 6, 0))["rate"].calls == pytest.approx(0.1)


def test_small_plots_and_numbers() -> None:
    assert sparkline([0, 1, 4, 8]) == "▁▃▅█"
    assert sparkline([0, 0]) == "▁▁"
    assert sparkline([0.001, 1_000])[0] != "▁"
    assert bar(0.5, 4) == "██  "
    assert bar(7, 4) == "████"
    assert thinned([1, 2, 3, 4, 5], 3) == [3, 7, 5]
    assert [short(n) for n in (0, 7, 950, 1_200, 999_999, 12_345_678)] == [
        "0", "7", "950", "1.2k", "1M", "12.3M",
    ]  # fmt: skip
    assert [seconds(n) for n in (None, 0.00012, 0.0123, 1.5)] == ["", "120 µs", "12.3 ms", "1.5 s"]
