"""Who asks, and from where: what an MCP request is to the handlers of its message."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from wardian.runtime.host import PluginHost
from wardian.tenants import Caller


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request, whose sender is known and may call.

    Attributes:
        session: what the client calls the session that it is in; a word of its own, which no
            right depends on. None if it has none.
        takes_streams: whether it takes a stream of events for an answer.
        holds: tells whether the key is one still, and may call still.
    """

    host: PluginHost
    caller: Caller
    correlation_id: str
    traceparent: str | None
    tracestate: str | None
    session: str | None
    takes_streams: bool
    holds: Callable[[], Awaitable[bool]]
