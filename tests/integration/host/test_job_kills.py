"""Jobs, and a host that is killed in the middle: each that was acknowledged is there afterwards,
and none that had begun runs again unless its caller allowed it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from hosts import fake_host, package
from jobs import jobbing_of, order
from schedules import Clock
from wardian.runtime.jobs import JobState

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("on_both_databases")]

TESTS = Path(__file__).parents[2]


async def run(folder: Path, log: Path, *arguments: object) -> int:
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(TESTS), *filter(None, sys.path)])
    }
    command = [sys.executable, str(TESTS / "killed_jobs.py"), folder, log, *arguments]
    done = await asyncio.to_thread(
        subprocess.run, list(map(str, command)), env=environment, check=False
    )
    return done.returncode


async def queue(folder: Path, numbers: range, *, retry: int) -> dict[str, int]:
    """Have jobs acknowledged by a host that does none; return the numbers by id."""
    async with fake_host(folder) as made:
        if not await made.host.plugins():
            await made.host.install(package(), grants="all")
        jobs = jobbing_of(made.parts, Clock()).jobs
        views = [
            await jobs.submit(order(arguments={"number": number}, retry=retry))
            for number in numbers
        ]
    return {view.id: number for view, number in zip(views, numbers, strict=True)}


async def states(folder: Path, ids: dict[str, int]) -> dict[int, JobState]:
    async with fake_host(folder) as made:
        jobs = jobbing_of(made.parts, Clock()).jobs
        return {number: (await jobs.find(job)).state for job, number in ids.items()}


async def test_what_a_killed_host_had_begun_is_lost_and_the_rest_is_done(tmp_path: Path) -> None:
    folder, log = tmp_path / "data", tmp_path / "log"
    ids = await queue(folder, range(12), retry=0)

    assert await run(folder, log, 0, "kill") == -signal.SIGKILL
    begun = set(map(int, log.read_text().split()))
    assert 0 in begun
    assert await run(folder, log, 0) == 0  # the killed host's lease still holds
    assert (await states(folder, ids))[0] is JobState.RUNNING
    assert await run(folder, log, 1) == 0

    found = await states(folder, ids)
    assert found[0] is JobState.LOST
    assert all(state.has_ended for state in found.values())
    assert max(Counter(log.read_text().split()).values()) == 1  # nothing ran twice
    done = {number for number, state in found.items() if state is JobState.SUCCEEDED}
    assert done <= set(map(int, log.read_text().split()))
    assert {number for number, state in found.items() if state is JobState.LOST} == set(
        found
    ) - done


async def test_what_may_be_run_again_is_until_it_is_given_up(tmp_path: Path) -> None:
    folder, log = tmp_path / "data", tmp_path / "log"
    ids = await queue(folder, range(1), retry=2)

    for hours in range(3):
        assert await run(folder, log, hours, "kill") == -signal.SIGKILL
    assert log.read_text().split() == ["0", "0", "0"]
    assert await run(folder, log, 4) == 0

    assert await states(folder, ids) == {0: JobState.LOST}
    assert len(log.read_text().split()) == 3

    again = await queue(tmp_path / "other", range(1), retry=2)
    assert await run(tmp_path / "other", log, 0, "kill") == -signal.SIGKILL
    assert await run(tmp_path / "other", log, 1) == 0
    assert await states(tmp_path / "other", again) == {0: JobState.SUCCEEDED}
