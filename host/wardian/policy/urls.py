"""Addresses of HTTP requests, taken apart once and strictly.

Whoever judges an address and whoever connects to it must mean the same host. So there is one
reading of it: what could be read in two ways is refused (WHATWG URL and RFC 3986 differ in
backslashes, userinfo, tabs and numbers for hosts), and everything after works on the parts.

A path has one spelling, too (RFC 3986, section 6.2.2): what need not be percent-encoded is not,
what must be is, in upper-case digits. However often a server decodes it, no segment of it is ``.``
or ``..``. A query stays as it came, but for characters that it may not have.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import unquote

from wardian.errors import InvalidArguments

MAX_URL_CHARS = 8 * 1024
MAX_HOST_CHARS = 253
DEFAULT_PORTS = {"http": 80, "https": 443}

_DECODINGS = 4
"""How often a path is decoded to look for dot segments: more than any chain of servers does."""

_SHOWN_CHARS = 200

_SHAPE = re.compile(r"(https?)://([^/?#]*)([^?#]*)(?:\?([^#]*))?", re.ASCII | re.IGNORECASE)
_AUTHORITY = re.compile(r"(?:\[([^\]]*)\]|([^:\[\]]*))(?::([0-9]{1,5}))?", re.ASCII)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_PRINTS = re.compile(r"[!-~]*")
_PERCENT = re.compile(r"%([0-9A-Fa-f]{2})?")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]", re.ASCII)
_NOT_IN_PATH = re.compile(r"[^A-Za-z0-9._~%!$&'()*+,;=:@/-]", re.ASCII)
_NOT_IN_QUERY = re.compile(r"[^A-Za-z0-9._~%!$&'()*+,;=:@/?-]", re.ASCII)
_SEPARATORS = re.compile(r"[/\\]")
_DOTS = {".", ".."}


@dataclass(frozen=True, slots=True, kw_only=True)
class Url:
    """One absolute address.

    Attributes:
        scheme: ``http`` or ``https``.
        host: a lower-case name without a dot at its end, or an IP address without brackets.
        port: always there.
        path: begins with a slash, in its one spelling, without dot segments.
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
        return f"{self.scheme}://{self.authority}"

    @property
    def authority(self) -> str:
        """Host and port, as the header ``Host`` has them; the scheme's own port is left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{host}{port}"

    @property
    def target(self) -> str:
        """Path and query, as the first line of a request has them."""
        return self.path + ("" if self.query is None else f"?{self.query}")

    def __str__(self) -> str:
        return self.origin + self.target


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
    host, port = _authority(text, scheme.lower(), authority.lower())
    return Url(
        scheme=scheme.lower(),
        host=host,
        port=port,
        path=_path(text, path or "/"),
        query=None if query is None else _query(text, query),
    )


def spelled(path: str) -> str:
    """Return a path, or a pattern of one, in its one spelling (RFC 3986, section 6.2.2)."""
    return _NOT_IN_PATH.sub(_encoded, _PERCENT.sub(_decoded, path))


def _authority(text: str, scheme: str, authority: str) -> tuple[str, int]:
    if "@" in authority:
        _refuse(text, "it may not carry a user or a password")
    found = _AUTHORITY.fullmatch(authority)
    if found is None:
        _refuse(text, "it takes a host and perhaps a port, a number from 1 to 65535")
    literal, name, digits = found.groups()
    port = DEFAULT_PORTS[scheme] if digits is None else int(digits)
    if not 1 <= port <= 65_535:
        _refuse(text, "its port is not a number from 1 to 65535")
    return (_name(text, name) if literal is None else _literal(text, literal)), port


def _literal(text: str, literal: str) -> str:
    try:
        # A zone (``fe80::1%eth0``) names an interface of this machine, which is not for guests.
        return str(ipaddress.IPv6Address("" if "%" in literal else literal))
    except ValueError:
        _refuse(text, "what its host has in brackets is not an IPv6 address without a zone")


def _name(text: str, name: str) -> str:
    name = name.removesuffix(".")
    if not name:
        _refuse(text, "it has no host")
    labels = name.split(".")
    if len(name) > MAX_HOST_CHARS or not all(map(_LABEL.fullmatch, labels)):
        _refuse(text, "its host is neither a name nor an address (xn--… spells other scripts)")
    if _NUMBER.fullmatch(labels[-1]):
        try:
            return str(ipaddress.IPv4Address(name))
        except ValueError:
            _refuse(text, "an IPv4 address takes four numbers from 0 to 255, as in 192.0.2.1")
    return name


def _path(text: str, path: str) -> str:
    spelling = spelled(path)
    _check_percents(text, path)
    if re.search("%[01][0-9A-F]|%7F", spelling):
        _refuse(text, "its path has an encoded control character")
    if "//" in path:
        _refuse(text, "its path may not have empty segments (//)")
    decoded = spelling
    for _ in range(_DECODINGS):
        if any(step.partition(";")[0] in _DOTS for step in _SEPARATORS.split(decoded)):
            _refuse(text, "its path may not have the segments . and .., however encoded")
        decoded = unquote(decoded)
    return spelling


def _query(text: str, query: str) -> str:
    _check_percents(text, query)
    return _NOT_IN_QUERY.sub(_encoded, query)


def _check_percents(text: str, part: str) -> None:
    if any(found[1] is None for found in _PERCENT.finditer(part)):
        _refuse(text, "a percent sign of its own is written %25")


def _decoded(found: re.Match[str]) -> str:
    if found[1] is None:
        return "%25"
    character = chr(int(found[1], 16))
    return character if _UNRESERVED.fullmatch(character) else found[0].upper()


def _encoded(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode())


def _refuse(text: str, why: str) -> NoReturn:
    raise InvalidArguments(f"{text[:_SHOWN_CHARS]!r} is not an address for a request: {why}.")
