"""What a client prefers, and how it wants to be told."""

from __future__ import annotations

from enum import Enum, auto

from starlette.types import Scope

RESPOND_ASYNC = "respond-async"
STREAM_TYPE = "text/event-stream"

_ASYNC, _STREAM = RESPOND_ASYNC.encode(), STREAM_TYPE.encode()


class Wish(Enum):
    """How a call is to be answered."""

    WHOLE = auto()
    STREAMED = auto()
    QUEUED = auto()


def wish_of(scope: Scope) -> Wish:
    """Return how a request wants its call answered: ``Prefer: respond-async`` (RFC 7240) comes
    before Server-Sent Events among what it accepts."""
    wish = Wish.WHOLE
    for name, value in scope["headers"]:
        if name == b"prefer" and _ASYNC in _words(value):
            return Wish.QUEUED
        if name == b"accept" and _STREAM in _words(value):
            wish = Wish.STREAMED
    return wish


def _words(value: bytes) -> list[bytes]:
    return [each.partition(b";")[0].strip() for each in value.lower().split(b",")]
