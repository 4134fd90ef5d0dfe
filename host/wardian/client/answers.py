"""An answer as it came, and what becomes of it: a value, or an error.

Nothing here knows how it was carried.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Generic, NoReturn, TypeVar
from urllib.parse import parse_qs, urlsplit

import msgspec

from wardian.client.errors import (
    CallError,
    Conflict,
    Forbidden,
    HostError,
    HostFault,
    InvalidArguments,
    NotFound,
    PayloadTooLarge,
    RateLimited,
    Refused,
    Unauthenticated,
    Unavailable,
    UnexpectedAnswer,
)
from wardian.client.models.jobs import Outcome
from wardian.client.models.pages import Page, Tagged
from wardian.client.models.problems import Problem

REQUEST_ID = "x-request-id"
"""Every answer of a Wardian host has it, and hardly one of anything else."""

T = TypeVar("T")

_NEXT = re.compile(r'<([^<>]*)>; rel="next"')

_BY_STATUS: dict[int, type[HostError]] = {
    400: InvalidArguments,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: PayloadTooLarge,
    429: RateLimited,
    502: CallError,
    503: Unavailable,
    504: CallError,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer.

    Attributes:
        headers: by their names in lower case.
        content: the body; empty where that went to a file.
        size: of the body in bytes.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes
    size: int


@dataclass(frozen=True, slots=True)
class Reads(Generic[T]):
    """How the answer of an operation is read.

    Attributes:
        read: makes the value; what it raises of msgspec's is an `UnexpectedAnswer` to callers.
        kind: what the JSON of the answer is; None where it is none.
    """

    read: Callable[[Answer], T]
    kind: Any = None


def json_of(kind: type[T]) -> Reads[T]:
    """Answers are JSON of this type."""
    shared: Any = kind
    return _reading(shared)


@functools.cache
def _reading(kind: Hashable) -> Reads[Any]:
    # A decoder is made once for each type, and not for each call.
    decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(kind)
    if isinstance(kind, type) and issubclass(kind, Tagged):
        return Reads(lambda answer: _tagged(decoder.decode(answer.content), answer), kind)
    return Reads(lambda answer: decoder.decode(answer.content), kind)


def page_of(kind: type[T]) -> Reads[Page[T]]:
    """Answers are a list of this type, or a page of it, whose header Link has the next one."""
    shared: Any = kind
    return _paging(shared)


@functools.cache
def _paging(kind: Hashable) -> Reads[Any]:
    many: Any = list[kind]  # type: ignore[valid-type]
    decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(many)

    def page(answer: Answer) -> Page[Any]:
        items = decoder.decode(answer.content)
        return Page(items, next=_cursor(answer), etag=answer.headers.get("etag", ""))

    return Reads(page, many)


def _tagged(value: Tagged, answer: Answer) -> Tagged:
    etag = answer.headers.get("etag")
    return value if etag is None else msgspec.structs.replace(value, etag=etag)


def _cursor(answer: Answer) -> str | None:
    """The cursor of the next page, which is a part of its address (RFC 8288)."""
    link = _NEXT.search(answer.headers.get("link", ""))
    return None if link is None else parse_qs(urlsplit(link[1]).query).get("cursor", [None])[0]


NOTHING: Reads[None] = Reads(lambda answer: None)
ANYTHING: Reads[Any] = Reads(
    lambda answer: msgspec.json.decode(answer.content) if answer.content else None
)
WITH_TAG: Reads[tuple[Any, str | None]] = Reads(
    lambda answer: (msgspec.json.decode(answer.content), answer.headers.get("etag"))
)
BYTES: Reads[bytes] = Reads(lambda answer: answer.content)
TEXT: Reads[str] = Reads(lambda answer: answer.content.decode())
SIZE: Reads[int] = Reads(lambda answer: answer.size)


def read(answer: Answer, reads: Reads[T], accepted: tuple[int, ...] = ()) -> T:
    """Return what an answer says; statuses of success are from 200 to 299, and ``accepted``.

    Raises:
        HostError: it is a problem.
        UnexpectedAnswer: it is nothing that a Wardian host answers.
    """
    if REQUEST_ID not in answer.headers:
        raise foreign(answer)
    if 200 <= answer.status < 300 or answer.status in accepted:
        try:
            return reads.read(answer)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise foreign(answer, f": {error}") from error
    if answer.status < 400:
        raise foreign(answer)
    raise problem_of(answer)


def foreign(answer: Answer, why: str = "") -> UnexpectedAnswer:
    """What to raise for an answer that is not one of a Wardian host."""
    return UnexpectedAnswer(
        f"The answer, of status {answer.status}, is not as a Wardian host answers{why}. "
        "Is this the host's address?",
        status=answer.status,
        retry_after=retry_after(answer.headers),
    )


def problem_of(answer: Answer) -> HostError | UnexpectedAnswer:
    """What to raise for an answer that is an error."""
    try:
        members = msgspec.json.decode(answer.content)
        problem = _problem(members)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return foreign(answer)
    kind = problem.type.rpartition("/")[2]
    raised = error_types().get(kind) or error_of_status(answer.status)
    return raised(problem, members, retry_after(answer.headers))


def raising(text: str) -> NoReturn:
    """Raise the problem that a stream says in its place.

    Raises:
        HostError: always.
    """
    members = msgspec.json.decode(text)
    problem = _problem(members)
    kind = problem.type.rpartition("/")[2]
    raise (error_types().get(kind) or error_of_status(problem.status))(problem, members)


def _problem(members: Any) -> Problem:
    """Read a problem, which has in version 2 an envelope of usage where version 1 has the usage."""
    match members:
        case {"usage": {"spent": spent, "call_id": call_id}}:
            members = {"call_id": call_id, **members, "usage": spent}
    return msgspec.convert(members, Problem)


def value_of(outcome: Outcome) -> Any:
    """Return what a call of a batch, or a job, came to.

    Raises:
        HostError: it failed.
    """
    problem = outcome.problem
    if problem is None:
        return outcome.result
    if outcome.usage is not None:
        problem = msgspec.structs.replace(problem, usage=outcome.usage.spent)
    kind = problem.type.rpartition("/")[2]
    raise (error_types().get(kind) or error_of_status(problem.status))(problem)


@functools.cache
def error_types() -> dict[str, type[HostError]]:
    """The class of every type of problem that this version knows."""
    return {kind.type: kind for kind in _below(HostError) if kind.type is not None}


def error_of_status(status: int) -> type[HostError]:
    """The class for a problem of a type that this version does not know."""
    return _BY_STATUS.get(status) or (Refused if status < 500 else HostFault)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds until another attempt makes sense, by ``Retry-After`` (RFC 9110, 10.2.3).

    A date is compared with the answer's own ``Date``, because clocks differ between machines.
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    until = _moment(text)
    if until is None:
        return None
    began = _moment(headers.get("date", "")) or datetime.now(UTC)
    return max(0.0, (until - began).total_seconds())


def _moment(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _below(kind: type[HostError]) -> Iterator[type[HostError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from _below(each)
