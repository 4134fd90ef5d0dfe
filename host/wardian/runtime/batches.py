"""Batches: many calls that are asked for at once, each with an end of its own.

They run side by side, so many of a tenant's at a time, whatever the number of its batches: others
of the tenant find workers, and other tenants have theirs by the executor's own turns.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from wardian.crypto.identifiers import new_id
from wardian.errors import (
    CallError,
    Cancelled,
    DeadlineExceeded,
    InvalidArguments,
    ResultTooLarge,
    WardianError,
)
from wardian.policy.limits import MAX_WALL_SECONDS, MIB
from wardian.policy.usage import Usage
from wardian.runtime.calls import CallRequest
from wardian.runtime.entrance import Entrance
from wardian.runtime.scopes import check_plugin
from wardian.runtime.views import CallOutcome

GRACE_SECONDS = 0.25
"""How long after the deadline of a batch its calls may take to say that they met it."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchCall:
    """One call of a batch, before anything of it was checked."""

    plugin: str
    function: str
    arguments: Mapping[str, Any]
    limits: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOrder:
    """Calls to be made.

    Attributes:
        deadline_seconds: after which what runs is stopped, and nothing more begun.
        stop_at_first_failure: whether that is done as soon as one call has failed.
        subject, scopes, correlation_id, traceparent: as of a single call.
        check: asked before each call; what it raises, that call ends with, and is not begun.
    """

    calls: Sequence[BatchCall]
    deadline_seconds: float | None = None
    stop_at_first_failure: bool = False
    subject: str = "host"
    scopes: Collection[str] | None = None
    correlation_id: str | None = None
    traceparent: str | None = None
    check: Callable[[], Awaitable[Any]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPolicy:
    """How batches are bounded.

    Attributes:
        calls_max: calls of one batch.
        at_once: of all of a tenant's batches, on this host.
        bytes_max: what is kept of the outcomes of one batch.
    """

    calls_max: int = 100
    at_once: int = 2
    bytes_max: int = 16 * MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How one call of a batch ended: with an outcome, or an error."""

    call: BatchCall
    call_id: str
    seconds: float
    outcome: CallOutcome | None = None
    error: WardianError | None = None

    @property
    def usage(self) -> Usage | None:
        """What it spent; None if it was not begun."""
        if self.outcome is not None:
            return self.outcome.usage
        return self.error.usage if isinstance(self.error, CallError) else None


Keep = Callable[[Ended], Awaitable[tuple[T, int]]]
"""Makes of an end what is kept of it, and tells how many bytes that has."""


async def keep_as_it_is(ended: Ended) -> tuple[Ended, int]:
    """Keep an end as values, of the size that the plugin returned."""
    return ended, 0 if ended.usage is None else ended.usage.output_bytes


class Batches:
    """Runs batches."""

    def __init__(self, entrance: Entrance, policy: BatchPolicy) -> None:
        self.policy = policy
        self._entrance = entrance
        self._places: dict[str, _Places] = {}

    async def run(self, order: BatchOrder, *, tenant: str, keep: Keep[T]) -> list[T]:
        """Make the calls of a batch; return what is kept of each end, in order.

        Whoever cancels this ends the calls that run.

        Raises:
            InvalidArguments: no calls, or too many; or a deadline that there cannot be.
        """
        self._check(order)
        async with self._lent(tenant) as places:
            running = _Batch(self._entrance, order, tenant, self.policy, places, keep)
            return await running.run()

    def _check(self, order: BatchOrder) -> None:
        count, most = len(order.calls), self.policy.calls_max
        if not 1 <= count <= most:
            raise InvalidArguments(
                f"A batch has 1 to {most} calls, not {count} (WARDIAN_BATCH_CALLS_MAX).",
                path="calls",
            )
        deadline = order.deadline_seconds
        if deadline is not None and not 0 < deadline <= MAX_WALL_SECONDS:
            raise InvalidArguments(
                f"A batch's deadline is within {MAX_WALL_SECONDS:g} seconds.",
                path="deadline_seconds",
            )

    @asynccontextmanager
    async def _lent(self, tenant: str) -> AsyncIterator[asyncio.Semaphore]:
        """Lend the places that all batches of a tenant share."""
        places = self._places.setdefault(tenant, _Places(asyncio.Semaphore(self.policy.at_once)))
        places.batches += 1
        try:
            yield places.free
        finally:
            places.batches -= 1
            if not places.batches:
                del self._places[tenant]


@dataclass(slots=True)
class _Places:
    free: asyncio.Semaphore
    batches: int = 0


class _Batch(Generic[T]):
    """One batch while it runs."""

    def __init__(
        self,
        entrance: Entrance,
        order: BatchOrder,
        tenant: str,
        policy: BatchPolicy,
        places: asyncio.Semaphore,
        keep: Keep[T],
    ) -> None:
        self._entrance = entrance
        self._order = order
        self._tenant = tenant
        self._policy = policy
        self._places = places
        self._keep = keep
        self._size = 0
        self._failed = False
        self._calls: set[asyncio.Task[CallOutcome]] = set()
        seconds = order.deadline_seconds
        self._until = None if seconds is None else time.monotonic() + seconds

    async def run(self) -> list[T]:
        kept: dict[int, T] = {}
        numbered = iter(enumerate(self._order.calls))

        async def one_after_the_other() -> None:
            for number, call in numbered:
                kept[number] = await self._kept(await self._ended(call))

        side_by_side = min(self._policy.at_once, len(self._order.calls))
        async with asyncio.TaskGroup() as group:
            for _ in range(side_by_side):
                group.create_task(one_after_the_other())
        return [kept[number] for number in range(len(self._order.calls))]

    async def _kept(self, ended: Ended) -> T:
        made, size = await self._keep(ended)
        if self._size + size > self._policy.bytes_max:
            error = ResultTooLarge(
                f"The call ended, and what it came to has {size:,} bytes: with it, the batch's "
                f"answer has more than {self._policy.bytes_max:,} (WARDIAN_BATCH_BYTES_MAX).",
                usage=ended.usage,
            )
            error.terms = _terms_of(ended)
            self._size = self._policy.bytes_max
            made, _ = await self._keep(_with(ended, error))
            return made
        self._size += size
        return made

    async def _ended(self, call: BatchCall) -> Ended:
        began, call_id = time.monotonic(), new_id()
        end = partial(Ended, call=call, call_id=call_id)
        error = self._refusal()
        if error is not None:
            return end(seconds=0.0, error=error)
        try:
            outcome = await self._watched(self._call(call, call_id))
        except WardianError as caught:
            if self._order.stop_at_first_failure:
                self._stop()
            return end(seconds=time.monotonic() - began, error=caught)
        return end(seconds=time.monotonic() - began, outcome=outcome)

    def _refusal(self) -> WardianError | None:
        """Return why a call is not begun any more; None if it is."""
        if self._failed:
            return Cancelled("The call was not begun, because another of its batch had failed.")
        if self._left() == 0:
            return DeadlineExceeded("The batch's deadline had passed before this call began.")
        if self._size >= self._policy.bytes_max:
            return ResultTooLarge(
                "The call was not begun, because the batch's answer is as large as it may be."
            )
        return None

    def _stop(self) -> None:
        self._failed = True
        for task in self._calls:
            task.cancel()

    async def _watched(self, call: Awaitable[CallOutcome]) -> CallOutcome:
        """Await a call, until the batch's deadline or another's failure ends it."""
        task = asyncio.ensure_future(call)
        self._calls.add(task)
        left = self._left()
        try:
            await asyncio.wait([task], timeout=None if left is None else left + GRACE_SECONDS)
            if not task.done():
                await _cancelled(task)
                raise DeadlineExceeded("The batch's deadline passed while this call waited.")
            if task.cancelled():
                raise Cancelled("The call was stopped, because another of its batch had failed.")
            return task.result()
        except asyncio.CancelledError:
            await _cancelled(task)
            raise
        finally:
            self._calls.discard(task)

    async def _call(self, call: BatchCall, call_id: str) -> CallOutcome:
        order = self._order
        async with self._places:
            if order.check is not None:
                await order.check()
            request = CallRequest(
                function=call.function,
                arguments=call.arguments,
                subject=order.subject,
                limits=self._limits(call),
                call_id=call_id,
                correlation_id=order.correlation_id,
                traceparent=order.traceparent,
                scopes=order.scopes,
            )
            # First of all: a key for other plugins does not learn whether there is this one.
            check_plugin(call.plugin, self._order.scopes)
            find = partial(self._entrance.named, self._tenant, call.plugin)
            return await self._entrance.call(find, request)

    def _limits(self, call: BatchCall) -> Mapping[str, Any] | None:
        """Return a call's limits, with no more time than the batch has left."""
        left = self._left()
        if left is None:
            return call.limits
        if left == 0:
            raise DeadlineExceeded("The batch's deadline passed before this call began.")
        limits = dict(call.limits or {})
        wanted = limits.get("wall_seconds", left)
        if isinstance(wanted, (int, float)):
            limits["wall_seconds"] = min(wanted, left)
        return limits

    def _left(self) -> float | None:
        return None if self._until is None else max(0.0, self._until - time.monotonic())


async def _cancelled(task: asyncio.Future[Any]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _with(ended: Ended, error: WardianError) -> Ended:
    return Ended(call=ended.call, call_id=ended.call_id, seconds=ended.seconds, error=error)


def _terms_of(ended: Ended) -> Any:
    if ended.outcome is not None:
        return ended.outcome.terms
    return ended.error.terms if isinstance(ended.error, CallError) else None
