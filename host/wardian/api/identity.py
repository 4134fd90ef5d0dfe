"""A name for every request, so that an answer, a log line and a trace can be put together."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wardian.policy.origin import Origin, coming_from
from wardian.policy.trace import traceparent, tracestate
from wardian.runtime.correlation import correlated

REQUEST_ID = "X-Request-ID"

_REQUEST_ID = REQUEST_ID.lower().encode()

_NOT_SNIFFED = (b"x-content-type-options", b"nosniff")
_NOT_STORED = (b"cache-control", b"no-store")
_OURS = {_REQUEST_ID, _NOT_SNIFFED[0]}

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@/+=-]{0,127}")


class RequestIdentity:
    """ASGI middleware: takes the client's X-Request-ID when it is sound, or makes one.

    It is kept as ``request_id`` in the request's state, passed on as the correlation id, and
    answered always. Answers are not to be sniffed, nor cached unless a route says so.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _accepted(header_of(scope, _REQUEST_ID))
        scope.setdefault("state", {})["request_id"] = request_id

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _named(message.get("headers", ()), request_id)
            await send(message)

        client = scope.get("client")
        source = Origin(address=client[0] if client else "", request_id=request_id)
        with coming_from(source), correlated(request_id):
            await self._app(scope, receive, named)


def header_of(scope: Scope, name: bytes) -> str | None:
    """The first header of this lower-case name, which is all that ASGI has."""
    for key, value in scope["headers"]:
        if key == name:
            text: str = value.decode("latin-1")
            return text
    return None


def trace_of(headers: Headers) -> tuple[str | None, str | None]:
    """The request's W3C ``traceparent`` and ``tracestate``; None for what is missing or unsound."""
    parent = traceparent(headers.getlist("traceparent"))
    return (None, None) if parent is None else (parent, tracestate(headers.getlist("tracestate")))


def _accepted(offered: str | None) -> str:
    # The id reaches logs and other services: what could forge a line there is replaced.
    return offered if offered and _ID.fullmatch(offered) else secrets.token_hex(16)


def _named(answered: Iterable[tuple[bytes, bytes]], request_id: str) -> list[tuple[bytes, bytes]]:
    headers = [header for header in answered if header[0] not in _OURS]
    headers += (_REQUEST_ID, request_id.encode("latin-1")), _NOT_SNIFFED
    if all(name != _NOT_STORED[0] for name, _ in headers):
        headers.append(_NOT_STORED)
    return headers
