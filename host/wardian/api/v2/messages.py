"""Server-Sent Events about one call or job, and the response that ends with its client.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

import msgspec
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from wardian.api.v2.preferences import STREAM_TYPE
from wardian.runtime.call_lines import Dropped, Progress, Told

HEARTBEAT = b": here\n\n"


class MessageStream(StreamingResponse):
    """Sends messages as fast as the client takes them; what makes them is closed at once when that
    goes. Made by `begun`."""

    def __init__(self, first: bytes, messages: AsyncGenerator[bytes]) -> None:
        super().__init__(_with(first, messages), media_type=STREAM_TYPE)
        self._messages = messages

    @classmethod
    async def begun(cls, messages: AsyncGenerator[bytes]) -> MessageStream:
        """Return a stream once it has something to say: what is refused before is raised here, and
        answered with a status of its own."""
        return cls(await anext(messages), messages)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._messages):
            await super().__call__(scope, receive, send)


class Bell:
    """Wakes whoever waits at the moment, if anybody does."""

    def __init__(self) -> None:
        self.wakes: Callable[[], None] | None = None

    def wake(self) -> None:
        """Have them look."""
        if self.wakes is not None:
            self.wakes()


async def _with(first: bytes, messages: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    yield first
    async for each in messages:
        yield each


def message(event: str, told: Any) -> bytes:
    """Return one message."""
    # JSON has no line breaks of its own.
    return b"event: %s\ndata: %s\n\n" % (event.encode(), msgspec.json.encode(told))


def message_of(told: Told) -> bytes:
    """Return the message of what a call tells."""
    if isinstance(told, Progress):
        return message("progress", told)
    if isinstance(told, Dropped):
        return message("dropped", told)
    return message("line", told)
