"""Headers: which a guest may set, what the host adds, and which of a response it hands on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from wardian.egress.faults import Invalid, Unavailable

Headers = tuple[tuple[str, str], ...]
"""Names in lower case, in order."""

HEADERS_MAX = 100
HEADER_BYTES_MAX = 32 * 1024
"""Of names and values together, one way."""

OF_HOST = {
    "accept-encoding": "responses arrive decompressed",
    "authorization": "name a credential instead",
    "connection": "it belongs to the connection",
    "content-length": "it follows from the body",
    "expect": "it belongs to the connection",
    "host": "it follows from the address",
    "http2-settings": "it belongs to the connection",
    "keep-alive": "it belongs to the connection",
    "te": "it belongs to the connection",
    "trailer": "it belongs to the connection",
    "transfer-encoding": "it follows from the body",
    "upgrade": "it belongs to the connection",
}
"""What no guest sets, and why."""

ONCE = {
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-location",
    "content-md5",
    "content-type",
    "cookie",
    "date",
    "from",
    "if-modified-since",
    "if-range",
    "if-unmodified-since",
    "max-forwards",
    "origin",
    "range",
    "referer",
    "user-agent",
}
"""What may be there once: two of them are read differently by different servers."""

KEPT_ELSEWHERE = {
    "accept",
    "accept-language",
    "content-encoding",
    "content-language",
    "content-type",
    "user-agent",
}
"""What of a guest's headers goes with it to another origin."""

OF_BODY = {name for name in KEPT_ELSEWHERE | ONCE if name.startswith("content-")}
"""What says something of a body, and goes when the body does."""

_NOT_HANDED_ON = {
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_VALUE = re.compile(r"[\t\x20-\x7e]*", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def accepted(headers: Sequence[Sequence[str]]) -> Headers:
    """Check a guest's headers.

    Raises:
        Invalid: a header is not one, is the host's to set, or is there twice; names it.
    """
    if len(headers) > HEADERS_MAX:
        raise Invalid(f"The request has {len(headers)} headers; at most {HEADERS_MAX} go out.")
    found = tuple(_accepted(name, value) for name, value in headers)
    if size_of(found) > HEADER_BYTES_MAX:
        raise Invalid(f"The headers have more than {HEADER_BYTES_MAX} bytes together.")
    for name, count in Counter(name for name, _ in found).items():
        if count > 1 and name in ONCE:
            raise Invalid(f"The header {name!r} is there {count} times; it may be there once.")
    return found


def _accepted(name: str, value: str) -> tuple[str, str]:
    lower = name.lower()
    if not _NAME.fullmatch(name):
        raise Invalid(f"{name[:80]!r} is not the name of a header.")
    why = OF_HOST.get(lower)
    if why is not None:
        raise Invalid(f"The header {lower!r} is the host's to set: {why}.")
    if lower.startswith("proxy-"):
        raise Invalid(f"The header {lower!r} is the host's to set: it belongs to the connection.")
    if not _VALUE.fullmatch(value):
        raise Invalid(
            f"The value of the header {lower!r} has a control character or one beyond ASCII."
        )
    return lower, value.strip(" \t")


def size_of(headers: Iterable[tuple[str, str]]) -> int:
    """Return how many bytes headers have, as good as."""
    return sum(len(name) + len(value) + 4 for name, value in headers)


def received(raw: Sequence[tuple[bytes, bytes]]) -> Headers:
    """Check a response's headers.

    Raises:
        Unavailable: they are too many or too large, have control characters, or say in two ways
            where the body ends.
    """
    if len(raw) > HEADERS_MAX or sum(len(n) + len(v) + 4 for n, v in raw) > HEADER_BYTES_MAX:
        raise Unavailable(
            f"The response has more than {HEADERS_MAX} headers or {HEADER_BYTES_MAX} bytes of them."
        )
    found = tuple((name.decode("ascii").lower(), _text(value)) for name, value in raw)
    names = {name for name, _ in found}
    if {"content-length", "transfer-encoding"} <= names:
        raise Unavailable("The response says in two ways where its body ends.")
    return found


def _text(value: bytes) -> str:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = value.decode("latin-1")
    if _CONTROL.search(text):
        raise Unavailable("The response has a header with a control character.")
    return text


def handed_on(headers: Headers, *, decompressed: bool) -> Headers:
    """Return what of a response's headers says something of the response that the guest gets."""
    gone = _NOT_HANDED_ON | ({"content-encoding", "content-length"} if decompressed else set())
    return tuple((name, value) for name, value in headers if name not in gone)


def value_of(headers: Headers, name: str) -> str | None:
    """Return the values of a header, or None if it is not there."""
    values = [value for each, value in headers if each == name]
    return ", ".join(values) if values else None
