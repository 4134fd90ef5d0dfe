"""What is asked of a host, as a value: method, path, body, and how its answer is read.

An operation is made by a method of a noun, and carried out by a transport.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import msgspec

from wardian.client.answers import ANYTHING, NOTHING, Reads
from wardian.client.downloads import Target
from wardian.client.errors import NotSendable
from wardian.client.uploads import Upload

V1 = "/api/v1"
V2 = "/api/v2"

T = TypeVar("T")
U = TypeVar("U")

Many = list
"""A list, in classes where ``list`` is a method."""

Query = tuple[tuple[str, str], ...]

_NO_NAMES = ("", ".", "..")
_CONDITIONS = frozenset({"If-Match", "If-None-Match"})
_SAFE = frozenset({"GET", "HEAD", "PUT"})


@dataclass(frozen=True, slots=True)
class Operation(Generic[T]):
    """One thing that is asked.

    Attributes:
        path: from the host's address on, percent-encoded.
        body: JSON as bytes, or what is uploaded.
        target: the file that the answer goes to.
        accepted: statuses that are no errors here, beside those of success.
        once: whether doing it again is not the same as doing it once, where its method says it is.
        timeout: seconds, if they are not the client's.
    """

    method: str
    path: str
    reads: Reads[T]
    query: Query = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Upload | None = None
    target: Target | None = None
    accepted: tuple[int, ...] = ()
    once: bool = False
    timeout: float | None = None

    @property
    def repeatable(self) -> bool:
        """Whether it may be sent again although it may have been done already."""
        conditional = not _CONDITIONS.isdisjoint(self.headers)
        return self.method in _SAFE and not self.once and not conditional

    def with_json(self, body: Any) -> Operation[T]:
        """The same with a body."""
        headers = {**self.headers, "Content-Type": "application/json"}
        return replace(self, body=msgspec.json.encode(body), headers=headers)

    def with_upload(self, upload: Upload) -> Operation[T]:
        """The same with files as its body."""
        return replace(self, body=upload, headers={**self.headers, **upload.headers})

    def with_signed(self, signed: bytes) -> Operation[T]:
        """The same with JSON that somebody signed, and that is sent as it is."""
        headers = {**self.headers, "Content-Type": "application/json"}
        return replace(self, body=signed, headers=headers)

    def within(self, timeout: float | None) -> Operation[T]:
        """The same with a time of its own, if one is given."""
        return self if timeout is None else replace(self, timeout=timeout)

    def reading(self, reads: Reads[U]) -> Operation[U]:
        """The same with another way to read its answer."""
        made: Operation[Any] = replace(self, reads=reads)  # type: ignore[arg-type]
        return made

    def with_headers(self, **headers: str | None) -> Operation[T]:
        """The same with headers, named with ``_`` for ``-``, of those that are given."""
        given = {
            name.replace("_", "-"): value for name, value in headers.items() if value is not None
        }
        return replace(self, headers={**self.headers, **given})

    def matching(self, etag: str | None) -> Operation[T]:
        """The same, to be done only to what is still as this tag has it, if one is given."""
        return self.with_headers(If_Match=etag)

    def once_only(self) -> Operation[T]:
        """The same, never to be sent again where it may have been done."""
        return replace(self, once=True)


def get(path: str, reads: Reads[T], **query: Any) -> Operation[T]:
    """Ask for something; what of the query is None is left out."""
    return Operation("GET", V1 + path, reads, _query(query))


def post(path: str, reads: Reads[T], body: Any = None, **query: Any) -> Operation[T]:
    """Have something done."""
    return _sending("POST", path, reads, body, query)


def put(path: str, reads: Reads[T], body: Any, **query: Any) -> Operation[T]:
    """Have something be as it is in ``body``."""
    return _sending("PUT", path, reads, body, query)


def patch(path: str, reads: Reads[T], body: Any, **query: Any) -> Operation[T]:
    """Have parts of something changed."""
    return _sending("PATCH", path, reads, body, query)


def delete(path: str, reads: Reads[Any] = NOTHING, **query: Any) -> Operation[Any]:
    """Have something removed."""
    return Operation("DELETE", V1 + path, reads, _query(query))


def asking(
    method: str, path: str, body: Any, query: Mapping[str, Any], headers: Mapping[str, str]
) -> Operation[Any]:
    """Ask for anything, and take any JSON for an answer, or nothing."""
    operation = Operation(method.upper(), path, ANYTHING, _query(query), headers)
    return operation if body is None else operation.with_json(body)


def at(template: str, *names: str) -> str:
    """Fill the places ``{}`` of a path with names, percent-encoded.

    Raises:
        NotSendable: a name would make it another path.
    """
    for name in names:
        # Of these, what reads an address makes another path, whatever they are encoded as.
        if name in _NO_NAMES:
            raise NotSendable(f"{name!r} names nothing, and cannot be a part of an address.")
    return template.format(*(quote(name, safe="") for name in names))


def given(**members: Any) -> dict[str, Any]:
    """The members of a body that are not None."""
    return {name: value for name, value in members.items() if value is not None}


def _sending(
    method: str, path: str, reads: Reads[T], body: Any, query: Mapping[str, Any]
) -> Operation[T]:
    operation = Operation(method, V1 + path, reads, _query(query))
    return operation if body is None else operation.with_json(body)


def _query(query: Mapping[str, Any]) -> Query:
    return tuple((name, text) for name, value in query.items() for text in _texts(value))


def _texts(value: Any) -> Sequence[str]:
    if value is None:
        return ()
    if isinstance(value, bool):
        return ("true" if value else "false",)
    if isinstance(value, list | tuple):
        return [str(each) for each in value]
    return (str(value),)
