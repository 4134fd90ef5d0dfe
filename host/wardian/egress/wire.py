"""One connection to a checked address, as httpcore reads and writes it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Any, cast

import httpcore

from wardian.egress.addresses import IPAddress

BUFFER_BYTES_MAX = 128 * 1024
"""What has been received and not read; a server that sends faster waits."""


class Wire(asyncio.Protocol, httpcore.AsyncNetworkStream):
    """A socket with a bounded buffer, which counts what passes.

    Time limits are those of the task that uses it, so those that httpcore passes are none.

    Attributes:
        sent, received: bytes since it was opened; of what TLS carries, without TLS itself.
        receivable: how many more bytes are read before it is too much.
        on_end: called when the other side closes it.
    """

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._ended = False
        self._paused = False
        self._waiting: asyncio.Future[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self.sent = 0
        self.received = 0
        self.receivable = 0
        self.on_end: Callable[[], None] = _nothing

    @classmethod
    async def open(
        cls, address: IPAddress, port: int, tls: ssl.SSLContext | None, name: str
    ) -> Wire:
        """Connect to this address and no other; ``name`` is who the certificate must be for.

        Raises:
            OSError: there is no connection; ``ssl.SSLError`` if there is one, and no TLS.
        """
        loop = asyncio.get_running_loop()
        # An address is not looked up, so what was checked is what is connected to.
        _, wire = await loop.create_connection(
            cls,
            str(address),
            port,
            ssl=tls,
            server_hostname=None if tls is None else name,
        )
        return wire

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        """Return what has come, or nothing at the end.

        Raises:
            TooMuch: more has come than was to be.
        """
        while not self._buffer and not self._ended:
            self._waiting = asyncio.get_running_loop().create_future()
            try:
                await self._waiting
            finally:
                self._waiting = None
        read = bytes(self._buffer[:max_bytes])
        del self._buffer[:max_bytes]
        self._go_on()
        self.received += len(read)
        self.receivable -= len(read)
        if self.receivable < 0:
            raise TooMuch
        return read

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Send, and wait until the other side takes it."""
        if self._ended or self._transport is None:
            raise httpcore.WriteError("The connection is closed.")
        self.sent += len(buffer)
        self._transport.write(buffer)
        if self._drained is not None:
            await self._drained
            if self._ended:
                raise httpcore.WriteError("The connection is closed.")

    async def aclose(self) -> None:
        """Close at once."""
        self.close()

    def close(self) -> None:
        """Close at once; what was not sent is lost."""
        if self._transport is not None:
            self._transport.abort()

    def get_extra_info(self, info: str) -> Any:
        """Tell httpcore whether an idle connection says something, which only an end does."""
        return self.over if info == "is_readable" else None

    @property
    def over(self) -> bool:
        """Whether the other side has closed it, or spoke when it was not its turn."""
        return self._ended or bool(self._buffer)

    @property
    def is_to_this_machine(self) -> bool:
        """Whether both ends have the same address."""
        if self._transport is None:
            return False
        ours = self._transport.get_extra_info("sockname")
        theirs = self._transport.get_extra_info("peername")
        return bool(ours and theirs and ours[0] == theirs[0])

    def _go_on(self) -> None:
        if self._paused and len(self._buffer) <= BUFFER_BYTES_MAX // 2 and self._transport:
            self._paused = False
            self._transport.resume_reading()

    # -- asyncio.Protocol --

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > BUFFER_BYTES_MAX and not self._paused and self._transport:
            self._paused = True
            self._transport.pause_reading()
        self._wake(self._waiting)

    def eof_received(self) -> None:
        self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        self.resume_writing()

    def _end(self) -> None:
        self._ended = True
        self._wake(self._waiting)
        self.on_end()

    def pause_writing(self) -> None:
        self._drained = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        drained, self._drained = self._drained, None
        self._wake(drained)

    @staticmethod
    def _wake(waiting: asyncio.Future[None] | None) -> None:
        if waiting is not None and not waiting.done():
            waiting.set_result(None)


def _nothing() -> None:
    """Nobody is to be told."""


class TooMuch(Exception):
    """The other side sent more than it may."""
