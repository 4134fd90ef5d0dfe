"""Whatever comes through a worker's socket, a call ends as calls end, in time, and leaves nothing.

A peer that follows a script plays the worker. Scripts are made up: messages of every kind with
fields of every kind, frames that were damaged on the way, and all of it at any time. The clock is
the test's own (see ``timeless``), so that every deadline is met exactly. ``WARDIAN_EXAMPLES`` says
how many scripts each test tries.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from liars import ARTIFACT, DESCRIPTION, Alive, frame, some_job
from timeless import run_timeless
from wardian import errors
from wardian.policy.limits import Limits
from wardian.policy.usage import Usage
from wardian.runtime.executor.frames import Frames
from wardian.runtime.executor.job import Job
from wardian.runtime.executor.worker import (
    HOST_CALLS_PAST_BUDGET,
    KILL_GRACE_SECONDS,
    ArtifactUnusable,
    CallNotTaken,
    Worker,
)
from wardian.sandbox import Outcome
from wardian.worker.host_calls import EXHAUSTED_CALLS
from wardian.worker.protocol import (
    ARTIFACT_UNUSABLE,
    LENGTH,
    Call,
    Compiled,
    Done,
    Failed,
    HostAnswer,
    HostCall,
    HostFault,
    Message,
    Notes,
    Ready,
)

EXAMPLES = os.environ.get("WARDIAN_EXAMPLES")
attempts = settings(
    max_examples=int(EXAMPLES or 250),
    derandomize=EXAMPLES is None,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

LIMITS: dict[str, Any] = {
    "wall_seconds": 1.0,
    "host_calls": 3,
    "log_lines": 30,
    "fuel": 1_000,
    "memory_bytes": 1_000,
    "result_bytes": 1_000,
}
DOCUMENTED = (
    errors.CallError,
    errors.InvalidArguments,
    errors.NotFound,
    errors.ImportRefused,
    ArtifactUnusable,
    CallNotTaken,
)


# -- the peer ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Hear:
    """Read what the broker has said, and wait until it says something."""


@dataclass(frozen=True)
class Rest:
    """Let time go by."""

    seconds: float


@dataclass(frozen=True)
class Send:
    """Send bytes, whatever they are."""

    content: bytes = field(repr=False)
    what: object = None


Step = Hear | Rest | Send


async def play(peer: socket.socket, script: Sequence[Step]) -> None:
    """Follow a script, and go."""
    loop = asyncio.get_running_loop()
    with peer:
        for step in script:
            try:
                match step:
                    case Hear():
                        await loop.sock_recv(peer, 1 << 20)
                    case Rest(seconds):
                        await asyncio.sleep(seconds)
                    case Send(content):
                        await loop.sock_sendall(peer, content)
            except OSError:
                return


def saying(*messages: Message) -> Send:
    return Send(b"".join(map(frame, messages)), messages)


# -- what it may say -----------------------------------------------------------------------

numbers = st.sampled_from([1, 1, 1, 1, 2, 2, 3, 0, 4, -1, 2**31, 2**63 - 1, 2**64 - 1])
counts = st.sampled_from([0, 1, 7, -1, -(2**63), 2**63, 2**64 - 1])
plain = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats()
strange = st.sampled_from(
    [
        msgspec.msgpack.Ext(5, b"x"),
        datetime(2000, 1, 1, tzinfo=UTC),
        {None: 1},
        {(1, 2): 3},
        msgspec.Raw(b"\x91" * 900 + b"\x01"),
        msgspec.Raw(b"\x91" * 100_000 + b"\x01"),
        msgspec.Raw(b"\xdd\xff\xff\xff\xff"),
        msgspec.Raw(b"\x90" * 9 + b"\xc1"),
        "x" * 100_000,
        b"x" * 100_000,
        [0] * 20_000,
    ]
)
values = st.recursive(
    plain | st.text(max_size=8) | st.binary(max_size=8) | strange,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=4,
)
usages = st.builds(
    Usage,
    wall_seconds=st.floats(),
    **{each.name: counts for each in fields(Usage) if each.name != "wall_seconds"},
)
kinds = st.sampled_from(
    [
        *["trap", "guest-error", "deadline-exceeded", "not-found", "invalid-arguments"],
        *["import-refused", "worker-lost", "internal-error", ARTIFACT_UNUSABLE, "\x1b[2J", ""],
    ]
)
host_calls = st.builds(
    HostCall,
    numbers,
    numbers,
    st.sampled_from(["kv", "http", "plugins", "\0"]),
    st.sampled_from(["get", "call", ""]),
    st.lists(values, max_size=2),
    counts,
    counts,
)
notes = st.builds(
    Notes, numbers, st.lists(st.binary(max_size=4) | st.lists(values, max_size=2), max_size=4)
)
many_notes = st.builds(Notes, numbers, st.just([["info", "x", []]] * 15))
ends = st.builds(Done, numbers, values, usages) | st.builds(
    Failed,
    numbers,
    kinds,
    st.text(max_size=20) | st.just("x" * 5_000),
    st.dictionaries(st.sampled_from(["payload", "path", "import"]), values, max_size=2),
    st.none() | usages,
)
out_of_turn = st.sampled_from(
    [
        Ready(),
        Compiled(1, DESCRIPTION),
        Call(1, 0, "f", {}),
        HostAnswer(1, 1, None),
        HostFault(1, 1, "trap", ""),
    ]
)
messages = host_calls | notes | many_notes | ends | out_of_turn
steps = st.one_of(
    st.lists(messages, min_size=1, max_size=3).map(lambda said: saying(*said)),
    st.just(Hear()),
    st.sampled_from([0.0, 0.01, 0.5, 1.0, 1.05, 1.1, 2.0]).map(Rest),
)
scripts = st.lists(steps, max_size=6)


@st.composite
def damaged(draw: st.DrawFn) -> Send:
    """Frames with bits flipped, pieces lost or said twice, or a length that is not theirs."""
    content = bytearray(b"".join(map(frame, draw(st.lists(messages, min_size=1, max_size=2)))))
    for _ in range(draw(st.integers(1, 3))):
        where = draw(st.integers(0, max(0, min(len(content) - 1, 80))))
        match draw(st.sampled_from(["flip", "cut", "drop", "repeat", "length", "insert"])):
            case "flip" if content:
                content[where] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del content[where:]
            case "drop":
                del content[where : where + draw(st.integers(1, 5))]
            case "repeat":
                content += content[:where]
            case "insert":
                content[where:where] = draw(st.binary(max_size=5))
            case "length":
                size = draw(st.integers(0, 300) | st.just(2**32 - 1) | st.just(5 << 20))
                content[: LENGTH.size] = LENGTH.pack(size)
    return Send(bytes(content), "damaged")


# -- the broker ----------------------------------------------------------------------------


class Handler:
    """Answers host calls in one of many ways, and counts them."""

    def __init__(self, manner: str) -> None:
        self._manner = manner
        self.asked = 0

    async def __call__(self, interface: str, function: str, arguments: list[Any]) -> Any:
        self.asked += 1
        match self._manner:
            case "slow":
                await asyncio.sleep(0.3)
            case "never":
                await asyncio.sleep(1_000)
            case "large":
                return "x" * 1_000_000
            case "trap":
                raise errors.Trap("stopped by the host")
            case "strange":
                return object()
        return {"tag": "ok", "val": arguments[:1]}


handlers = st.sampled_from(["prompt", "slow", "never", "large", "trap", "strange"])


async def connected(script: Sequence[Step]) -> tuple[Worker, asyncio.Task[None]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    worker = Worker(await Frames.over(ours), Alive())
    return worker, asyncio.create_task(play(theirs, script))


async def ended(worker: Worker, playing: asyncio.Task[None]) -> None:
    """End both sides, and see that nothing else goes on."""
    worker.close()
    playing.cancel()
    await asyncio.wait([playing])
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    if not playing.cancelled():
        playing.result()


async def attempt(worker: Worker, job: Job, handler: Handler) -> Outcome | None:
    """Run a call; whatever it met, it ended in time and as calls end."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    outcome, usage = None, None
    try:
        outcome = await worker.run(job, ARTIFACT, handler)
        usage = outcome.usage
    except DOCUMENTED as error:
        usage = getattr(error, "usage", None)
        if isinstance(error, errors.CallError):
            assert usage is not None
    took = loop.time() - started
    assert took <= job.limits.wall_seconds + KILL_GRACE_SECONDS + 1e-6
    assert handler.asked <= job.limits.host_calls + HOST_CALLS_PAST_BUDGET
    if usage is not None:
        assert_believable(usage, job.limits, took)
    return outcome


def assert_believable(usage: Usage, limits: Limits, took: float) -> None:
    assert 0 <= usage.wall_seconds <= took + 1e-6
    assert usage.http_requests == usage.events == 0
    assert 0 <= usage.host_calls <= limits.host_calls + EXHAUSTED_CALLS
    assert 0 <= usage.fuel <= (limits.fuel or 0)
    assert 0 <= usage.memory_bytes < 2**63
    assert 0 <= usage.output_bytes < 2**63
    assert 0 <= usage.log_lines <= limits.log_lines
    assert 0 <= usage.dropped_log_lines < 2**63


async def siege(script: Sequence[Step], manner: str) -> None:
    """Give a worker three calls while it follows its script, and then a fresh one a call."""
    worker, playing = await connected(script)
    for _ in range(3):
        if worker.usable():
            await attempt(worker, some_job({}, **LIMITS), Handler(manner))
    await ended(worker, playing)
    fresh, playing = await connected([Hear(), saying(Done(1, "right", Usage())), Hear()])
    outcome = await attempt(fresh, some_job({}, **LIMITS), Handler(manner))
    assert outcome is not None
    assert outcome.result == "right"
    assert fresh.usable()
    await ended(fresh, playing)


def open_descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


def withstand(script: Sequence[Step], manner: str) -> None:
    before = open_descriptors()
    run_timeless(siege(script, manner))
    assert open_descriptors() == before


# -- what holds ----------------------------------------------------------------------------


@attempts
@given(script=scripts, manner=handlers)
def test_messages_of_any_kind_at_any_time_are_withstood(script: list[Step], manner: str) -> None:
    withstand(script, manner)


@attempts
@given(script=st.lists(damaged() | steps, max_size=4), manner=handlers)
def test_damaged_frames_are_withstood(script: list[Step], manner: str) -> None:
    withstand(script, manner)


@attempts
@given(
    said=st.lists(host_calls | notes | ends, min_size=1, max_size=4),
    cuts=st.lists(st.integers(0, 400), max_size=4),
    silence=st.booleans(),
)
def test_frames_in_pieces_are_withstood(
    said: list[Message], cuts: list[int], silence: bool
) -> None:
    content = b"".join(map(frame, said))
    bounds = [0, *sorted(min(cut, len(content)) for cut in cuts), len(content)]
    script: list[Step] = [Hear()]
    for start, end in itertools.pairwise(bounds):
        script += [Send(content[start:end]), Rest(0.01)]
    withstand([*script, Rest(5.0)] if silence else script, "prompt")


async def two_calls(*first: Message) -> list[object]:
    """Run a call that the worker ends with ``first``, and a second one that it ends as it should.

    The honest end of the second call waits for that call; a worker that does not get it is lost.
    """
    done = saying(Done(2, "honest", Usage()))
    worker, playing = await connected([Hear(), saying(*first), Hear(), done, Hear()])
    handler = Handler("prompt")
    job = some_job({}, **LIMITS)
    found: list[object] = [(await worker.run(job, ARTIFACT, handler)).result]
    if not worker.usable():
        found.append("not used again")
    else:
        try:
            found.append((await worker.run(job, ARTIFACT, handler)).result)
        except errors.WorkerLost:
            found.append("lost")
    found.append(handler.asked)
    await ended(worker, playing)
    return found


@pytest.mark.parametrize(
    "late",
    [
        Done(1, "late", Usage()),
        Failed(1, "not-found", "late", {}, None),
        HostCall(1, 1, "kv", "get", []),
        Notes(1, [["info", "late", []]]),
        Done(2, "ahead", Usage()),
        Failed(2, "not-found", "ahead", {}, None),
        HostCall(2, 1, "kv", "get", []),
        Notes(2, [["info", "ahead", []]]),
        Ready(),
    ],
    ids=str,
)
def test_what_comes_after_the_end_of_a_call_is_no_part_of_the_next(late: Message) -> None:
    found = run_timeless(two_calls(Done(1, "first", Usage()), late))

    assert found == ["first", "not used again", 0]


def test_a_worker_that_keeps_to_its_turn_is_used_again() -> None:
    assert run_timeless(two_calls(Done(1, "first", Usage()))) == ["first", "honest", 0]


async def late_after(rest: float, late: Message) -> bool:
    """Tell whether a worker is used again that says something a while after its call."""
    script = [Hear(), saying(Done(1, "first", Usage())), Rest(rest), saying(late), Hear()]
    worker, playing = await connected(script)
    await worker.run(some_job({}, **LIMITS), ARTIFACT, Handler("prompt"))
    await asyncio.sleep(rest + 0.1)
    usable = worker.usable()
    await ended(worker, playing)
    return usable


@attempts
@given(late=messages, rest=st.sampled_from([0.01, 1.0, 60.0]))
def test_a_worker_that_speaks_between_calls_is_not_used_again(late: Message, rest: float) -> None:
    assert not run_timeless(late_after(rest, late))


@attempts
@given(late=st.lists(host_calls | notes | ends, min_size=1, max_size=3))
def test_a_message_of_a_call_never_is_the_next_ones_result(late: list[Message]) -> None:
    """The late message comes when the next call runs already."""

    async def results() -> object:
        stale = [msgspec.structs.replace(message, call=1) for message in late]
        script = [Hear(), saying(Done(1, "first", Usage())), Hear(), saying(*stale), Hear()]
        worker, playing = await connected(script)
        handler = Handler("prompt")
        await worker.run(some_job({}, **LIMITS), ARTIFACT, handler)
        with pytest.raises(errors.WorkerLost):
            await worker.run(some_job({}, **LIMITS), ARTIFACT, handler)
        assert not worker.usable()
        await ended(worker, playing)
        return handler.asked

    assert run_timeless(results()) == 0
