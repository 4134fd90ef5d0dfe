"""Hosts whose NATS server is killed, or not there yet: events wait, and everything else goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import jetstreams
from guests.handlers import HANDLE
from hosts import FakeHost, fake_host, package
from skipping import needed

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("on_both_databases")]

SUBSCRIBES = """
[[permissions]]
permission = "events:subscribe:orders.*"
reason = "Handles orders."
"""
KEYS = 5


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[jetstreams.Server]:
    """A server of the test's own, which its hosts use."""
    with needed(jetstreams.server()) as running:
        for name, value in running.settings().items():
            monkeypatch.setenv(name, value)
        yield running


class Handler:
    """Remembers what it was called with."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int]] = []

    async def __call__(self, arguments: Mapping[str, Any], answer: Any) -> None:
        event = arguments["event"]
        self.seen.append((event["key"], int(event["data"])))

    def of(self, key: str) -> list[int]:
        """Return what was handled of a key, in the order of the first times."""
        return list(dict.fromkeys(number for each, number in self.seen if each == key))


async def publish(made: FakeHost, *numbers: int) -> None:
    for number in numbers:
        await made.host.events.publish(
            "default", "orders.new", str(number), key=f"k{number % KEYS}"
        )


async def emptied(made: FakeHost) -> None:
    async with asyncio.timeout(60):
        while any(each.queued for each in await made.host.deliveries.subscribers()):
            await asyncio.sleep(0.05)


async def until_events(made: FakeHost, delivered: bool) -> None:
    async with asyncio.timeout(20):
        while (await made.host.ready()).events is not delivered:
            await asyncio.sleep(0.02)


async def test_a_server_that_is_killed_midway_costs_no_event_and_no_order(
    tmp_path: Path, server: jetstreams.Server
) -> None:
    handler, folder = Handler(), tmp_path / "data"
    async with (
        fake_host(folder, {HANDLE: handler}, event_lease_seconds=1.0) as ours,
        fake_host(folder, {HANDLE: handler}, event_lease_seconds=1.0) as other,
    ):
        await ours.host.install(package(more=SUBSCRIBES), grants="all")
        async with ours.parts.delivering.kept(), other.parts.delivering.kept():
            await until_events(ours, True)
            await publish(ours, *range(100))
            async with asyncio.timeout(20):
                while len(handler.seen) < 20:
                    await asyncio.sleep(0.005)

            server.stop()
            await until_events(ours, False)
            await publish(ours, *range(100, 150))
            assert (await ours.host.ready()).ready
            assert (await ours.host.deliveries.subscribers())[0].queued > 0
            server.start()

            await emptied(ours)
            await until_events(ours, True)
    for key in range(KEYS):
        assert handler.of(f"k{key}") == list(range(key, 150, KEYS))


async def test_a_host_that_starts_before_its_server_delivers_once_that_is_there(
    tmp_path: Path, server: jetstreams.Server
) -> None:
    server.stop()
    handler = Handler()
    async with fake_host(tmp_path / "data", {HANDLE: handler}) as made:
        await made.host.install(package(more=SUBSCRIBES), grants="all")
        async with made.parts.delivering.kept():
            await publish(made, 1)
            assert not (await made.host.ready()).events

            server.start()

            await emptied(made)
    assert handler.seen == [("k1", 1)]
