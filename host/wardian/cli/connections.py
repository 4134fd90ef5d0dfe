"""How many connections the server holds, so that idle ones never take what workers need."""

from __future__ import annotations

import asyncio
import resource

from uvicorn.protocols.http.h11_impl import H11Protocol

DESCRIPTORS_MAX = 65_536
"""The soft limit on open files is not raised beyond this, even where none is set."""

RESERVED = 256
"""Descriptors that no connection gets: they are for workers, the database, packages."""

CONNECTIONS_MIN = 64
KEEP_ALIVE_SECONDS = 15
HEAD_SECONDS = 20.0
"""How long a connection may take to send a request's head."""

ACCEPTED_AT_ONCE = 128
"""Asyncio takes this many connections before one can be refused, so it is half the reserve."""


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


class BoundedConnection(H11Protocol):
    """A connection that is closed when there are too many, or when it asks for nothing.

    Uvicorn's ``limit_concurrency`` answers requests with 503, but keeps connections that send
    none; and its keep-alive timeout begins after the first answer and ends with the next byte.
    """

    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
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
