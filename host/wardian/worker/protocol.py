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

PLANS_MAX = 64
"""How many plans a worker remembers."""

SHARING = frozenset({("plugins", "call")})
"""Host functions that run other plugins, in the budget of the call."""

NOTES_MAX = 32
NOTES_BYTES_MAX = 256 * 1024
"""How many notes, and how many bytes of them, come at once at most."""

FRAME_SLACK_BYTES = 64 * 1024
"""What a message may add to the values that it carries."""


class Message(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """One message."""


# -- broker to worker ----------------------------------------------------------------------


class Plan(Message, frozen=True):
    """What the calls of one plugin have in common; sent before the first, and not answered.

    ``plan`` is below ``PLANS_MAX``, and another plan of that number is forgotten. ``code`` is the
    path of the compiled code. ``reuse`` lets the instance live on for the next call of the same
    component; ``once`` tells that the worker ends after one call; ``configuration`` is the plugin's
    as JSON text, from which the worker answers by itself, or None if it has to ask; ``ahead`` has
    it load the code now, since calls will come.
    """

    plan: int
    code: str
    source: Source
    reuse: bool
    once: bool
    limits: Limits
    configuration: str | None = None
    ahead: bool = False


class Call(Message, frozen=True):
    """Run one function by a plan; answered by ``Done`` or ``Failed``, after any number of the
    others. ``awake``: the next one may come at once, and a processor is free to wait for it."""

    call: int
    plan: int
    function: str
    arguments: dict[str, Any]
    awake: bool = False


class Compile(Message, frozen=True):
    """Audit and compile a component: descriptor 0 of the role's two has the bytes, 1 takes the
    code. Answered by ``Compiled`` or ``Failed``."""

    call: int
    offer: Offer


class HostAnswer(Message, frozen=True):
    """The result of the host call ``number``, for which the call pays so much ``fuel``."""

    call: int
    number: int
    value: Any
    fuel: int = 0


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
    """The guest called a host function; ``number`` counts from 1 within the call.

    Where the host will run others in the call's budget (`SHARING`), ``fuel`` and ``memory_bytes``
    say what the call has spent of it.
    """

    call: int
    number: int
    interface: str
    function: str
    arguments: list[Any]
    fuel: int = 0
    memory_bytes: int = 0


class Notes(Message, frozen=True):
    """What the guest wrote, in order, and has not to be answered.

    An entry is bytes, written to WASI's standard output or error, or the arguments of a call of
    ``logging.log``.
    """

    call: int
    entries: list[bytes | list[Any]]


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


ToWorker = Plan | Call | Compile | HostAnswer | HostFault
FromWorker = Ready | HostCall | Notes | Done | Failed | Compiled

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
