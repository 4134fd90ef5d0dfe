"""The broker's end of a worker's socket: asynchronous, bounded, and believing nothing."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from typing import cast

import msgspec

from wardian.worker.protocol import LENGTH, MAX_FRAME_BYTES, FromWorker, Message, encode_frame

UNREAD_FRAMES_MAX = 64


class Lost(Exception):
    """The worker closed its socket, or broke the protocol.

    ``unread`` tells that it went without having read all that was sent to it: the kernel resets
    the connection then, instead of ending it.
    """

    def __init__(self, reason: str, *, unread: bool = False) -> None:
        super().__init__(reason)
        self.unread = unread


class Frames(asyncio.Protocol):
    """Reads and writes whole messages on one socket.

    ``frame_bytes_max`` bounds what the worker may send in one frame; the call that runs sets
    it. A worker that sends faster than it is read is held back by its socket. ``on_broken`` is
    told when the other end goes, by whoever works for it meanwhile.
    """

    def __init__(self) -> None:
        self.frame_bytes_max = MAX_FRAME_BYTES
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(FromWorker)
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._frames: deque[bytearray] = deque()
        self._held_bytes = 0
        self._waiting: asyncio.Future[None] | None = None
        self._broken: str | None = None
        self._unread = False
        self._paused = False
        self._expired = False
        self.on_broken: Callable[[], object] | None = None

    @classmethod
    async def over(cls, connection: socket.socket) -> Frames:
        """Take over a connected socket."""
        loop = asyncio.get_running_loop()
        _, frames = await loop.create_connection(cls, sock=connection)
        return frames

    def send(self, *messages: Message) -> None:
        """Queue messages for sending.

        Raises:
            OverflowError, ValueError, TypeError: it cannot be encoded; nothing was sent.
            Lost: the socket is closed.
        """
        frames = [encode_frame(message, self._encoder) for message in messages]
        if self._transport is None or self._broken is not None:
            raise Lost(self._broken or "it was closed", unread=True)
        self._transport.write(frames[0] if len(frames) == 1 else b"".join(frames))

    async def receive(self) -> FromWorker:
        """Wait for one message.

        Raises:
            Lost: the socket closed, or what came is not a message.
            TimeoutError: the time that was given is over, whatever came.
        """
        while self._expired or not self._frames:
            if self._expired:
                raise TimeoutError
            if self._broken is not None:
                raise Lost(self._broken, unread=self._unread)
            self._waiting = asyncio.get_running_loop().create_future()
            try:
                await self._waiting
            finally:
                self._waiting = None
        frame = self._frames.popleft()
        self._held_bytes -= len(frame)
        if self._paused and self._has_room() and self._transport:
            self._paused = False
            self._transport.resume_reading()
        try:
            message: FromWorker = self._decoder.decode(frame)
        except (msgspec.MsgspecError, RecursionError, ValueError) as error:
            raise Lost(f"it sent something that is not a message ({error})") from error
        return message

    def expire_at(self, time: float) -> asyncio.TimerHandle:
        """Have ``receive`` end at this time of the loop, until the handle is cancelled."""
        self._expired = False
        return asyncio.get_running_loop().call_at(time, self._expire)

    def _expire(self) -> None:
        self._expired = True
        self._wake()

    @property
    def broken(self) -> bool:
        """Whether the other end is known to be gone."""
        return self._broken is not None

    @property
    def silent(self) -> bool:
        """Whether nothing came that was not received."""
        return not self._frames and not self._buffer

    @property
    def unsent(self) -> bool:
        """Whether the worker has not read all that was sent to it."""
        return self._transport is not None and self._transport.get_write_buffer_size() > 0

    def close(self) -> None:
        """Close the socket at once."""
        if self._transport is not None:
            self._transport.abort()

    # -- asyncio.Protocol --

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # What create_connection makes; that of other loops than asyncio's own is of another class.
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._unread = isinstance(exc, ConnectionError)
        self._break("it closed its connection")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= LENGTH.size:
            (size,) = LENGTH.unpack_from(self._buffer)
            if size > self.frame_bytes_max:
                self._buffer.clear()
                self._break(f"it sent a message of {size} bytes, more than its call may")
                self.close()
                return
            end = LENGTH.size + size
            if len(self._buffer) < end:
                break
            self._frames.append(self._buffer[LENGTH.size : end])
            self._held_bytes += size
            del self._buffer[:end]
        if self._frames:
            self._wake()
        if self._is_full() and not self._paused and self._transport:
            self._paused = True
            self._transport.pause_reading()

    def _is_full(self) -> bool:
        """Many small messages, or as much as the largest single one."""
        return len(self._frames) > UNREAD_FRAMES_MAX or self._held_bytes > self.frame_bytes_max

    def _has_room(self) -> bool:
        few = len(self._frames) < UNREAD_FRAMES_MAX // 2
        return few and self._held_bytes <= self.frame_bytes_max // 2

    def _break(self, reason: str) -> None:
        self._broken = self._broken or reason
        self._wake()
        if self.on_broken is not None:
            self.on_broken()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
