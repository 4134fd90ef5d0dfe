"""Calls, and a host that is killed: what was answered is accounted for, and nothing twice."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hosts import fake_host, package
from wardian.runtime.steps import STEPS

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("on_both_databases")]

TESTS = Path(__file__).parents[2]


def started(folder: Path, *arguments: object) -> subprocess.Popen[bytes]:
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(TESTS), *filter(None, sys.path)])
    }
    command = [sys.executable, str(TESTS / "killed_calls.py"), folder, *arguments]
    return subprocess.Popen(list(map(str, command)), env=environment, stdout=subprocess.PIPE)


def killed(folder: Path, step: str, time: int) -> bytes:
    """Run until it kills itself; return what it said."""
    process = started(folder, step, time)
    said, _ = process.communicate()
    assert process.returncode == -signal.SIGKILL
    return said


def killed_after(folder: Path, letters: int) -> bytes:
    """Kill it once it has said so much."""
    process = started(folder)
    assert process.stdout is not None
    with process, process.stdout as out:
        said = out.read(letters)
        process.kill()
        return said + out.read()


async def accounted(folder: Path) -> set[int]:
    """Start anew, and return how many calls each account has."""
    async with fake_host(folder) as made:
        view = await made.host.analytics.query()
        hours = sum(point.totals.calls for point in view.series)
        calls = next(each for each in (await made.host.quotas.of()).quotas if each.quota == "calls")
        plugin = await made.host.plugin("stores")
        return {view.totals.calls, hours, calls.used, plugin.statistics.total_requests}


async def installed(folder: Path) -> None:
    async with fake_host(folder) as made:
        await made.host.install(package(), grants="all")


@pytest.mark.parametrize("step", STEPS["fold"])
async def test_a_host_killed_at_any_step_of_a_fold_loses_nothing_and_doubles_nothing(
    tmp_path: Path, step: str
) -> None:
    folder = tmp_path / "data"
    await installed(folder)
    said = b""

    for time in (1, 4):
        said += await asyncio.to_thread(killed, folder, step, time)

    (calls,) = await accounted(folder)
    assert said.count(b"a") <= calls <= said.count(b"r")
    assert said.count(b"a") > 0


async def test_a_host_killed_at_any_moment_loses_nothing_that_was_answered(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "data"
    await installed(folder)
    said = b""

    for letters in (1, 2, 57, 333, 1_003):
        said += await asyncio.to_thread(killed_after, folder, letters)

    (calls,) = await accounted(folder)
    assert said.count(b"a") <= calls <= said.count(b"r")
    assert said.count(b"a") > 500


async def test_a_start_that_is_killed_while_it_folds_what_was_left_is_made_good_by_the_next(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "data"
    await installed(folder)
    said = await asyncio.to_thread(killed_after, folder, 400)

    # What is left is folded when a host starts, before it takes a call.
    for step in ("begun", "written", "committed"):
        said += await asyncio.to_thread(killed, folder, step, 1)

    (calls,) = await accounted(folder)
    assert said.count(b"a") <= calls <= said.count(b"r")
