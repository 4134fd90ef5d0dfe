"""A worker that lies: the broker fails the call, and nothing else happens."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liars import ARTIFACT, DESCRIPTION, Alive, answered, frame, some_job
from wardian import errors
from wardian.policy.usage import Usage
from wardian.runtime.executor.frames import Frames
from wardian.runtime.executor.job import HostCalls
from wardian.runtime.executor.worker import ArtifactUnusable, CallNotTaken, Worker
from wardian.sandbox import Outcome
from wardian.worker.host_calls import EXHAUSTED_CALLS
from wardian.worker.protocol import (
    LENGTH,
    Compiled,
    Done,
    Failed,
    HostCall,
    Message,
    Notes,
    Ready,
)

pytestmark = pytest.mark.anyio

Script = Callable[[socket.socket], None]


@contextlib.asynccontextmanager
async def liar(script: Script) -> AsyncIterator[socket.socket]:
    """A thread that plays the worker: it reads the call, then follows its script."""
    ours, theirs = socket.socketpair()

    def play() -> None:
        with contextlib.suppress(OSError), theirs:
            theirs.settimeout(10)
            theirs.recv(65536)
            script(theirs)
            theirs.recv(65536)

    thread = threading.Thread(target=play)
    thread.start()
    ours.setblocking(False)
    try:
        yield ours
    finally:
        await asyncio.to_thread(thread.join, 10)
        assert not thread.is_alive()


async def run(script: Script, answer: HostCalls = answered, **limits: Any) -> tuple[Outcome, Alive]:
    job = some_job({}, **limits)
    async with liar(script) as connection:
        body = Alive()
        worker = Worker(await Frames.over(connection), body)
        try:
            outcome = await worker.run(job, ARTIFACT, answer)
        finally:
            worker.close()
        return outcome, body


def sending(*messages: Message) -> Script:
    return lambda connection: connection.sendall(b"".join(map(frame, messages)))


LIES: dict[str, Script] = {
    "another call's result": sending(Done(2, 1, Usage())),
    "another call's failure": sending(Failed(0, "trap", "", {}, None)),
    "ready once more": sending(Ready()),
    "a compiler's report": sending(Compiled(1, DESCRIPTION)),
    "a host call of another call": sending(HostCall(7, 1, "kv", "get", ["k"])),
    "a host call with a wrong number": sending(HostCall(1, 5, "kv", "get", ["k"])),
    "a host call that repeats": sending(
        HostCall(1, 1, "kv", "get", ["k"]), HostCall(1, 1, "kv", "get", ["k"])
    ),
    "output of another call": sending(Notes(3, [b"x"])),
    "more output than allowed": sending(*[Notes(1, [b"x"])] * 2_000),
    "an error type it has no say in": sending(Failed(1, "permission-denied", "", {}, None)),
    "an error type that is not one": sending(Failed(1, "\x1b[2J" * 100, "", {}, None)),
    "a huge frame": lambda c: c.sendall(LENGTH.pack(2**31) + b"x" * 100),
    "a frame larger than its call may send": sending(Done(1, "x" * (8 << 20), Usage())),
    "something that is not MessagePack": lambda c: c.sendall(LENGTH.pack(4) + b"\xc1" * 4),
    "a message of the broker's": lambda c: c.sendall(frame(Ready()).replace(b"Ready", b"Calls")),
    "deep nesting": lambda c: c.sendall(LENGTH.pack(100_000) + b"\x91" * 100_000),
    "half a frame": lambda c: c.sendall(LENGTH.pack(100) + b"half") or c.close(),
    "nothing, and goes": lambda c: c.close(),
}


@pytest.mark.parametrize("lie", LIES, ids=lambda name: name.replace(" ", "-"))
async def test_a_lie_is_a_lost_worker(lie: str) -> None:
    with pytest.raises(errors.WorkerLost, match="it lied") as caught:
        await run(LIES[lie])

    assert caught.value.usage is not None
    assert len(caught.value.message) < 500
    assert "\x1b" not in caught.value.message


async def test_a_worker_that_says_nothing_is_killed_after_the_deadline() -> None:
    with pytest.raises(errors.DeadlineExceeded):
        await run(lambda connection: None, wall_seconds=0.1)


async def test_host_calls_past_the_budget_and_its_slack_are_a_breach() -> None:
    def flood(connection: socket.socket) -> None:
        for number in range(1, 100):
            connection.sendall(frame(HostCall(1, number, "kv", "get", ["k"])))

    with pytest.raises(errors.WorkerLost, match="more host calls"):
        await run(flood, host_calls=5)


async def test_a_worker_that_reads_no_answers_is_not_given_ever_more() -> None:
    asked = 0

    async def generous(interface: str, function: str, arguments: list[Any]) -> Any:
        nonlocal asked
        asked += 1
        return b"x" * (1 << 20)

    calls = [HostCall(1, number, "kv", "get", ["k"]) for number in range(1, 100)]
    with pytest.raises(errors.WorkerLost, match="before it had read"):
        await run(sending(*calls), generous)

    assert asked == 1


async def test_what_a_worker_sends_ahead_is_held_back_by_its_size() -> None:
    """The broker keeps about one of the largest messages that the worker may send, unread."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    with theirs:
        frames = await Frames.over(ours)
        frames.frame_bytes_max = 1 << 20
        message = frame(Notes(1, [b"x" * (1 << 19)]))
        sent = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                while True:
                    await asyncio.get_running_loop().sock_sendall(theirs, message)
                    sent += 1
        frames.close()
        await asyncio.sleep(0)

    assert 1 <= sent < 6


async def test_lines_that_are_host_calls_count_against_the_same_budget() -> None:
    lines = Notes(1, [["info", "x", []]] * 50)

    with pytest.raises(errors.WorkerLost, match="more host calls"):
        await run(sending(lines, Done(1, None, Usage())), host_calls=5)


async def test_a_line_that_ends_the_call_says_what_was_spent() -> None:
    async def stopped(interface: str, function: str, arguments: list[Any]) -> Any:
        raise errors.Trap("stopped by the host")

    with pytest.raises(errors.Trap, match="stopped by the host") as caught:
        await run(sending(Notes(1, [["info", "x", []]])), stopped)

    assert caught.value.usage is not None
    assert caught.value.usage.host_calls == 1


async def test_a_line_that_cannot_be_kept_is_no_fault_of_the_call() -> None:
    async def full(interface: str, function: str, arguments: list[Any]) -> Any:
        raise errors.Overloaded("full")

    outcome, _ = await run(sending(Notes(1, [["info", "x", []]]), Done(1, 5, Usage())), full)

    assert outcome.result == 5


async def test_what_a_worker_claims_to_have_spent_is_corrected_by_what_was_seen() -> None:
    claim = Usage(wall_seconds=-5.0, http_requests=9, events=9, host_calls=0, fuel=7)

    outcome, _ = await run(sending(HostCall(1, 1, "kv", "get", ["k"]), Done(1, None, claim)))

    assert outcome.usage.wall_seconds >= 0
    assert outcome.usage.http_requests == outcome.usage.events == 0
    assert outcome.usage.host_calls == 1
    assert outcome.usage.fuel == 7


@pytest.mark.parametrize("absurd", [-1, -(2**63), 2**63, 2**64 - 1])
async def test_a_claim_without_reason_is_kept_within_the_limits(absurd: int) -> None:
    claim = Usage(
        fuel=absurd,
        memory_bytes=absurd,
        host_calls=absurd,
        output_bytes=absurd,
        log_lines=absurd,
        dropped_log_lines=absurd,
        attempts=absurd,
        cached=True,
    )

    outcome, _ = await run(sending(Notes(1, [b"x"]), Done(1, None, claim)), fuel=50, host_calls=2)

    usage = outcome.usage
    assert usage.log_lines == 1
    assert (usage.attempts, usage.cached) == (1, False)
    assert 0 <= usage.fuel <= 50
    assert 0 <= usage.host_calls <= 2 + EXHAUSTED_CALLS
    for count in (usage.memory_bytes, usage.output_bytes, usage.dropped_log_lines):
        assert 0 <= count <= 2**53


async def test_code_that_does_not_load_is_told_apart() -> None:
    with pytest.raises(ArtifactUnusable):
        await run(sending(Failed(1, "artifact-unusable", "no", {}, None)))


async def test_a_worker_that_died_before_it_read_the_call_ran_nothing_of_it() -> None:
    job = some_job({"x": "y" * 1000})
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    worker = Worker(await Frames.over(ours), Alive())
    running = asyncio.create_task(worker.run(job, ARTIFACT, answered))
    await asyncio.sleep(0)  # the call is sent
    theirs.close()

    with pytest.raises(CallNotTaken):
        await running


@settings(max_examples=60, deadline=None)
@given(noise=st.binary(max_size=300), seed=st.integers(0, 10_000))
def test_noise_is_never_more_than_a_failed_call(noise: bytes, seed: int) -> None:
    """Random bytes, and real messages with bytes changed."""
    shuffled = random.Random(seed)
    real = bytearray(frame(Done(1, {"a": [1, "x"]}, Usage())))
    real[shuffled.randrange(len(real))] ^= 1 << shuffled.randrange(8)

    async def attempt(content: bytes) -> None:
        with contextlib.suppress(errors.WardianError, ArtifactUnusable):
            await run(lambda connection: connection.sendall(content), wall_seconds=0.02)

    asyncio.run(attempt(noise))
    asyncio.run(attempt(bytes(real)))


@pytest.mark.parametrize(("fuel", "memory"), [(-1, -1), (2**63, 2**63), (7, 9)])
async def test_what_a_worker_says_it_has_spent_is_believed_within_its_limits(
    fuel: int, memory: int
) -> None:
    job = some_job({}, fuel=1_000, memory_bytes=2_000)
    script = sending(HostCall(1, 1, "plugins", "call", [], fuel, memory), Done(1, 1, Usage()))
    async with liar(script) as connection:
        worker = Worker(await Frames.over(connection), Alive())
        await worker.run(job, ARTIFACT, answered)
        worker.close()

    account = job.account
    assert (account.fuel, account.memory_bytes) == (
        min(max(fuel, 0), 1_000),
        min(max(memory, 0), 2_000),
    )


async def test_what_is_done_for_a_worker_ends_with_it() -> None:
    has_ended = asyncio.Event()
    has_begun = threading.Event()

    async def endless(interface: str, function: str, arguments: list[Any]) -> Any:
        has_begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            has_ended.set()

    def script(connection: socket.socket) -> None:
        connection.sendall(frame(HostCall(1, 1, "kv", "get", [])))
        has_begun.wait(10)
        connection.close()

    with pytest.raises(errors.WorkerLost):
        await run(script, endless, wall_seconds=60.0)

    assert has_ended.is_set()


async def test_a_worker_that_dies_at_its_deadline_is_one_lost_worker_and_no_fault() -> None:
    faults: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
    is_over = threading.Event()

    def script(connection: socket.socket) -> None:
        connection.sendall(frame(HostCall(1, 1, "kv", "get", [])))
        is_over.wait(10)
        connection.close()

    async with liar(script) as connection:
        frames = await Frames.over(connection)
        worker = Worker(frames, Alive())

        async def slow_to_end(interface: str, function: str, arguments: list[Any]) -> Any:
            try:
                await asyncio.Event().wait()
            finally:
                is_over.set()
                while not frames.broken:
                    await asyncio.sleep(0)

        with pytest.raises(errors.WorkerLost):
            await worker.run(some_job({}, wall_seconds=0.05), ARTIFACT, slow_to_end)
        worker.close()

    assert faults == []
