"""Server-Sent Events about one call or job, and the response that ends with its client.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
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
    goes."""

    def __init__(self, messages: AsyncGenerator[bytes]) -> None:
        super().__init__(messages, media_type=STREAM_TYPE)
        self._messages = messages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._messages):
            await super().__call__(scope, receive, send)


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
