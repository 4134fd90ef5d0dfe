"""The worker's end of its socket: blocking, one message at a time."""

from __future__ import annotations

import select
import socket
from typing import TypeVar

import msgspec

from wardian.worker.protocol import LENGTH, MAX_FRAME_BYTES, Message, ToWorker, encode_frame

M = TypeVar("M", bound=Message)


class Disconnected(Exception):
    """The broker closed the socket."""


# Made with the module, which a zygote imports once for all its children.
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(ToWorker)


class Channel:
    """Reads and writes whole messages."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
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
        return not self._poll.poll(0)

    def receive(self) -> ToWorker:
        """Wait for one message.

        Raises:
            Disconnected: the broker is gone.
        """
        (size,) = LENGTH.unpack(self._read(LENGTH.size))
        if size > MAX_FRAME_BYTES:
            raise Disconnected
        message: ToWorker = _decoder.decode(self._read(size))
        return message

    def _read(self, size: int) -> bytearray:
        buffer = bytearray(size)
        view = memoryview(buffer)
        while view:
            try:
                count = self._socket.recv_into(view)
            except OSError:
                raise Disconnected from None
            if not count:
                raise Disconnected
            view = view[count:]
        return buffer
