"""What an HTTP request was answered, for whoever sent it to read."""

import json
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urljoin

from wardian_sdk._headers import Headers
from wardian_sdk._json import from_text

__all__ = ["HttpError", "Response"]

EXCERPT_CHARS = 200

_CHARSET = re.compile(r"""charset\s*=\s*["']?([\w.:-]+)""", re.IGNORECASE)
_LINK = re.compile(r"<([^<>]*)>([^<]*)")
_RELATION = re.compile(r"""\brel\s*=\s*(?:"([^"]*)"|([^\s";,]+))""", re.IGNORECASE)

# Only codecs that are part of every plugin: Python imports a codec when it is first used, and a
# server that names another would end the call. The first two are read as the web reads them.
_CODECS = {
    "iso-8859-1": "cp1252",
    "us-ascii": "cp1252",
    "latin-1": "cp1252",
    "latin1": "cp1252",
    "ascii": "cp1252",
    "cp1252": "cp1252",
    "windows-1252": "cp1252",
    "utf-8": "utf-8-sig",
    "utf8": "utf-8-sig",
    "utf-16": "utf-16",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
    "utf-32": "utf-32",
}
# The longer mark first: that of UTF-32 begins with that of UTF-16.
_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)


@dataclass(frozen=True, repr=False)
class Response:
    """What came back. A status of 400 or more is a response and not an exception."""

    method: str
    url: str
    """The address that was asked; the host follows redirects and does not tell where to."""
    status_code: int
    headers: Headers
    content: bytes
    """The body, decompressed."""

    @property
    def ok(self) -> bool:
        """Whether the status is below 400."""
        return self.status_code < 400

    @property
    def reason(self) -> str:
        """The status in words, as in ``Not Found``; empty when it is none of the registered."""
        try:
            return HTTPStatus(self.status_code).phrase
        except ValueError:
            return ""

    @property
    def encoding(self) -> str:
        """The codec that ``text`` reads with.

        By what the body begins with, by the charset that the server states, or else UTF-8 if it
        is that and Windows-1252 if it is not.
        """
        for mark, codec in _MARKS:
            if self.content.startswith(mark):
                return codec
        stated = _CHARSET.search(self.headers.get("content-type", ""))
        codec = _CODECS.get(stated[1].lower(), "") if stated else ""
        return codec or ("utf-8" if _is_utf8(self.content) else "cp1252")

    @property
    def text(self) -> str:
        """The body as text; what its encoding does not have is replaced."""
        return self.content.decode(self.encoding, "replace")

    @property
    def links(self) -> dict[str, dict[str, str]]:
        """The ``link`` header by relation: ``links["next"]["url"]`` is where the next page is."""
        found: dict[str, dict[str, str]] = {}
        for target, parameters in _LINK.findall(self.headers.get("link", "")):
            relation = _RELATION.search(parameters)
            for name in (relation[1] or relation[2] or "").lower().split() if relation else ():
                found.setdefault(name, {"url": urljoin(self.url, target), "rel": name})
        return found

    def json(self) -> Any:
        """Return the body read as JSON. Raises ``ValueError`` when it is not, saying what it is."""
        try:
            return from_text(self.content.decode(json.detect_encoding(self.content)))
        except ValueError as fault:
            kind = self.headers.get("content-type", "no type stated")
            raise ValueError(f"{self._told()} with what is no JSON ({kind}): {fault}") from None

    def raise_for_status(self) -> "Response":
        """Return this response; raise ``HttpError`` when its status is 400 or more."""
        if not self.ok:
            raise HttpError(self)
        return self

    def _told(self) -> str:
        return f"{self.method} {self.url} answered {self.status_code} {self.reason}".rstrip()

    def __repr__(self) -> str:
        return f"<Response [{self.status_code}]>"


class HttpError(Exception):
    """A server answered that it did not do what it was asked; ``response`` is all it said."""

    def __init__(self, response: Response) -> None:
        told = response._told()
        said = " ".join(response.text[: EXCERPT_CHARS + 1].split())
        if len(said) > EXCERPT_CHARS:
            said = f"{said[:EXCERPT_CHARS]}…"
        super().__init__(f"{told}: {said}" if said else told)
        self.response = response

    @property
    def status_code(self) -> int:
        """The status that was answered."""
        return self.response.status_code


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
