"""What a client prefers, and how it wants to be told."""

from __future__ import annotations

from starlette.datastructures import Headers

RESPOND_ASYNC = "respond-async"
STREAM_TYPE = "text/event-stream"


def prefers_async(headers: Headers) -> bool:
    """Tell whether a request has ``Prefer: respond-async`` (RFC 7240)."""
    return RESPOND_ASYNC in _words(headers, "prefer")


def accepts_stream(headers: Headers) -> bool:
    """Tell whether a request names Server-Sent Events among what it accepts."""
    return STREAM_TYPE in _words(headers, "accept")


def _words(headers: Headers, name: str) -> set[str]:
    listed = ",".join(headers.getlist(name)).split(",")
    return {each.partition(";")[0].strip().lower() for each in listed}
