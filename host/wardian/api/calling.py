"""A call over HTTP, as every version of the API makes it; the versions differ in what they answer.

A request for a call costs about as much as the call itself, so what is on its way is plain calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive

from wardian.api.identity import trace_of
from wardian.crypto.identifiers import new_id
from wardian.runtime.host import CallOutcome, PluginHost
from wardian.tenants import Caller

WATCH_AFTER_SECONDS = 0.01
"""Most calls are over before this, and are spared a watch for their client."""

T = TypeVar("T")


def called(
    request: Request,
    caller: Caller,
    arguments: Mapping[str, Any],
    limits: Mapping[str, Any] | None,
) -> Awaitable[CallOutcome]:
    """Make the call that a request's path names; see `PluginHost.call` for what it raises.

    Its id is the state's ``call_id``, so that a problem has it, too.
    """
    host: PluginHost = request.app.state.host
    call_id = request.state.call_id = new_id()
    parent, state = trace_of(request.headers)
    return host.call(
        request.path_params["name"],
        request.path_params["function"],
        arguments,
        tenant=caller.tenant,
        subject=caller.key_name,
        limits=limits,
        correlation_id=request.state.request_id,
        traceparent=parent,
        tracestate=state,
        call_id=call_id,
        scopes=caller.scopes,
    )


def kept_since(outcome: CallOutcome) -> Mapping[str, str] | None:
    """Return the header that says for how many seconds an answer has been kept (RFC 9111)."""
    age = outcome.age_seconds
    return None if age is None else {"Age": str(int(age))}


async def while_connected(receive: Receive, work: Awaitable[T]) -> T:
    """Await ``work``, and cancel it when the client goes away: nobody would get its result."""
    loop = asyncio.get_running_loop()
    watch = _Watch(receive)
    timer = loop.call_later(WATCH_AFTER_SECONDS, watch.begin)
    try:
        async with watch.connected:
            return await work
    except TimeoutError:
        if watch.connected.expired():
            raise ClientDisconnect from None
        raise
    finally:
        timer.cancel()
        watch.end()


class _Watch:
    """Looks out for the end of a connection, and ends what runs within ``connected`` then."""

    def __init__(self, receive: Receive) -> None:
        self.connected = asyncio.timeout(None)
        self._receive = receive
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        self._task = asyncio.create_task(self._cancel_on_disconnect())

    def end(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _cancel_on_disconnect(self) -> None:
        # The body has been read whole, so the next message can only be the disconnect.
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.connected.reschedule(0)
