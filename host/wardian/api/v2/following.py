"""A job as a stream tells of it: its states, what its call logs, and what came of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from msgspec import UNSET
from starlette.types import Scope as RequestScope

from wardian.api.streams import HEARTBEAT_SECONDS, Streams
from wardian.api.v2.messages import HEARTBEAT, message, message_of
from wardian.api.v2.outcomes import outcome_of_job
from wardian.errors import NotFound
from wardian.runtime.call_lines import CallLines, Told, lines_of_call
from wardian.runtime.host import PluginHost
from wardian.runtime.jobs import Asker, JobView
from wardian.runtime.jobs.watching import Watch
from wardian.tenants import Caller


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """Which job is followed, and for whom.

    Attributes:
        asker: whose it must be for its result to be told.
        holds: tells whether the key that it is followed with is one still.
    """

    job_id: str
    caller: Caller
    asker: Asker
    holds: Callable[[], Awaitable[bool]]


async def job_messages(
    scope: RequestScope, host: PluginHost, streams: Streams, followed: Followed
) -> AsyncGenerator[bytes]:
    """Tell a client of a job until that has ended, its key holds no more, or the host ends."""
    with (
        _Following(host, followed).open() as following,
        streams.held(followed.caller, following.watch),
    ):
        yield HEARTBEAT
        spoke = time.monotonic()
        while not (streams.closing or following.has_ended):
            async for told in following.next():
                yield told
            if time.monotonic() - spoke >= HEARTBEAT_SECONDS:
                if not await followed.holds():
                    return
                yield HEARTBEAT
                spoke = time.monotonic()
    if following.has_ended:
        outcome = await _outcome(scope, host, followed)
        if outcome is not None:
            yield outcome


async def _outcome(scope: RequestScope, host: PluginHost, followed: Followed) -> bytes | None:
    """Return the message of what came of a job, if that is kept and the caller's to have."""
    try:
        found = await host.jobs.result(
            followed.job_id, tenant=followed.caller.tenant, asker=followed.asker
        )
    except NotFound:
        return None
    made = await asyncio.to_thread(outcome_of_job, scope, found)
    if made.problem is UNSET:
        return await asyncio.to_thread(message, "result", made)
    return await asyncio.to_thread(message, "problem", made.problem)


class _Following:
    """Looks at a job when something has happened to it, and listens to its call.

    Attributes:
        watch: wakes it.
    """

    watch: Watch

    def __init__(self, host: PluginHost, followed: Followed) -> None:
        self._host = host
        self._followed = followed
        self._seen: JobView | None = None
        self._looked = 0.0
        self._lines: CallLines | None = None
        self._listening = ExitStack()

    @property
    def has_ended(self) -> bool:
        """Whether the job has, and that was told."""
        return self._seen is not None and self._seen.state.has_ended

    @contextmanager
    def open(self) -> Iterator[_Following]:
        """Follow the job while this is open."""
        with self._host.jobs.watched(self._followed.job_id) as self.watch, self._listening:
            yield self

    async def next(self) -> AsyncIterator[bytes]:
        """Tell what is new, once something is, or it is time to look again."""
        if self._is_to_look():
            async for told in self._look():
                yield told
        if not (self.has_ended or self.watch.is_moved):
            for line in await self._heard():
                yield message_of(line)

    def _is_to_look(self) -> bool:
        moved = self.watch.has_moved()
        passed = time.monotonic() - self._looked
        return moved or self._seen is None or passed >= self.watch.most(HEARTBEAT_SECONDS)

    async def _look(self) -> AsyncIterator[bytes]:
        self._looked = time.monotonic()
        tenant = self._followed.caller.tenant
        view = await self._host.jobs.find(self._followed.job_id, tenant=tenant)
        if view == self._seen:
            return
        if view.call_id is not None and (self._seen is None or view.call_id != self._seen.call_id):
            self._listen(view.call_id)
        if view.state.has_ended and self._lines is not None:
            for line in await self._lines.rest():
                yield message_of(line)
        self._seen = view
        yield message("state", view)

    def _listen(self, call_id: str) -> None:
        """Hear of a call's lines, those before too; they are told by the host that has them."""
        self._listening.close()
        tenant = self._followed.caller.tenant
        self._lines = self._listening.enter_context(
            lines_of_call(self._host.lines, tenant, call_id)
        )
        self.watch.beside = self._lines.wake

    async def _heard(self) -> list[Told]:
        seconds = self.watch.most(HEARTBEAT_SECONDS)
        if self._lines is not None:
            return await self._lines.next(seconds)
        await self.watch.moved(seconds)
        self.watch.wake()  # whatever it was, it is looked at next
        return []
