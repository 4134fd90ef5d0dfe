"""Who goes next."""

from __future__ import annotations

import asyncio

import pytest

from strangers import few
from wardian.egress.faults import Exhausted
from wardian.egress.turns import Turns

pytestmark = pytest.mark.anyio


async def settle() -> None:
    """Let everybody do what they can do now."""
    for _ in range(5):
        await asyncio.sleep(0)


class Queue:
    """Takes turns and remembers in which order they were given."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.served: list[tuple[str, str]] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def ask(self, tenant: str, place: str = "a") -> asyncio.Task[None]:
        async def take() -> None:
            await self.turns.take(tenant, place)
            self.served.append((tenant, place))

        task = asyncio.create_task(take())
        self.tasks.append(task)
        await settle()
        return task


async def test_no_more_go_at_once_than_there_are_turns() -> None:
    queue = Queue(Turns(few(2), "requests"))
    for _ in range(3):
        await queue.ask("t")
    assert (queue.turns.taken, queue.turns.waiting) == (2, 1)

    queue.turns.give_back("t", "a")
    await settle()

    assert (queue.turns.taken, queue.turns.waiting) == (2, 0)


async def test_a_tenant_with_a_long_queue_does_not_keep_another_waiting() -> None:
    queue = Queue(Turns(few(1), "requests"))
    for _ in range(20):
        await queue.ask("greedy")
    await queue.ask("modest")

    for _ in range(2):
        queue.turns.give_back(queue.served[-1][0], "a")
        await settle()

    assert queue.served[:3] == [("greedy", "a"), ("greedy", "a"), ("modest", "a")]
    for task in queue.tasks:
        task.cancel()


async def test_a_place_that_is_full_does_not_hold_up_other_places() -> None:
    queue = Queue(Turns(few(3, per_place=1), "requests"))
    for place in ("slow", "slow", "quick"):
        await queue.ask("t", place)

    assert queue.served == [("t", "slow"), ("t", "quick")]
    queue.turns.give_back("t", "slow")
    await settle()
    assert queue.served[2:] == [("t", "slow")]


async def test_a_tenant_has_no_more_than_its_share() -> None:
    queue = Queue(Turns(few(4, per_tenant=2), "requests"))
    for tenant in ("t", "t", "t", "u"):
        await queue.ask(tenant)

    assert queue.served == [("t", "a"), ("t", "a"), ("u", "a")]
    queue.tasks[2].cancel()


async def test_whoever_would_wait_too_far_back_is_refused() -> None:
    queue = Queue(Turns(few(1, waiting=3, waiting_per_tenant=2), "requests"))
    for _ in range(3):
        await queue.ask("t")

    with pytest.raises(Exhausted, match="Too many requests wait"):
        await queue.turns.take("t", "a")
    await queue.ask("u")
    with pytest.raises(Exhausted):
        await queue.turns.take("v", "a")
    for task in queue.tasks:
        task.cancel()


async def test_whoever_goes_away_leaves_the_queue_and_no_turn_is_lost() -> None:
    queue = Queue(Turns(few(1), "requests"))
    await queue.ask("t")
    waiting = await queue.ask("t")
    waiting.cancel()
    await settle()
    assert queue.turns.waiting == 0

    reached = await queue.ask("t")
    reached.cancel()
    queue.turns.give_back("t", "a")
    given = await queue.ask("u")
    queue.turns.give_back("u", "a")
    await settle()

    assert given.done()
    assert (queue.turns.taken, queue.turns.waiting) == (0, 0)


async def test_a_turn_that_is_given_to_someone_who_has_just_gone_is_given_on() -> None:
    queue = Queue(Turns(few(1), "requests"))
    await queue.ask("t")
    gone = await queue.ask("t")
    queue.turns.give_back("t", "a")  # it is theirs now, and they do not know yet
    gone.cancel()
    await settle()

    assert queue.turns.taken == 0
