"""How many connections the server holds, so that idle ones never take what workers need."""

from __future__ import annotations

import asyncio
import resource
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

DESCRIPTORS_MAX = 65_536
"""The soft limit on open files is not raised beyond this, even where none is set."""

RESERVED = 384
"""Descriptors that no connection gets: they are for workers, the database, packages, and what the
host connects to."""

CONNECTIONS_MIN = 64
KEEP_ALIVE_SECONDS = 15
HEAD_SECONDS = 20.0
"""How long a connection may take to send a request's head."""

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
    """A connection that is closed when there are too many, or when it asks for nothing.

    Uvicorn's ``limit_concurrency`` answers requests with 503, but keeps connections that send
    none; and its keep-alive timeout begins after the first answer and ends with the next byte.
    """

    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(_Joined(transport, self.loop))
        if self.limit_concurrency is not None and len(self.connections) > self.limit_concurrency:
            transport.abort()
            return
        self._watch_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_watching()
        super().connection_lost(exc)

    def _watch_head(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_watching()
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _stop_watching(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        self._head_timer = None
        if self.cycle is None or self.cycle.response_complete:
            self.transport.abort()
