"""What broker and worker say to each other.

A frame is its length (four bytes, little-endian) and one MessagePack-encoded message. The
socket is the pair's own, so a message needs no sender; ``call`` numbers the calls of this
socket, and everything about a call that is not its current number is a breach.
"""

from __future__ import annotations

import struct
from typing import Any

import msgspec

from wardian.policy.limits import Limits
from wardian.policy.usage import Usage
from wardian.sandbox.audit import Offer
from wardian.sandbox.description import Description, Source

LENGTH = struct.Struct("<I")
MAX_FRAME_BYTES = 256 * 1024 * 1024
"""No frame is larger, whoever sends it; a call's own limits are much lower."""

HOST_CALL_BYTES_MAX = 4 * 1024 * 1024
"""Encoded size of a host call; a larger one is answered `invalid` in the worker."""

FRAME_SLACK_BYTES = 64 * 1024
"""What a message may add to the values that it carries."""


class Message(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """One message."""


# -- broker to worker ----------------------------------------------------------------------


class Call(Message, frozen=True):
    """Run one function; answered by ``Done`` or ``Failed``, after any number of the others.

    ``code`` is the path of the compiled code; ``reuse`` lets the instance live on for the next
    call of the same component; ``alone`` says that the process gets no call but this one.
    """

    call: int
    code: str
    source: Source
    reuse: bool
    function: str
    arguments: dict[str, Any]
    limits: Limits
    alone: bool = False


class Compile(Message, frozen=True):
    """Audit and compile a component: descriptor 0 of the role's two has the bytes, 1 takes the
    code. Answered by ``Compiled`` or ``Failed``."""

    call: int
    offer: Offer


class HostAnswer(Message, frozen=True):
    """The result of the host call ``number``."""

    call: int
    number: int
    value: Any


class HostFault(Message, frozen=True):
    """The host call ``number`` ends the whole call, with an error of this type (see ``errors``)."""

    call: int
    number: int
    error: str
    message: str


# -- worker to broker ----------------------------------------------------------------------


class Ready(Message, frozen=True):
    """The worker is confined and waits for work."""


class HostCall(Message, frozen=True):
    """The guest called a host function; ``number`` counts from 1 within the call."""

    call: int
    number: int
    interface: str
    function: str
    arguments: list[Any]


class Output(Message, frozen=True):
    """The guest wrote to WASI's standard output or error."""

    call: int
    data: bytes


class Done(Message, frozen=True):
    """The call succeeded."""

    call: int
    result: Any
    usage: Usage


class Failed(Message, frozen=True):
    """The call failed, with an error of this type (see ``errors``)."""

    call: int
    error: str
    message: str
    details: dict[str, Any]
    usage: Usage | None


class Compiled(Message, frozen=True):
    """The component was admitted; its code is in the descriptor that was given for it."""

    call: int
    description: Description


ToWorker = Call | Compile | HostAnswer | HostFault
FromWorker = Ready | HostCall | Output | Done | Failed | Compiled

ARTIFACT_UNUSABLE = "artifact-unusable"
"""``Failed.error`` when the compiled code does not load: the broker compiles it again."""


def encode_frame(message: Message, encoder: msgspec.msgpack.Encoder) -> bytes:
    """Encode a message with its length before it.

    Raises:
        OverflowError: an integer of more than 64 bits.
        ValueError: larger than ``MAX_FRAME_BYTES``.
    """
    buffer = bytearray(LENGTH.size)
    encoder.encode_into(message, buffer, LENGTH.size)
    size = len(buffer) - LENGTH.size
    if size > MAX_FRAME_BYTES:
        raise ValueError(f"a message of {size} bytes is too large")
    LENGTH.pack_into(buffer, 0, size)
    return buffer  # type: ignore[return-value]  # sockets take any buffer
