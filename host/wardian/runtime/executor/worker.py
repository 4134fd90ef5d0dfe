"""One worker, as the broker sees it: run a call on it, and know when it is lost."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections import OrderedDict
from functools import partial
from typing import Any, Protocol

import msgspec

from wardian.errors import (
    CallError,
    DeadlineExceeded,
    GuestError,
    ImportRefused,
    InvalidArguments,
    MemoryExceeded,
    NotFound,
    OutOfFuel,
    ResultTooLarge,
    StackOverflow,
    Trap,
    WardianError,
    WorkerLost,
)
from wardian.policy.levels import LEVELS, RunsIn
from wardian.policy.limits import Limits
from wardian.policy.usage import Usage
from wardian.runtime.executor.artifacts import Artifact
from wardian.runtime.executor.frames import Frames, Lost
from wardian.runtime.executor.job import HostCalls, Job
from wardian.runtime.executor.process import Process
from wardian.runtime.executor.zygote import Zygote
from wardian.sandbox import Outcome, Sandbox
from wardian.worker.confinement import Bounds
from wardian.worker.host_calls import EXHAUSTED_CALLS, LOG
from wardian.worker.main import serve
from wardian.worker.priority import Priority
from wardian.worker.protocol import (
    ARTIFACT_UNUSABLE,
    FRAME_SLACK_BYTES,
    HOST_CALL_BYTES_MAX,
    PLANS_MAX,
    SHARING,
    Call,
    Done,
    Failed,
    FromWorker,
    HostAnswer,
    HostCall,
    HostFault,
    Notes,
    Plan,
    Ready,
)

KILL_GRACE_SECONDS = 0.1
"""The worker stops a call at its deadline by itself; after this the broker kills it."""

READY_SECONDS = 10.0
THREAD_STACK_BYTES = 16 * 1024 * 1024
HOST_CALLS_PAST_BUDGET = 8
"""A worker refuses calls past the budget itself; one that forwards them is lying."""

COUNT_MAX = 2**53
"""No report counts further: JSON readers take no larger integer exactly."""

UNAVAILABLE = {"tag": "err", "val": {"tag": "unavailable", "val": "The host met a fault."}}


class ArtifactUnusable(Exception):
    """The worker could not load the compiled code."""


class CallNotTaken(Exception):
    """The worker died before it read the call, so nothing of it has run."""


class Body(Protocol):
    """What a worker runs in: a process, or a thread of the host.

    ``orphaned`` tells that it ended because whatever started it did.
    """

    orphaned: bool

    def alive(self) -> bool: ...

    def kill(self) -> None: ...

    def cpu_seconds(self) -> float: ...

    def lower(self, priority: Priority) -> None: ...

    def close(self) -> None: ...

    async def how_it_ended(self) -> str: ...


class Worker:
    """A worker that serves one tenant at one level, one call at a time.

    Attributes:
        calls: that it has begun.
        lent_at: the monotonic time at which the pool lent it last.
        lasts: whether the pool has seen its call take longer than most.
        ahead: what it is to load when its call has ended.
        inside: whether its call shares the place of another, which waits for it.
        lost: it is not to be used again.
        priority: of its process; it stays low.
        awake: whether it may keep a processor busy for a moment after its next call.
    """

    def __init__(self, frames: Frames, body: Body) -> None:
        self._frames = frames
        self._body = body
        self._plans = _Plans()
        self.calls = 0
        self.lent_at = 0.0
        self.lasts = False
        self.ahead: tuple[Job, Artifact] | None = None
        self.inside = False
        self.lost = False
        self.priority = Priority.FIRST
        self.awake = False

    def usable(self) -> bool:
        """Whether the worker can take a call: it may have died since its last one.

        One that has said something since then broke the protocol: it would be heard as a part of
        the next call.
        """
        sound = self._frames.silent and not self._frames.broken
        return not self.lost and sound and self._body.alive()

    async def run(self, job: Job, artifact: Artifact, answer: HostCalls) -> Outcome:
        """Run one call to its end, whatever the worker does.

        Raises:
            CallError, InvalidArguments, NotFound: how the call failed.
            ArtifactUnusable: the compiled code does not load.
            CallNotTaken: the worker was dead already; another may run the call.
        """
        self.calls += 1
        conversation = _Conversation(self._frames, self.calls, job, answer)
        number, plan = self._plans.of(job, artifact)
        try:
            return await conversation.run(number, plan, awake=self.awake)
        except Lost as lost:
            if lost.unread and not conversation.heard:
                self._abandon()
                raise CallNotTaken from lost
            error = await self._worker_lost(str(lost), conversation.usage())
            error.by_call = not self._body.orphaned
            raise error from lost
        except TimeoutError:
            self._abandon()
            raise DeadlineExceeded(
                f"The call did not stop at its deadline of {job.limits.wall_seconds:g} s, and "
                "its worker was killed.",
                usage=conversation.usage(),
            ) from None
        except BaseException:
            if conversation.open:
                self._abandon()
            elif plan is not None and not conversation.heard:
                self._plans.forget(job)  # the call could not be sent, and the plan with it
            raise

    def prepare(self, job: Job, artifact: Artifact) -> None:
        """Have the worker load what calls like ``job`` need, before the first of them comes.

        Nothing is heard of it: a worker that is gone, or cannot load it, fails the call that needs
        it.
        """
        _, plan = self._plans.of(job, artifact)
        if plan is not None:
            with contextlib.suppress(Lost):
                self._frames.send(msgspec.structs.replace(plan, ahead=True))

    def cpu_seconds(self) -> float:
        """Return the processor time that the worker has used; of a thread, 0."""
        return self._body.cpu_seconds()

    def lower(self, priority: Priority) -> None:
        """Lower its priority, unless it is that low."""
        if priority > self.priority:
            self.priority = priority
            self._body.lower(priority)

    async def ready(self) -> None:
        """Wait until the worker is confined.

        Raises:
            WorkerLost
        """
        try:
            async with asyncio.timeout(READY_SECONDS):
                message = await self._frames.receive()
        except (Lost, TimeoutError) as error:
            raise await self._worker_lost("it did not come up", Usage()) from error
        if not isinstance(message, Ready):
            raise await self._worker_lost("it did not say that it is ready", Usage())

    def close(self) -> None:
        """End the worker."""
        self.lost = True
        self._frames.close()
        self._body.close()

    def _abandon(self) -> None:
        self.lost = True
        self._body.kill()
        self._frames.close()

    async def _worker_lost(self, reason: str, usage: Usage) -> WorkerLost:
        self._abandon()
        ended = await self._body.how_it_ended()
        return WorkerLost(
            f"The worker process that ran the call was lost: {reason}; {ended}.", usage=usage
        )


PlanKey = tuple[str, Limits, str | None]


class _Plans:
    """Which plans the worker knows; the oldest is forgotten on both sides at once."""

    def __init__(self) -> None:
        self._numbers: OrderedDict[PlanKey, int] = OrderedDict()
        self._free = list(range(PLANS_MAX))

    def of(self, job: Job, artifact: Artifact) -> tuple[int, Plan | None]:
        """Return the number of the job's plan, and the plan itself if it has to be sent first."""
        key = _key(job)
        found = self._numbers.get(key)
        if found is not None:
            return found, None
        number = self._free.pop() if self._free else self._numbers.popitem(last=False)[1]
        self._numbers[key] = number
        policy = LEVELS[job.level]
        once = policy.runs_in is RunsIn.NEW_PROCESS
        return number, Plan(
            number,
            str(artifact.path),
            artifact.source,
            policy.reuses_instance,
            once,
            job.limits,
            job.configuration,
        )

    def forget(self, job: Job) -> None:
        """Take back that a job's plan was sent."""
        self._free.append(self._numbers.pop(_key(job)))


def _key(job: Job) -> PlanKey:
    return job.digest, job.limits, job.configuration


class _Conversation:
    """The exchange about one call. What it counts, it counts itself."""

    def __init__(self, frames: Frames, number: int, job: Job, answer: HostCalls) -> None:
        self._frames = frames
        self._number = number
        self._job = job
        self._answer = answer
        self._host_calls = 0
        self._noted = 0
        self._logged = 0
        self._loop = asyncio.get_running_loop()
        self._started = job.account.began_at = self._loop.time()
        self._deadline = self._started + job.limits.wall_seconds
        self.open = False
        self.heard = False

    def usage(self) -> Usage:
        """What the broker itself knows of the call's spending."""
        return Usage(wall_seconds=self._loop.time() - self._started, host_calls=self._calls())

    def _calls(self) -> int:
        return self._host_calls + self._logged

    async def run(self, number: int, plan: Plan | None, *, awake: bool) -> Outcome:
        self._frames.frame_bytes_max = _frame_bound(self._job.limits)
        self._send_call(number, plan, awake)
        self.open = True
        expiry = self._frames.expire_at(self._deadline + KILL_GRACE_SECONDS)
        try:
            while True:
                message = await self._frames.receive()
                self.heard = True
                if self._frames.unsent:
                    # It would be owed ever more, and all of that would wait in the broker.
                    raise Lost("it spoke before it had read what it was told")
                if isinstance(message, Done | Failed) and message.call == self._number:
                    self.open = False
                    return self._outcome(message)
                if isinstance(message, HostCall):
                    await self._host_call(message)
                elif isinstance(message, Notes):
                    await self._notes(message)
                else:
                    raise Lost(f"it sent {type(message).__name__} out of turn")
        finally:
            expiry.cancel()

    def _send_call(self, number: int, plan: Plan | None, awake: bool) -> None:
        job = self._job
        arguments = job.arguments if type(job.arguments) is dict else dict(job.arguments)
        call = Call(self._number, number, job.function, arguments, awake)
        try:
            self._frames.send(call) if plan is None else self._frames.send(plan, call)
        except (OverflowError, ValueError, TypeError, RecursionError) as error:
            raise InvalidArguments(f"The arguments cannot be passed on: {error}.") from error

    async def _host_call(self, message: HostCall) -> None:
        self._host_calls += 1
        if (message.call, message.number) != (self._number, self._host_calls):
            raise Lost("it made a host call out of turn")
        self._check_budget()
        if (message.interface, message.function) in SHARING:
            self._hear(message)
        try:
            value = await self._answered(message)
        except TimeoutError:
            self._fault(message, DeadlineExceeded.type, "A host function met the deadline.")
        except (DeadlineExceeded, Trap) as error:
            self._fault(message, error.type, error.message)
        except WardianError as error:
            self._reply(message, _unavailable(error.message))
        else:
            self._reply(message, value)

    async def _answered(self, message: HostCall) -> Any:
        async with asyncio.timeout_at(self._deadline) as ends:
            # Who has died needs no answer, and what others do for it is to end with it.
            self._frames.on_broken = partial(_end, ends)
            try:
                return await self._answer(message.interface, message.function, message.arguments)
            finally:
                self._frames.on_broken = None

    def _hear(self, message: HostCall) -> None:
        """Take the worker's word for what its call has spent, within reason."""
        account, limits = self._job.account, self._job.limits
        account.fuel = _bounded(message.fuel, limits.fuel)
        if LEVELS[self._job.level].runs_in is not RunsIn.THREAD:
            # A thread sees the memory of the whole host.
            account.memory_bytes = _bounded(message.memory_bytes, limits.memory_bytes)

    def _check_budget(self) -> None:
        if self._calls() > self._job.limits.host_calls + HOST_CALLS_PAST_BUDGET:
            raise Lost("it made more host calls than its call may")

    def _reply(self, message: HostCall, value: object) -> None:
        fuel = self._job.account.take()
        try:
            self._frames.send(HostAnswer(self._number, message.number, value, fuel))
        except (OverflowError, ValueError, TypeError):
            self._frames.send(HostAnswer(self._number, message.number, UNAVAILABLE, fuel))

    def _fault(self, message: HostCall, kind: str, text: str) -> None:
        self._frames.send(HostFault(self._number, message.number, kind, text))

    async def _notes(self, message: Notes) -> None:
        """Take lines that need no answer; a call of ``logging.log`` counts as a host call."""
        self._noted += len(message.entries)
        wrong = message.call != self._number or not message.entries
        if wrong or self._noted > self._job.limits.log_lines:
            raise Lost("it wrote more lines than its call may")
        for entry in message.entries:
            if isinstance(entry, bytes):
                if self._job.on_output is not None:
                    self._job.on_output(entry)
            else:
                await self._log(entry)

    async def _log(self, arguments: list[Any]) -> None:
        self._logged += 1
        self._check_budget()
        try:
            async with asyncio.timeout_at(self._deadline + KILL_GRACE_SECONDS):
                await self._answer(*LOG, arguments)
        except (DeadlineExceeded, Trap) as error:
            error.usage = self.usage()
            raise
        except WardianError:
            """Nobody waits for an answer that would say so."""

    def _outcome(self, message: Done | Failed) -> Outcome:
        usage = self._believable(message.usage)
        if isinstance(message, Done):
            return Outcome(message.result, usage)
        raise _error_of(message, usage)

    def _believable(self, reported: Usage | None) -> Usage:
        """Take from the worker's report only what the broker cannot see itself, within reason."""
        usage = reported or Usage()
        limits = self._job.limits
        usage.wall_seconds = self._loop.time() - self._started
        usage.fuel = _bounded(usage.fuel, limits.fuel)
        usage.memory_bytes = _bounded(usage.memory_bytes)
        usage.host_calls = _bounded(usage.host_calls, limits.host_calls + EXHAUSTED_CALLS)
        usage.host_calls = max(usage.host_calls, self._calls())
        usage.http_requests = usage.events = 0
        usage.http_bytes_sent = usage.http_bytes_received = 0
        usage.output_bytes = _bounded(usage.output_bytes)
        usage.log_lines = self._noted
        usage.dropped_log_lines = _bounded(usage.dropped_log_lines)
        usage.attempts, usage.cached = 1, False
        return usage


def _end(timeout: asyncio.Timeout) -> None:
    if not timeout.expired():
        timeout.reschedule(0)


def _bounded(reported: int, most: int | None = None) -> int:
    return max(0, min(reported, COUNT_MAX if most is None else most))


def _frame_bound(limits: Limits) -> int:
    """The largest honest frame: a result, or a host call."""
    return max(limits.result_bytes, HOST_CALL_BYTES_MAX) + FRAME_SLACK_BYTES


_FROM_WORKER: dict[str, type[CallError]] = {
    kind.type: kind
    for kind in (
        DeadlineExceeded,
        OutOfFuel,
        MemoryExceeded,
        StackOverflow,
        Trap,
        ResultTooLarge,
    )
}

MAX_MESSAGE_CHARS = 2_000


def _error_of(message: Failed, usage: Usage) -> Exception:
    """Translate a worker's report; a type that a worker has no say in is a lie."""
    text = message.message[:MAX_MESSAGE_CHARS]
    if message.error == ARTIFACT_UNUSABLE:
        return ArtifactUnusable(text)
    if message.error == GuestError.type:
        return GuestError(text, payload=message.details.get("payload"), usage=usage)
    if message.error == InvalidArguments.type:
        path = message.details.get("path")
        return InvalidArguments(text, path=path if isinstance(path, str) else None)
    if message.error == NotFound.type:
        return NotFound(text)
    if message.error == ImportRefused.type:
        return ImportRefused(text)
    kind = _FROM_WORKER.get(message.error)
    return kind(text, usage=usage) if kind else Lost(f"it reported {message.error[:60]!r}")


def _unavailable(text: str) -> dict[str, object]:
    return {"tag": "err", "val": {"tag": "unavailable", "val": text}}


async def spawn_worker(zygote: Zygote, bounds: Bounds) -> Worker:
    """Fork a worker process and wait until it is confined.

    Raises:
        WorkerLost
    """
    try:
        ours, theirs = socket.socketpair()
    except OSError as error:
        raise WorkerLost(f"No worker could be started: {error.strerror}.") from error
    try:
        process: Process = await zygote.spawn(bounds, [theirs.fileno()])
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    return await _connected(ours, process)


async def start_thread_worker() -> Worker:
    """Start a worker in a thread of this process, over the very same messages."""
    ours, theirs = socket.socketpair()
    previous = threading.stack_size(THREAD_STACK_BYTES)
    try:
        thread = threading.Thread(
            target=_serve_in_thread, args=(theirs,), name="wardian-trusted", daemon=True
        )
        thread.start()
    finally:
        threading.stack_size(previous)
    return await _connected(ours, _Thread(theirs))


def _serve_in_thread(connection: socket.socket) -> None:
    with connection:
        serve(connection, Sandbox())


async def _connected(connection: socket.socket, body: Body) -> Worker:
    connection.setblocking(False)
    worker = Worker(await Frames.over(connection), body)
    try:
        await worker.ready()
    except BaseException:
        worker.close()
        raise
    return worker


class _Thread:
    """A thread cannot be killed: it ends when it next looks at its socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.orphaned = False

    def alive(self) -> bool:
        """A thread ends with its socket."""
        return True

    def kill(self) -> None:
        """Nothing but closing the socket, which the worker does."""

    def cpu_seconds(self) -> float:
        """A thread of the host's competes with nobody but the host."""
        return 0.0

    def lower(self, priority: Priority) -> None:
        """A thread stays what it is."""

    def close(self) -> None:
        """The thread closes its end itself."""

    async def how_it_ended(self) -> str:
        return "it is a thread of the host"


__all__ = ["ArtifactUnusable", "FromWorker", "Worker", "spawn_worker", "start_thread_worker"]
