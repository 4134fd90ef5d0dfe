"""Schedules, and a host that is killed in the middle of a run: no tick is lost, and none repeated
that was ended."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hosts import fake_host
from schedules import Clock, hourly, scheduled, scheduling_of
from wardian.runtime.schedules.claims import ATTEMPTS_MAX

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("on_both_databases")]

TESTS = Path(__file__).parents[2]


async def run(folder: Path, log: Path, *arguments: object) -> int:
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(TESTS), *filter(None, sys.path)])
    }
    command = [sys.executable, str(TESTS / "killed_schedule.py"), folder, log, *arguments]
    done = await asyncio.to_thread(
        subprocess.run, list(map(str, command)), env=environment, check=False
    )
    return done.returncode


async def test_a_run_whose_host_is_killed_is_begun_anew_until_it_is_given_up(
    tmp_path: Path,
) -> None:
    folder, log = tmp_path / "data", tmp_path / "log"
    clock = Clock()
    async with fake_host(folder) as made:
        scheduling = scheduling_of(made.parts, clock)
        await made.host.install(scheduled(hourly()), grants="all")
        await scheduling.scheduler.run_due()

    # One minute is two leases, and another host may take over.
    assert await run(folder, log, 1, "kill") == -signal.SIGKILL
    assert await run(folder, log, 1) == 0  # the lease still holds
    assert await run(folder, log, 1 + 1 / 60) == 0
    assert await run(folder, log, 1 + 2 / 60) == 0
    assert log.read_text().split() == ["1.0", str(1 + 1 / 60)]

    for minutes in range(ATTEMPTS_MAX):
        assert await run(folder, log, 2 + minutes / 60, "kill") == -signal.SIGKILL
    assert await run(folder, log, 2.1) == 0
    assert await run(folder, log, 3) == 0

    assert len(log.read_text().split()) == 2 + ATTEMPTS_MAX + 1
    async with fake_host(folder) as made:
        page = await scheduling_of(made.parts, clock).schedules.runs("works", "hourly")
    assert [(run.state, run.attempt) for run in page.runs] == [
        ("done", 1), ("lost", ATTEMPTS_MAX), ("done", 2),
    ]  # fmt: skip
