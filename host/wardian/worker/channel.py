"""The worker's end of its socket: blocking, one message at a time."""

from __future__ import annotations

import select
import socket
from time import monotonic
from typing import TypeVar

import msgspec

from wardian.worker.protocol import LENGTH, MAX_FRAME_BYTES, Message, ToWorker, encode_frame

READ_BYTES = 16 * 1024

AWAKE_SECONDS = 50e-6
"""Without it a call through a worker takes a third longer; with more, workers only burn time."""

M = TypeVar("M", bound=Message)


class Disconnected(Exception):
    """The broker closed the socket."""


# Made with the module, which a zygote imports once for all its children.
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(ToWorker)


class Channel:
    """Reads and writes whole messages.

    ``awake``: a processor is free, and may be kept busy for a moment while nothing comes.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._pending: bytes | bytearray = b""
        self.awake = False
        self._poll = select.poll()
        self._poll.register(connection, select.POLLIN)

    def send(self, message: Message) -> None:
        """Write one message.

        Raises:
            Disconnected: the broker is gone.
        """
        try:
            self._socket.sendall(encode_frame(message, _encoder))
        except OSError:
            raise Disconnected from None

    def send_bounded(self, message: Message, most: int) -> bool:
        """Write one message unless it is larger than ``most`` bytes; tell whether it was."""
        frame = encode_frame(message, _encoder)
        if len(frame) > most:
            return False
        try:
            self._socket.sendall(frame)
        except OSError:
            raise Disconnected from None
        return True

    def idle(self) -> bool:
        """Tell whether nothing waits to be received."""
        return not self._pending and not self._poll.poll(0)

    def receive(self) -> ToWorker:
        """Wait for one message.

        Raises:
            Disconnected: the broker is gone.
        """
        read: bytes | bytearray = self._pending or self._read()
        if len(read) < LENGTH.size:
            read = self._read_on(read, LENGTH.size)
        (size,) = LENGTH.unpack_from(read)
        if size > MAX_FRAME_BYTES:
            raise Disconnected
        end = LENGTH.size + size
        if len(read) < end:
            read = self._read_on(read, end)
        self._pending = read[end:]
        message: ToWorker = _decoder.decode(memoryview(read)[LENGTH.size : end])
        return message

    def _read(self) -> bytes:
        """Read what is there; most messages come whole, and some in one piece with the next.

        A process that sleeps wakes late, most of all in a virtual machine, and calls often come one
        after another. It does not yield meanwhile: Linux takes a whole time slice from whoever
        does, and gives it to calls that have stepped back.
        """
        if self.awake:
            until = monotonic() + AWAKE_SECONDS
            while monotonic() < until and not self._poll.poll(0):
                pass
        try:
            read = self._socket.recv(READ_BYTES)
        except OSError:
            raise Disconnected from None
        if not read:
            raise Disconnected
        return read

    def _read_on(self, read: bytes | bytearray, size: int) -> bytearray:
        """Read until there are ``size`` bytes, and not beyond."""
        whole = bytearray(size)
        whole[: len(read)] = read
        missing = memoryview(whole)[len(read) :]
        while missing:
            try:
                count = self._socket.recv_into(missing)
            except OSError:
                raise Disconnected from None
            if not count:
                raise Disconnected
            missing = missing[count:]
        return whole
