"""What an HMAC of a request is made over: a text with the request's parts in it."""

from __future__ import annotations

import re

from wardian.errors import InvalidArguments
from wardian.policy.outgoing import Outgoing

TEMPLATE_CHARS_MAX = 256

PARTS = ("body", "timestamp", "method", "host", "path")
"""``path`` has the query with it; ``timestamp`` is in seconds since 1970."""

_PART = re.compile(r"\{([^{}]*)\}")


def check_template(template: str, *, timestamped: bool) -> None:
    """Check a template such as ``{timestamp}.{body}``.

    Raises:
        InvalidArguments: it has an unknown part; or a time that no header tells the receiver.
    """
    parts = _PART.findall(template)
    rest = _PART.sub("", template)
    if len(template) > TEMPLATE_CHARS_MAX or "{" in rest or "}" in rest or not rest.isprintable():
        raise _refused(f"A template has up to {TEMPLATE_CHARS_MAX} characters and parts in braces.")
    if not set(parts) <= set(PARTS):
        raise _refused(f"A template has no other parts than {', '.join(PARTS)}.")
    if "body" not in parts:
        raise _refused("A template has the {body}: the signature would hold for any other.")
    if ("timestamp" in parts) != timestamped:
        raise _refused("A template with {timestamp} takes a timestamp_header, and no other does.")


def filled(template: str, outgoing: Outgoing, timestamp: int) -> bytes:
    """Return what is signed of a request."""
    url = outgoing.url
    values = {
        "body": outgoing.body or b"",
        "timestamp": str(timestamp).encode(),
        "method": outgoing.method.encode(),
        "host": url.authority.encode(),
        "path": url.target.encode(),
    }
    pieces = _PART.split(template)
    # Every second one is the name of a part.
    return b"".join(
        values[piece] if number % 2 else piece.encode() for number, piece in enumerate(pieces)
    )


def _refused(message: str) -> InvalidArguments:
    return InvalidArguments(message, path="placement.template")
