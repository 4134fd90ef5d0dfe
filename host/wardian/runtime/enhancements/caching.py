"""``cache``: equal calls have one answer, for a while.

Only successes are kept, and only such as are whole: not one of a call that was refused something
because its budget, or somebody else, had no more to give. Nothing is kept that has a credential in
it. Equal calls that come while the first is being made wait for it and share what comes of it.

A call that another plugin makes, or that lowers a limit, may find an answer and leave one. It waits
for nobody, and nobody for it: what it has left is its own, and whoever waited for a worker that it
holds would wait for itself.
"""

from __future__ import annotations

import asyncio
import time
from copy import deepcopy
from typing import Any

import msgspec

from wardian.crypto.identifiers import new_id
from wardian.errors import CallError, WardianError
from wardian.plugins import Installed
from wardian.plugins.enhancements import Cache
from wardian.policy.usage import Usage
from wardian.runtime.calls import Answered, CallRequest, Calls
from wardian.runtime.enhancements.answers import Answers, Shelf
from wardian.runtime.enhancements.keys import Keys
from wardian.runtime.enhancements.passing import Onward, Passing
from wardian.runtime.sinks import Sinks
from wardian.runtime.views import CallOutcome

_Flight = asyncio.Future["_Landed | WardianError | None"]


class _Landed(msgspec.Struct, frozen=True):
    """What came of a call that others wait for; without ``content`` it is not theirs."""

    content: bytes | None
    output_bytes: int = 0


class Caching:
    """Answers equal calls of a function with what one of them was answered."""

    def __init__(
        self, setting: Cache, keys: Keys, answers: Answers, calls: Calls, sinks: Sinks
    ) -> None:
        self.setting = setting
        self._keys = keys
        self._answers = answers
        self._calls = calls
        self._sinks = sinks

    async def __call__(self, passing: Passing, request: CallRequest, onward: Onward) -> CallOutcome:
        if request.limits:
            self._calls.limits(passing.plugin, request)  # whether they are limits at all
        key = self._keys.of(request)
        if key is None or not self._answers.policy.bytes_max:
            return await onward(request)
        shelf = self._answers.shelf(passing.plugin.tenant, passing.plugin.name)
        found = await self._found(passing, request, shelf, key)
        if found is not None:
            return found
        if request.caller is not None or request.limits:
            return (await self._made(passing, request, onward, shelf, key))[0]
        return await self._shared(passing, request, onward, shelf, key)

    async def _found(
        self, passing: Passing, request: CallRequest, shelf: Shelf, key: bytes
    ) -> CallOutcome | None:
        began = time.perf_counter()
        answer = self._answers.find(shelf, key)
        if answer is None:
            shelf.misses += 1
            return None
        result = msgspec.msgpack.decode(answer.content)
        plugin = passing.plugin
        # What is a credential by now may have been a word like any other when this was made.
        if not await self._sinks.is_clean(plugin.tenant, plugin.asked, result):
            self._answers.discard(shelf, key)
            shelf.misses += 1
            return None
        shelf.hits += 1
        seconds = time.perf_counter() - began
        return await self._outcome(
            passing, request, result, answer.output_bytes, seconds, self._answers.age(answer)
        )

    async def _shared(
        self, passing: Passing, request: CallRequest, onward: Onward, shelf: Shelf, key: bytes
    ) -> CallOutcome:
        flight: _Flight | None
        while (flight := shelf.flights.get(key)) is not None:
            began = time.perf_counter()
            await asyncio.wait([flight])  # which, unlike awaiting it, does not cancel it
            landed = flight.result()
            if isinstance(landed, WardianError):
                raise _own(landed)
            if landed is not None and landed.content is None:
                return await onward(request)
            if landed is not None and landed.content is not None:
                result = msgspec.msgpack.decode(landed.content)
                seconds = time.perf_counter() - began
                return await self._outcome(
                    passing, request, result, landed.output_bytes, seconds, 0.0
                )
            # Whoever made the call has gone away; one of those that waited makes it now.
        flight = shelf.flights[key] = asyncio.get_running_loop().create_future()
        landed = None
        try:
            outcome, landed = await self._made(passing, request, onward, shelf, key)
            return outcome
        except WardianError as error:
            landed = _own(error)
            raise
        finally:
            del shelf.flights[key]
            flight.set_result(landed)

    async def _made(
        self, passing: Passing, request: CallRequest, onward: Onward, shelf: Shelf, key: bytes
    ) -> tuple[CallOutcome, _Landed]:
        outcome = await onward(request)
        content = await self._content(passing.plugin, outcome.result)
        size = outcome.usage.output_bytes
        if content is not None and not passing.course.fell_short:
            self._answers.keep(shelf, key, content, output_bytes=size, ttl=self.setting.ttl)
        return outcome, _Landed(content, size)

    async def _content(self, plugin: Installed, result: Any) -> bytes | None:
        """Return a result as it is kept; None if it is not for others."""
        if not await self._sinks.is_clean(plugin.tenant, plugin.asked, result):
            return None
        try:
            return msgspec.msgpack.encode(result)
        except (TypeError, ValueError, OverflowError, RecursionError):
            return None

    async def _outcome(
        self,
        passing: Passing,
        request: CallRequest,
        result: Any,
        output_bytes: int,
        seconds: float,
        age: float,
    ) -> CallOutcome:
        call_id = request.call_id or new_id()
        answered = Answered(
            id=call_id,
            function=passing.function,
            seconds=seconds,
            nested=request.caller is not None,
        )
        await self._calls.answered(passing.plugin, answered)
        usage = Usage(wall_seconds=seconds, output_bytes=output_bytes, attempts=0, cached=True)
        return CallOutcome(result, usage, call_id, age)


def _own(error: WardianError) -> WardianError:
    """Return an error like this one, for somebody who waited and spent nothing."""
    own = deepcopy(error)
    if isinstance(own, CallError):
        own.usage = Usage(attempts=0)
    return own
