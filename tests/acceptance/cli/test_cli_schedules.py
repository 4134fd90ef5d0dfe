"""Schedules from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands import CommandLine
from guests import guest
from packages import package

LINES = """
[[schedule]]
name = "adds"
cron = "0 8 * * *"
function = "add"
arguments = { a = 2, b = 3 }

[[schedule]]
name = "fails"
every = "1d"
function = "divide"
arguments = { a = 1, b = 0 }
"""


def test_schedules_are_reviewed_listed_paused_resumed_and_run(
    remote: CommandLine, tmp_path: Path
) -> None:
    path = tmp_path / "adding.wardian"
    path.write_bytes(package("adding", guest("calculator"), LINES))
    assert [each["name"] for each in remote.json("review", path)["schedules"]] == ["adds", "fails"]
    assert "0 8 * * * UTC" in remote("review", path).out
    assert "call add" in remote("install", path).out
    try:
        assert "every 1d" in remote("show", "adding").out
        shown = remote("schedules", "list", "adding").out
        assert "waiting" in shown
        assert "0 8 * * * UTC" in shown
        (view,) = (remote.json("schedules", "pause", "adding", "adds"),)
        assert view["state"] == "paused"
        assert "paused" in remote("schedules", "list").out
        assert "waiting" in remote("schedules", "resume", "adding", "adds").out

        assert remote.json("schedules", "run", "adding", "adds")["state"] == "done"
        failed = remote("schedules", "run", "adding", "fails")
        assert (failed.code, "failed" in failed.out) == (1, True)
        for schedule, state in (("adds", "done"), ("fails", "failed")):
            (run,) = remote.json("schedules", "runs", "adding", schedule)["runs"]
            assert (run["cause"], run["state"]) == ("operator", state)
            assert state in remote("schedules", "runs", "adding", schedule).out
        assert remote.error("schedules", "run", "adding", "nothing")["type"] == "not-found"
    finally:
        remote.json("uninstall", "adding", "--yes")
    assert remote.json("schedules", "list")["schedules"] == []


FAULTS = [
    ('cron = "0 0 30 2 *"\nfunction = "add"', "schedule[0].cron", 6, "day-of-month"),
    ('cron = "0 8 * * * *"\nfunction = "add"', "schedule[0].cron", 6, "five fields"),
    ('every = "1 hour"\nfunction = "add"', "schedule[0].every", 6, "'15m'"),
    ('every = "1h"\ncron = "* * * * *"\nfunction = "add"', "schedule[0]", 4, "one of `cron`"),
    ('every = "1h"', "schedule[0]", 4, "one of `function`"),
    ('every = "1h"\nfunction = "a"\ntopic = "b"', "schedule[0]", 4, "one of `function`"),
    ('every = "1h"\ntimezone = "UTC"\nfunction = "add"', "schedule[0]", 4, "which is for `cron`"),
    ('cron = "0 8 * * *"\ntimezone = "Europe/Berln"\nfunction = "add"', "schedule[0].timezone", 7,
     "did you mean 'Europe/Berlin'"),
    ('every = "1h"\ntopic = "a.b"\narguments = { a = 1 }', "schedule[0]", 4, "an event has `data`"),
    ('every = "1h"\nfunction = "add"\ndata = { a = 1 }', "schedule[0]", 4, "has `arguments`"),
    ('every = "1h"\ntopic = "a.b"', "schedule[0].topic", 7, "`events:publish:a.b`"),
    ('every = "1h"\ntopic = "host.a"', "schedule[0].topic", 7, "the host alone"),
    ('every = "1h"\nfunction = "add"\nmised = "skip"', "schedule[0].mised", 8, "'missed'"),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "path", "line", "said"), FAULTS)
def test_a_fault_of_a_schedule_is_told_with_its_line_and_path(
    wardian: CommandLine, tmp_path: Path, lines: str, path: str, line: int, said: str
) -> None:
    text = f'name = "a"\nversion = "1.0.0"\n\n[[schedule]]\nname = "s"\n{lines}\n'
    (tmp_path / "plugin.toml").write_text(text)

    error = wardian.error("validate", tmp_path)

    assert (error["type"], error["path"], error["line"]) == ("invalid-manifest", path, line)
    assert said in error["detail"]


def test_a_schedule_that_calls_what_its_component_has_not_is_told(
    wardian: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "plugin.wasm").write_bytes(guest("calculator"))
    lines = '[[schedule]]\nname = "s"\nevery = "1h"\n'
    text = f'name = "a"\nversion = "1.0.0"\n{lines}function = "walk"\n'
    (tmp_path / "plugin.toml").write_text(text)
    error = wardian.error("validate", tmp_path)
    assert (error["path"], error["line"]) == ("schedule[0].function", 6)
    assert "no function 'walk'" in error["detail"]

    (tmp_path / "plugin.toml").write_text(
        f'name = "a"\nversion = "1.0.0"\n{lines}function = "add"\narguments = {{ a = 1, c = 2 }}\n'
    )
    faults = wardian.error("validate", tmp_path)["faults"]
    assert [(each["path"], each["line"]) for each in faults] == [("schedule[0].arguments", 7)] * 2
