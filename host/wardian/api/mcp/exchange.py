"""One request and its answer: a JSON document, or a stream of events with the answer at its end.

The answer is a document unless something is told before it, or it takes long: then headers are
sent at once, and a comment now and then, so that nothing on the way takes the connection for dead.
A client that closes the connection has its request cancelled.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import anyio
from mcp.server.context import ServerRequestContext
from mcp.shared.dispatcher import CallOptions
from mcp.shared.exceptions import NoBackChannelError
from mcp.shared.message import ServerMessageMetadata
from mcp.shared.transport_context import TransportContext
from mcp_types import ErrorData, ProgressToken, RequestId
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Send

from wardian.api.mcp.messages import encoded_error, encoded_notification
from wardian.api.mcp.visits import Visit

KEEPALIVE_SECONDS = 15.0
WATCH_AFTER_SECONDS = 0.01
"""Most requests are over before this, and are spared a watch for their client."""

WAITING_MAX = 64
"""Messages that wait for a client that reads slowly; what comes while as many wait is dropped."""

CANCELLED = ErrorData(code=-32800, message="The request was cancelled.")
"""As the Language Server Protocol has it, and the SDK: MCP names no code for this."""

_COMMENT = b": \n\n"
_STREAM = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store, no-transform"),
    (b"x-accel-buffering", b"no"),
]
_TRANSPORT = TransportContext(kind="streamable-http", can_send_request=False)


@dataclass(frozen=True, slots=True)
class Answered:
    """What a request was answered: the last message, and the status of one that is alone."""

    body: bytes
    status: int = 200
    headers: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(slots=True, kw_only=True)
class Exchange:
    """A request that is being answered, as the SDK's handlers see it (its `DispatchContext`)."""

    visit: Visit
    request_id: RequestId | None
    progress_token: ProgressToken | None = None
    transport: TransportContext = _TRANSPORT
    can_send_request: bool = False
    cancel_requested: anyio.Event = field(default_factory=anyio.Event)
    _task: asyncio.Future[Answered] | None = None
    _waiting: deque[bytes] = field(default_factory=deque)
    _moved: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def message_metadata(self) -> ServerMessageMetadata:
        """Has handlers find this exchange: it is their context's ``request``."""
        return ServerMessageMetadata(request_context=self, can_send_request=False)

    async def send_raw_request(
        self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None
    ) -> dict[str, Any]:
        """Refuse: clients are answered and told, and never asked."""
        raise NoBackChannelError(method)

    async def notify(
        self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None
    ) -> None:
        """Tell the client something, unless it is too slow to hear it."""
        self.tell(method, params)

    async def progress(
        self, progress: float, total: float | None = None, message: str | None = None
    ) -> None:
        """Tell the client how far its request is, if it wants to know."""
        if self.progress_token is not None:
            told = {"progress": progress, "total": total, "message": message}
            kept = {name: value for name, value in told.items() if value is not None}
            self.tell("notifications/progress", {"progressToken": self.progress_token, **kept})

    def tell(self, method: str, params: Mapping[str, Any] | None) -> None:
        """As `notify`."""
        if self.visit.takes_streams and len(self._waiting) < WAITING_MAX:
            self._waiting.append(_event(encoded_notification(method, params)))
            self._moved.set()

    def begin(self) -> None:
        """Have the stream begin now, though there is nothing to tell."""
        self._waiting.append(_COMMENT)
        self._moved.set()

    def cancel(self) -> None:
        """End the work; the answer is that it was cancelled."""
        self.cancel_requested.set()
        if self._task is not None:
            self._task.cancel()

    async def run(self, work: Awaitable[Answered], receive: Receive, send: Send) -> None:
        """Answer with what ``work`` comes to.

        Raises:
            ClientDisconnect: nobody is there any more; the work is cancelled.
        """
        task = self._task = asyncio.ensure_future(work)
        task.add_done_callback(lambda _: self._moved.set())
        watch = _Watch(receive, task)
        try:
            out = Out(send)
            await self._tell_until_done(task, out)
            if watch.is_gone:
                raise ClientDisconnect
            await out.end(self._cancelled() if task.cancelled() else task.result())
        finally:
            watch.end()
            await _ended(task)

    async def _tell_until_done(self, task: asyncio.Future[Answered], out: Out) -> None:
        while not task.done() or self._waiting:
            await self._something()
            if not self.visit.takes_streams:
                continue
            if self._waiting or not task.done():
                told = b"".join(self._waiting) or _COMMENT
                self._waiting.clear()
                await out.stream(told)

    def _cancelled(self) -> Answered:
        return Answered(encoded_error(self.request_id, CANCELLED))

    async def _something(self) -> None:
        """Wait until there is something to send, the work is done, or it is time for a comment."""
        timer = asyncio.get_running_loop().call_later(KEEPALIVE_SECONDS, self._moved.set)
        try:
            await self._moved.wait()
        finally:
            timer.cancel()
        self._moved.clear()


class Out:
    """The response to a request."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._streams = False

    async def stream(self, events: bytes) -> None:
        """Send some events, and the headers of a stream before the first."""
        if not self._streams:
            await self._start(200, _STREAM)
            self._streams = True
        await self._body(events, more=True)

    async def end(self, answered: Answered) -> None:
        """Send the last message, which is all of the response unless it is a stream."""
        if self._streams:
            await self._body(_event(answered.body) if answered.body else b"", more=False)
            return
        kind = [(b"content-type", b"application/json")] if answered.body else []
        length = (b"content-length", str(len(answered.body)).encode())
        await self._start(answered.status, [*kind, length, *answered.headers])
        await self._body(answered.body, more=False)

    async def _start(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def _body(self, body: bytes, *, more: bool) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": more})


class _Watch:
    """Cancels the work when its client goes away."""

    def __init__(self, receive: Receive, work: asyncio.Future[Any]) -> None:
        self.is_gone = False
        self._receive = receive
        self._work = work
        self._task: asyncio.Task[None] | None = None
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(WATCH_AFTER_SECONDS, self._begin)

    def end(self) -> None:
        self._timer.cancel()
        if self._task is not None:
            self._task.cancel()

    def _begin(self) -> None:
        self._task = asyncio.create_task(self._look_out())

    async def _look_out(self) -> None:
        # The body has been read whole, so the next message can only be the disconnect.
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.is_gone = True
        self._work.cancel()


async def _ended(task: asyncio.Future[Any]) -> None:
    """Leave nothing running; what it came to was told, or nobody is there to be told."""
    if not task.done():
        task.cancel()
        await asyncio.wait([task])


def exchange_of(context: ServerRequestContext[Any, Any]) -> Exchange:
    """The exchange that a handler was called in."""
    return cast(Exchange, context.request)


def _event(message: bytes) -> bytes:
    # JSON has no line breaks of its own, as it is encoded here.
    return b"event: message\ndata: " + message + b"\n\n"
