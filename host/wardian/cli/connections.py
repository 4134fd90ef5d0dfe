"""How many connections the server holds, so that idle ones never take what workers need."""

from __future__ import annotations

import asyncio
import resource
from http import HTTPStatus
from itertools import islice
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from wardian.api.problems import http_only_problem, respond

DESCRIPTORS_MAX = 65_536
"""The soft limit on open files is not raised beyond this, even where none is set."""

RESERVED = 384
"""Descriptors that no connection gets: they are for workers, the database, packages, and what the
host connects to."""

CONNECTIONS_MIN = 64
KEEP_ALIVE_SECONDS = 15
HEAD_SECONDS = 20.0
"""How long a connection may take to send a request's head."""

BODY_SECONDS = 20.0
"""How long it may take to send a body, and a second more for each `BODY_BYTES_PER_SECOND`."""

BODY_BYTES_PER_SECOND = 4096

UNREAD_BYTES_MAX = 64 * 1024 * 1024
"""So much may still come of a body that nobody reads, once its answer was sent: whoever is cut off
while it sends may not see the answer."""

LOOKED_AT_MAX = 256
"""So many connections are looked at to find one that makes room for another."""

ACCEPTED_AT_ONCE = 128
"""Asyncio takes this many connections before one can be refused, so it is a third of that."""


def raise_descriptor_limit() -> None:
    """Raise the soft limit on open files as far as ``wanted_descriptors`` says."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = wanted_descriptors(soft, hard)
    if wanted != soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def wanted_descriptors(soft: int, hard: int) -> int:
    """The hard limit, at most ``DESCRIPTORS_MAX``, and never less than the soft one."""
    if soft == resource.RLIM_INFINITY:
        return soft
    allowed = DESCRIPTORS_MAX if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS_MAX)
    return max(soft, allowed)


def connections_max(descriptors: int) -> int:
    """How many connections may be open under a soft limit of ``descriptors`` open files."""
    if descriptors == resource.RLIM_INFINITY:
        descriptors = DESCRIPTORS_MAX
    return max(CONNECTIONS_MIN, descriptors - RESERVED)


class _Joined(asyncio.Transport):
    """A transport that sends in one go what is written in one go.

    Because: Uvicorn writes an answer's head and its body apart, and each would be a packet and a
    system call of its own.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []

    def write(self, data: bytes) -> None:  # type: ignore[override]
        if not data:
            return
        if not self._held:
            self._loop.call_soon(self._flush)
        self._held.append(data)

    def _flush(self) -> None:
        held, self._held = self._held, []
        if held and not self._transport.is_closing():
            self._transport.write(held[0] if len(held) == 1 else b"".join(held))

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def abort(self) -> None:
        self._transport.abort()

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)


class BoundedConnection(H11Protocol):
    """A connection that is closed when it sends too slowly, or when there are too many.

    Uvicorn's ``limit_concurrency`` answers requests with 503, but keeps connections that send
    none; its keep-alive timeout begins after the first answer and ends with the next byte; and a
    body may take for ever. Here, a connection that has sent no whole request in time is closed, and
    where there are too many, the one among them that has been sending the longest goes first: an
    honest client has sent its request long before.
    """

    _timer: asyncio.TimerHandle | None = None
    _since = 0.0
    """When it began to wait for what it is waiting for."""
    _body_bytes = 0
    _is_in_body = False
    _unread_bytes = 0

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._connections_max = self.limit_concurrency
        if self.limit_concurrency is not None:
            # Room is made before that many are open, so that none is refused for the slow ones.
            self.limit_concurrency += 1

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(_Joined(transport, self.loop))
        self._since = self.loop.time()
        most = self._connections_max
        if most is not None and len(self.connections) > most:
            slowest = self._slowest()
            slowest.transport.abort()
            self.connections.discard(slowest)
            if slowest is self:
                return
        self._watch(0)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        cycle = self.cycle
        if cycle is not None and cycle.response_complete and cycle.more_body:
            self._unread_bytes += len(data)
            if self._unread_bytes > UNREAD_BYTES_MAX:
                self.transport.abort()
        self._watch(len(data))

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_watching()
        super().connection_lost(exc)

    @property
    def is_sending(self) -> bool:
        """Whether the next move is the client's: to send a request, or the rest of it."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            return True
        return cycle.more_body and not self.flow.read_paused

    def _slowest(self) -> BoundedConnection:
        """Return which connection is to go for another; this one, if nobody is slow."""
        looked_at = islice(self.connections, LOOKED_AT_MAX)
        others = [each for each in looked_at if isinstance(each, BoundedConnection)]
        sending = [each for each in others if each.is_sending and each is not self]
        return min(sending, key=lambda each: each._since, default=self)

    def _watch(self, size: int) -> None:
        cycle = self.cycle
        is_in_body = cycle is not None and not cycle.response_complete
        if cycle is not None and is_in_body and not cycle.more_body:
            self._stop_watching()  # the next move is the host's
            self._is_in_body = False
            return
        if is_in_body and self._is_in_body:
            self._body_bytes += size
            return
        if is_in_body or self._is_in_body or self._timer is None:
            self._stop_watching()
            self._is_in_body, self._body_bytes, self._since = is_in_body, size, self.loop.time()
            seconds = BODY_SECONDS if is_in_body else HEAD_SECONDS
            self._timer = self.loop.call_later(seconds, self._look)

    def _stop_watching(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        """Close a connection whose time is up."""
        self._timer = None
        if not self._is_in_body:
            if self.is_sending:
                self.transport.abort()
            return
        allowed = BODY_SECONDS + self._body_bytes / BODY_BYTES_PER_SECOND
        left = self._since + allowed - self.loop.time()
        if self.cycle.response_complete or not self.cycle.more_body:
            return
        if left > 0 or self.flow.read_paused:
            # Where reading is paused it is the host that takes its time.
            self._timer = self.loop.call_later(max(left, 1.0), self._look)
        else:
            self._give_up()

    def _give_up(self) -> None:
        """Answer that the body did not come in time, to whoever reads it, and end the request."""
        cycle = self.cycle
        cycle.disconnected = True
        cycle.message_event.set()
        if cycle.response_started:
            self.transport.abort()
            return
        seconds = f"{BODY_SECONDS:g} seconds"
        problem = http_only_problem(
            "request-timeout",
            f"The request's body did not arrive within {seconds} and a further one for each "
            f"{BODY_BYTES_PER_SECOND} bytes of it.",
        )
        answer = respond(dict(cycle.scope), problem)
        headers = [*answer.raw_headers, (b"connection", b"close")]
        reason = HTTPStatus(answer.status_code).phrase.encode()
        for event in (
            h11.Response(status_code=answer.status_code, headers=headers, reason=reason),
            h11.Data(data=bytes(answer.body)),
            h11.EndOfMessage(),
        ):
            sent = self.conn.send(event)
            if sent:
                self.transport.write(sent)
        self.transport.close()
