"""Events, and a host that is killed in the middle of them: none is lost, and keys keep their order.

``WARDIAN_TEST_EVENTS=10000`` makes it as many as one wants.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from guests.handlers import HANDLE
from hosts import fake_host, package
from wardian.storage.rows import EventRow, now

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("on_both_databases", "on_both_buses")]

TESTS = Path(__file__).parents[2]
EVENTS = int(os.environ.get("WARDIAN_TEST_EVENTS", "600"))
KEYS = 7

SUBSCRIBES = """
[[permissions]]
permission = "events:subscribe:orders.*"
reason = "Handles orders."
"""


def run(folder: Path, log: Path, *after: int) -> int:
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(TESTS), *filter(None, sys.path)])
    }
    command = [sys.executable, str(TESTS / "killed_events.py"), str(folder), str(log)]
    done = subprocess.run([*command, *map(str, after)], env=environment, check=False)
    return done.returncode


async def publish(folder: Path) -> None:
    async def nothing(arguments: object, answer: object) -> None:
        return None

    async with fake_host(folder, {HANDLE: nothing}) as made:
        await made.host.install(package(more=SUBSCRIBES), grants="all")
        async with made.parts.database.transaction() as connection:
            for number in range(EVENTS):
                row = EventRow(
                    id=f"event-{number}",
                    tenant="default",
                    topic="orders.new",
                    source="test",
                    time=now(),
                    correlation_id="c",
                    key=f"k{number % KEYS}",
                    attempt=1,
                    data=str(number),
                )
                await made.host.events._store(connection, row)


async def test_a_host_killed_twice_loses_no_event_and_keeps_the_order_of_keys(
    tmp_path: Path,
) -> None:
    folder, log = tmp_path / "data", tmp_path / "log"
    await publish(folder)

    codes = [
        await asyncio.to_thread(run, folder, log, *after)
        for after in ((EVENTS // 3,), (EVENTS // 3 + 5,), ())
    ]

    assert codes == [-signal.SIGKILL, -signal.SIGKILL, 0]
    lines = [line.split() for line in log.read_text().splitlines()]
    assert {int(number) for _, number in lines} == set(range(EVENTS))
    for key in {key for key, _ in lines}:
        numbers = [int(number) for each, number in lines if each == key]
        firsts = list(dict.fromkeys(numbers))
        assert firsts == sorted(firsts)
    repeated = len(lines) - EVENTS
    assert 0 < repeated <= 2 * 64  # what the host held, each time
