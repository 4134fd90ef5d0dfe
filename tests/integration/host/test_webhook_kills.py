"""Webhooks and hosts that are killed, or race: none is lost, none is acknowledged twice."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from hosts import fake_host
from receivers import OPEN, app, heard, idle, posting_host, publish, register, told
from strangers import Heard, response, stranger

pytestmark = pytest.mark.anyio

TESTS = Path(__file__).parents[2]
EVENTS = 120
KEYS = 5


async def delivering(folder: Path) -> asyncio.subprocess.Process:
    path = os.pathsep.join([str(TESTS), *filter(None, sys.path)])
    script = str(TESTS / "killed_webhooks.py")
    return await asyncio.create_subprocess_exec(
        sys.executable, script, str(folder), env=os.environ | {"PYTHONPATH": path}
    )


@pytest.mark.usefixtures("on_both_databases")
async def test_a_host_killed_twice_loses_no_webhook_and_keeps_the_order_of_keys(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "data"
    running: list[asyncio.subprocess.Process] = []
    kills = iter((EVENTS // 3, 2 * EVENTS // 3))
    kill_at = next(kills)

    async def receive(post: Heard, writer: asyncio.StreamWriter) -> None:
        nonlocal kill_at
        if len(receiver.heard) == kill_at:  # it has the event, and the host will never know
            running[-1].kill()
            kill_at = next(kills, 0)
        else:
            writer.write(response())

    async with stranger(receive) as receiver:
        async with fake_host(folder, **OPEN) as made:
            caller = await app(made)
            endpoint = await register(made, receiver.url, caller, "orders.*")
            for number in range(EVENTS):
                await publish(made, str(number), key=f"k{number % KEYS}")

        codes = []
        for _ in range(3):
            running.append(await delivering(folder))
            codes.append(await running[-1].wait())

        assert codes == [-signal.SIGKILL, -signal.SIGKILL, 0]
        numbers = told(endpoint.secret, receiver.heard)
        assert set(numbers) == set(range(EVENTS))
        for key in range(KEYS):
            firsts = list(dict.fromkeys(each for each in numbers if each % KEYS == key))
            assert firsts == sorted(firsts)
        repeated = len(numbers) - EVENTS
        assert 0 < repeated <= 2 * 64  # what the host held, each time


async def test_two_hosts_that_race_acknowledge_each_webhook_once(
    tmp_path: Path, postgres_url: str
) -> None:
    settings: Mapping[str, Any] = {
        "database_url": postgres_url,
        "packages_dir": tmp_path / "packages",
        "root_key": f"file:{tmp_path / 'root.key'}",
    }
    key = tmp_path / "root.key"
    key.write_text("00" * 32)
    key.chmod(0o600)
    async with AsyncExitStack() as stack:
        receiver = await stack.enter_async_context(stranger())
        one, other = [
            await stack.enter_async_context(posting_host(tmp_path / name, **settings))
            for name in ("one", "other")
        ]
        caller = await app(one)
        endpoint = await register(one, receiver.url, caller, "orders.*")

        for number in range(60):
            await publish((one, other)[number % 2], str(number))

        await heard(receiver, 60)
        await idle(one, endpoint, caller)
        assert sorted(told(endpoint.secret, receiver.heard)) == list(range(60))
        page = await one.host.webhooks.backlog.attempts(endpoint.id, limit=100, caller=caller)
        assert [each.outcome for each in page.attempts] == ["done"] * 60
