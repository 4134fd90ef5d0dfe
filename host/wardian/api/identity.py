"""A name for every request, so that an answer, a log line and a trace can be put together."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUEST_ID = "X-Request-ID"

_REQUEST_ID = REQUEST_ID.lower().encode()

_NOT_SNIFFED = (b"x-content-type-options", b"nosniff")
_NOT_STORED = (b"cache-control", b"no-store")
_OURS = {_REQUEST_ID, _NOT_SNIFFED[0]}

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@/+=-]{0,127}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_NO_TRACE = "0" * 32


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
                message["headers"] = [
                    *_named(message.get("headers", ()), request_id),
                    *further_headers(scope),
                ]
            await send(message)

        await self._app(scope, receive, named)


def header_of(scope: Scope, name: bytes) -> str | None:
    """The first header of this lower-case name, which is all that ASGI has."""
    for key, value in scope["headers"]:
        if key == name:
            text: str = value.decode("latin-1")
            return text
    return None


def further_headers(scope: Scope) -> Iterable[tuple[bytes, bytes]]:
    """Return what is answered to a request beside its answer, such as what is left of a rate."""
    found: dict[bytes, bytes] | None = scope["state"].get("further_headers")
    return () if found is None else found.items()


def traceparent_of(headers: Headers) -> str | None:
    """The request's W3C ``traceparent``, or None when it has none or a malformed one."""
    value = headers.get("traceparent", "")
    if not _TRACEPARENT.fullmatch(value) or _NO_TRACE in value or value.startswith("ff"):
        return None
    return value


def _accepted(offered: str | None) -> str:
    # The id reaches logs and other services: what could forge a line there is replaced.
    return offered if offered and _ID.fullmatch(offered) else secrets.token_hex(16)


def _named(answered: Iterable[tuple[bytes, bytes]], request_id: str) -> list[tuple[bytes, bytes]]:
    headers = [header for header in answered if header[0] not in _OURS]
    headers += (_REQUEST_ID, request_id.encode("latin-1")), _NOT_SNIFFED
    if all(name != _NOT_STORED[0] for name, _ in headers):
        headers.append(_NOT_STORED)
    return headers
