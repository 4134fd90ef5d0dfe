"""Processes that race for deliveries on one PostgreSQL: each is acknowledged by one of them."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import Counter
from pathlib import Path

import pytest

from rows import add_plugin, plugin_row
from wardian.events import BusPolicy, DatabaseBus, Events
from wardian.storage import Database
from wardian.storage.plugins import PluginRepository

pytestmark = pytest.mark.anyio

TESTS = Path(__file__).parents[2]
EVENTS = 200


async def publish(url: str) -> None:
    async with Database.open(url) as database:
        row = await add_plugin(database, plugin_row())
        async with database.transaction() as connection:
            plugins = PluginRepository(connection, "default")
            await plugins.set_granted(row.id, ["events:subscribe:*"], "test")
        events = Events(database, DatabaseBus(database, BusPolicy()))
        for number in range(EVENTS):
            await events.publish("default", "orders.new", str(number), key=f"k{number % 3}")


async def racer(url: str) -> asyncio.subprocess.Process:
    path = os.pathsep.join([str(TESTS), *filter(None, sys.path)])
    return await asyncio.create_subprocess_exec(
        sys.executable,
        str(TESTS / "racing.py"),
        url,
        env=os.environ | {"PYTHONPATH": path},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )


async def test_processes_that_race_never_both_acknowledge_one_delivery(postgres_url: str) -> None:
    await publish(postgres_url)
    racers = [await racer(postgres_url) for _ in range(2)]
    for each in racers:
        assert each.stdout is not None
        assert await each.stdout.readline() == b"ready\n"

    told = await asyncio.gather(*(each.communicate(b"go\n") for each in racers))

    assert [each.returncode for each in racers] == [0, 0]
    lines = Counter(line for out, _ in told for line in out.decode().split())
    assert lines.pop("begun") > EVENTS  # they did take from each other
    assert lines == Counter(map(str, range(EVENTS)))
