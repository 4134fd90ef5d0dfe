"""Every request, seen from outside: a line in the log, a count, and the root of its trace.

None of them has the address that was asked for, its query or a header: there may be secrets in
each. A request is known by its route, which is one of the host's own.
"""

from __future__ import annotations

from collections.abc import Iterable
from time import perf_counter
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wardian.runtime.host import PluginHost
from wardian.telemetry.bound import REQUEST
from wardian.telemetry.held import HeldLines
from wardian.telemetry.served import METHODS, UNMATCHED
from wardian.telemetry.tracing import CARRIED, UNTRACED, Tracing, Trail

CLIENT_GONE = 499
"""The status of a request that nobody waited for, after what nginx calls it."""

_STREAM = b"text/event-stream"
_CARRIED = {name.encode(): name for name in CARRIED}
_STRANGERS = "/hooks/"
"""Whoever sends to these is a stranger, and says nothing of traces that is taken at its word."""


class Watching:
    """ASGI middleware: watches requests come and go; inside `RequestIdentity`."""

    def __init__(self, app: ASGIApp, *, logs: bool) -> None:
        """``logs`` tells whether each request is a line of the log."""
        self._app = app
        self._logs = logs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        host: PluginHost = scope["app"].state.host
        seen, began = _Seen(send), perf_counter()
        trail = _trail(host.telemetry.tracing, scope)
        token = REQUEST.set(scope["state"]["request_id"])
        try:
            with trail or UNTRACED:
                try:
                    await self._app(scope, receive, seen)
                finally:
                    if trail is not None and trail.is_recorded:
                        _describe(trail, scope, seen)
                    self._ended(host, scope, seen, perf_counter() - began)
        finally:
            REQUEST.reset(token)

    def _ended(self, host: PluginHost, scope: Scope, seen: _Seen, seconds: float) -> None:
        timed = None if seen.is_stream else seconds
        host.telemetry.served.ended(scope["method"], _route(scope), seen.status, timed)
        lines = host.telemetry.access
        if self._logs and lines.is_wanted:
            _write(lines, scope, seen, seconds)


class _Seen:
    """What goes out to the client, and how much of it.

    Attributes:
        status: of the answer; `CLIENT_GONE` as long as there is none.
        bytes: of its body.
    """

    __slots__ = ("_send", "bytes", "is_stream", "status")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = CLIENT_GONE
        self.bytes = 0
        self.is_stream = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.is_stream = _is_stream(message.get("headers", ()))
        else:
            self.bytes += len(message.get("body", b""))
        await self._send(message)


def _write(lines: HeldLines, scope: Scope, seen: _Seen, seconds: float) -> None:
    """Write a line about a request that was answered, or not any more."""
    method = scope["method"] if scope["method"] in METHODS else "other"
    caller = scope["state"].get("caller")
    milliseconds = seconds * 1000
    fields: dict[str, Any] = {"method": method, "route": _route(scope) or UNMATCHED}
    fields |= {"status": seen.status, "ms": round(milliseconds, 3), "bytes": seen.bytes}
    fields["address"] = _address(scope)
    facts: dict[str, Any] = {"fields": fields}
    if caller is not None:
        fields["key"], facts["tenant"] = caller.key_name, caller.tenant
    line = (method, fields["route"], seen.status, milliseconds)
    lines.tell(line, facts, now=seen.status >= 500)


def _is_stream(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    return any(name == b"content-type" and value.startswith(_STREAM) for name, value in headers)


def _trail(tracing: Tracing, scope: Scope) -> Trail | None:
    if not tracing.is_on:
        return None
    headers = {
        _CARRIED[name]: value.decode("latin-1")
        for name, value in scope["headers"]
        if name in _CARRIED
    }
    method = scope["method"] if scope["method"] in METHODS else "HTTP"
    has_key = any(name == b"authorization" for name, _ in scope["headers"])
    return tracing.request(method, headers, trusted=has_key and _STRANGERS not in scope["path"])


def _describe(trail: Trail, scope: Scope, seen: _Seen) -> None:
    """Tell of a request by OpenTelemetry's conventions for HTTP."""
    is_known, route = scope["method"] in METHODS, _route(scope)
    method = scope["method"] if is_known else "_OTHER"
    trail.note(
        {
            "http.request.method": method,
            "http.response.status_code": seen.status,
            "url.scheme": scope["scheme"],
            "client.address": _address(scope),
            "network.protocol.version": scope["http_version"],
            "wardian.request_id": scope["state"]["request_id"],
        }
    )
    if route is not None:
        trail.rename(f"{method if is_known else 'HTTP'} {route}")
        trail.note({"http.route": route})
    caller = scope["state"].get("caller")
    if caller is not None:
        trail.note({"wardian.tenant": caller.tenant, "wardian.key": caller.key_name})
    if seen.status >= 500:
        trail.fail(str(seen.status))


def _route(scope: Scope) -> str | None:
    # Of a route within routers FastAPI's own part of the scope has the whole path.
    chosen = scope.get("fastapi", {}).get("effective_route_context") or scope.get("route")
    return getattr(chosen, "path_format", None)


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else ""
