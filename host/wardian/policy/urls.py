"""Addresses of HTTP requests, taken apart once and strictly.

Whoever judges an address and whoever connects to it must mean the same host. So there is one
reading of it: what could be read in two ways is refused (WHATWG URL and RFC 3986 differ in
backslashes, userinfo, tabs and numbers for hosts), and everything after works on the parts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

from wardian.errors import InvalidArguments

MAX_URL_CHARS = 8 * 1024
DEFAULT_PORTS = {"http": 80, "https": 443}

_SHAPE = re.compile(r"(https?)://([^/?#]*)([^?#]*)(?:\?([^#]*))?", re.ASCII | re.IGNORECASE)
_HOST = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?\.?))", re.ASCII)
_PRINTS = re.compile(r"[!-~]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Url:
    """One absolute address.

    Attributes:
        scheme: ``http`` or ``https``.
        host: a lower-case name without a dot at its end, or an IP address without brackets.
        port: always there.
        path: begins with a slash, percent-encoded as it came, without dot segments.
        query: without its question mark; None if there is no question mark.
    """

    scheme: str
    host: str
    port: int
    path: str
    query: str | None = None

    @property
    def origin(self) -> str:
        """Scheme, host and port; the scheme's own port is left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"

    def __str__(self) -> str:
        return self.origin + self.path + ("" if self.query is None else f"?{self.query}")


def parse_url(text: str) -> Url:
    """Take an address apart.

    Raises:
        InvalidArguments: it is not an absolute ``http`` or ``https`` address, or could be read in
            more than one way; says what is wrong.
    """
    if len(text) > MAX_URL_CHARS:
        _refuse(text, f"it is longer than {MAX_URL_CHARS} characters")
    if not _PRINTS.fullmatch(text) or "\\" in text:
        _refuse(text, "spaces, backslashes and characters beyond ASCII are to be percent-encoded")
    found = _SHAPE.fullmatch(text)
    if found is None:
        _refuse(text, "it takes http:// or https://, a host, and no fragment")
    scheme, authority, path, query = found.groups()
    if "@" in authority:
        _refuse(text, "it may not carry a user or a password")
    host, port = _authority(text, scheme.lower(), authority.lower())
    path = path or "/"
    if any(step in {".", ".."} for step in re.sub("%2[eE]", ".", path).split("/")):
        _refuse(text, "its path may not have the segments . and ..")
    return Url(scheme=scheme.lower(), host=host, port=port, path=path, query=query)


def _authority(text: str, scheme: str, authority: str) -> tuple[str, int]:
    found = _HOST.match(authority)
    if found is None:
        _refuse(text, "its host is neither a name nor an address")
    rest = authority[found.end() :]
    port = DEFAULT_PORTS[scheme]
    if rest:
        if not re.fullmatch(r":[0-9]{1,5}", rest, re.ASCII) or not 1 <= int(rest[1:]) <= 65_535:
            _refuse(text, "its port is not a number from 1 to 65535")
        port = int(rest[1:])
    host = found[1] or found[2].removesuffix(".")
    if not host:
        _refuse(text, "it has no host")
    return host, port


def _refuse(text: str, why: str) -> NoReturn:
    raise InvalidArguments(f"{text[:200]!r} is not an address for a request: {why}.")
