"""States are attempted one at a time, the newest only, and each change is attempted after it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from wardian.cli.dev.follow import Follower
from wardian.cli.dev.watching import Stamp, State
from wardian.errors import HostUnusable

pytestmark = pytest.mark.anyio


def state(number: int) -> State:
    return State(sources=frozenset({Stamp("src/plugin.py", number, 1, 1)}))


class Attempted:
    """Attempts that take until they are let go on, and where each of them began."""

    def __init__(self) -> None:
        self.began: asyncio.Queue[State] = asyncio.Queue()
        self.may_end = asyncio.Semaphore(0)
        self.running = 0
        self.overtaken: list[State] = []

    async def attempt(self, now: State) -> None:
        self.running += 1
        assert self.running == 1
        self.began.put_nowait(now)
        await self.may_end.acquire()
        self.running -= 1


class Saved:
    """States as a test lets them happen."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[State | None] = asyncio.Queue()

    def __call__(self, now: State | None) -> None:
        self._queue.put_nowait(now)

    async def states(self) -> AsyncIterator[State]:
        while (now := await self._queue.get()) is not None:
            yield now


async def test_what_changes_during_an_attempt_is_one_more_attempt_after_it() -> None:
    attempted, saved = Attempted(), Saved()
    follower = Follower(attempted.attempt, attempted.overtaken.append)
    following = asyncio.create_task(follower.follow(saved.states()))
    saved(state(1))
    assert await attempted.began.get() == state(1)

    for number in (2, 3, 4):
        saved(state(number))
    saved(None)
    attempted.may_end.release()

    assert await attempted.began.get() == state(4)
    attempted.may_end.release()
    await following
    assert attempted.began.empty()
    assert attempted.overtaken == [state(number) for number in (1, 2, 3, 4)]


async def test_a_change_after_an_attempt_is_attempted_too() -> None:
    attempted, saved = Attempted(), Saved()
    follower = Follower(attempted.attempt, attempted.overtaken.append)
    following = asyncio.create_task(follower.follow(saved.states()))
    for number in (1, 2):
        saved(state(number))
        assert await attempted.began.get() == state(number)
        attempted.may_end.release()
    saved(None)
    await following


async def test_an_attempt_that_cannot_go_on_ends_the_whole() -> None:
    async def attempt(_: State) -> None:
        raise ZeroDivisionError

    saved = Saved()
    saved(state(1))
    with pytest.raises(ZeroDivisionError):
        await Follower(attempt, lambda _: None).follow(saved.states())


async def test_where_nothing_can_be_watched_the_attempt_is_cancelled() -> None:
    ended: list[str] = []
    began = asyncio.Event()

    async def attempt(_: State) -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    async def states() -> AsyncIterator[State]:
        yield state(1)
        await began.wait()
        raise HostUnusable("No watch is left.")

    with pytest.raises(HostUnusable):
        await Follower(attempt, lambda _: None).follow(states())
    assert ended == ["cancelled"]
