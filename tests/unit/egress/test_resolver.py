"""Names become addresses, off the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from wardian.egress.addresses import IPAddress
from wardian.egress.faults import Unavailable
from wardian.egress.resolver import LOOKUPS, SystemResolver, ask_system

pytestmark = pytest.mark.anyio

FOUND: list[IPAddress] = [ip_address("192.0.2.1")]


class Slow:
    """A system whose answers come when they are let."""

    def __init__(self) -> None:
        self.let = threading.Event()
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> list[IPAddress]:
        self.asked.append(host)
        self.let.wait()
        return FOUND


@pytest.fixture
def slow() -> Iterator[Slow]:
    system = Slow()
    yield system
    system.let.set()


async def until(condition: object) -> None:
    """Let threads come so far; the test's own time limit is pytest's."""
    while not condition():  # type: ignore[operator]
        await asyncio.sleep(0.001)


async def test_an_address_is_never_looked_up() -> None:
    def lookup(host: str, port: int) -> list[IPAddress]:
        raise AssertionError(host)

    resolver = SystemResolver(lookup)

    assert await resolver("t", "192.0.2.1", 80) == FOUND
    assert await resolver("t", "2001:db8::1", 80) == [ip_address("2001:db8::1")]


async def test_all_who_ask_for_a_name_at_once_share_one_lookup(slow: Slow) -> None:
    resolver = SystemResolver(slow)
    asked = [asyncio.create_task(resolver("t", "a.test", 80)) for _ in range(50)]
    await until(lambda: slow.asked)
    slow.let.set()

    assert await asyncio.gather(*asked) == [FOUND] * 50
    assert slow.asked == ["a.test"]


async def test_an_answer_is_not_remembered(slow: Slow) -> None:
    resolver = SystemResolver(slow)
    slow.let.set()
    await resolver("t", "a.test", 80)
    await resolver("t", "a.test", 80)

    assert slow.asked == ["a.test", "a.test"]


async def test_names_that_are_never_answered_hold_few_threads_and_nobody_elses(slow: Slow) -> None:
    system = SystemResolver(lambda host, port: FOUND if host == "quick.test" else slow(host, port))
    stuck = [asyncio.create_task(system("greedy", f"n{at}.test", 80)) for at in range(100)]
    await until(lambda: len(slow.asked) == LOOKUPS.per_tenant)
    for task in stuck:
        task.cancel()
    await asyncio.gather(*stuck, return_exceptions=True)

    assert await system("modest", "quick.test", 80) == FOUND
    assert len(slow.asked) == LOOKUPS.per_tenant
    await system.close()


async def test_whoever_gives_up_does_not_take_the_answer_from_others(slow: Slow) -> None:
    resolver = SystemResolver(slow)
    impatient = asyncio.create_task(resolver("t", "a.test", 80))
    patient = asyncio.create_task(resolver("t", "a.test", 80))
    await until(lambda: slow.asked)
    impatient.cancel()
    slow.let.set()

    assert await patient == FOUND


@pytest.mark.parametrize("fault", [OSError("no such name"), UnicodeError("no name")])
async def test_a_name_without_an_address_is_unavailable(fault: Exception) -> None:
    def lookup(host: str, port: int) -> list[IPAddress]:
        raise fault

    with pytest.raises(Unavailable, match=r"The name a\.test could not be resolved"):
        await SystemResolver(lookup)("t", "a.test", 80)


async def test_closing_ends_what_waits(slow: Slow) -> None:
    resolver = SystemResolver(slow)
    waiting = asyncio.create_task(resolver("t", "a.test", 80))
    await until(lambda: slow.asked)
    await resolver.close()

    with pytest.raises(asyncio.CancelledError):
        await waiting


def test_the_system_knows_this_machine() -> None:
    assert ip_address("127.0.0.1") in ask_system("localhost", 80)
