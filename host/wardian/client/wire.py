"""What clients that block and clients that await have in common of HTTP: the only owner of httpx.

Proxies, certificates and passwords of the environment are not used, and redirects are not
followed: a key goes to the host that was named, and to no other.
"""

from __future__ import annotations

import platform
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Any, TypedDict

import httpx

from wardian import __version__
from wardian.client.answers import REQUEST_ID, Answer, foreign
from wardian.client.errors import (
    AnswerTooLarge,
    ConnectionLost,
    Misconfigured,
    NotConnected,
    NotSendable,
    TimedOut,
    Unreachable,
)
from wardian.client.operations import Operation
from wardian.client.options import Options, Place

CONNECT_SECONDS = 10.0
WRITE_SECONDS = 60.0

CONNECTIONS_MAX = 100
"""More requests at once wait for one of these to be free."""

FAULTS: dict[type[httpx.HTTPError], type[Unreachable]] = {
    httpx.ConnectError: NotConnected,
    httpx.ConnectTimeout: NotConnected,
    httpx.PoolTimeout: NotConnected,
    httpx.UnsupportedProtocol: NotConnected,
    httpx.ProxyError: NotConnected,
    httpx.TimeoutException: TimedOut,
    httpx.HTTPError: ConnectionLost,
}
"""The error of each of httpx's, or of its nearest ancestor here."""

AGENT = f"wardian-client/{__version__} python/{platform.python_version()}"


class Arguments(TypedDict):
    """What an ``httpx`` client is made with."""

    base_url: str
    headers: dict[str, str]
    verify: ssl.SSLContext | bool
    trust_env: bool
    follow_redirects: bool
    limits: httpx.Limits


def arguments(place: Place, tls: ssl.SSLContext | None) -> Arguments:
    """Check an address and a key, and say how to make a client for them.

    Raises:
        Misconfigured: they cannot be used.
    """
    try:
        address = httpx.URL(place.url)
    except httpx.InvalidURL as error:
        raise Misconfigured(f"The address {place.url!r} cannot be used: {error}.") from error
    if address.scheme not in {"http", "https"} or not address.host:
        raise Misconfigured(
            f"The address {place.url!r} cannot be used: it must start with http:// or https://."
        )
    if not 0 < (address.port or 80) < 2**16:
        raise Misconfigured(f"The address {place.url!r} cannot be used: no port has this number.")
    if address.userinfo or address.query or address.fragment:
        raise Misconfigured(
            f"The address of {address.host!r} cannot be used: it has a user, a query or a "
            "fragment. A host takes an API key alone."
        )
    headers = {"User-Agent": AGENT, "Accept-Encoding": "identity"}
    if place.key:
        headers["Authorization"] = f"Bearer {place.key}"
    return {
        "base_url": place.url,
        "headers": headers,
        "verify": True if tls is None else tls,
        "trust_env": False,
        "follow_redirects": False,
        "limits": httpx.Limits(
            max_connections=CONNECTIONS_MAX, max_keepalive_connections=CONNECTIONS_MAX
        ),
    }


def timeout(seconds: float) -> httpx.Timeout:
    """So long for each piece of an answer, and less for a connection and what is sent on it."""
    return httpx.Timeout(
        seconds, connect=min(seconds, CONNECT_SECONDS), write=min(seconds, WRITE_SECONDS)
    )


def headers(operation: Operation[Any], options: Options) -> dict[str, str]:
    """The headers of a request, beside the client's own."""
    # Whatever is asked to be sent along, the key is the client's.
    extra = {
        name: value
        for name, value in {**options.headers, **operation.headers}.items()
        if name.lower() not in {"authorization", "host"}
    }
    for name, value in extra.items():
        if not (name.isascii() and value.isascii() and value.isprintable()):
            raise NotSendable(f"The header {name!r} has a value that no header can have.")
    return extra


def unreachable(url: str, error: httpx.HTTPError) -> Unreachable:
    """What to raise for an error of httpx's."""
    kind = next(FAULTS[each] for each in type(error).__mro__ if each in FAULTS)
    reason = str(error) or type(error).__name__
    if kind is NotConnected:
        raised: Unreachable = NotConnected(f"No host answers at {url}: {reason}.")
    else:
        raised = kind(f"The host at {url} did not answer to the end: {reason}.")
    raised.__cause__ = error
    return raised


def check_kind(response: httpx.Response, media_type: str = "") -> None:
    """Check that what succeeded is a Wardian host's, before anything of it is used.

    Raises:
        UnexpectedAnswer: it is not, or of another kind.
    """
    kind = response.headers.get("content-type", "")
    if REQUEST_ID not in response.headers or not kind.startswith(media_type):
        raise foreign(Answer(response.status_code, response.headers, b"", 0))


@dataclass(slots=True)
class Intake:
    """The body of one answer while it comes."""

    response: httpx.Response
    operation: Operation[Any]
    options: Options
    file: IO[bytes] | None
    deadline: float
    _pieces: list[bytes] = field(default_factory=list, init=False)
    _size: int = field(default=0, init=False)

    @property
    def waits(self) -> bool:
        """Whether taking a piece may wait for a disk."""
        return self.file is not None

    def take(self, piece: bytes) -> None:
        """Take one more piece.

        Raises:
            AnswerTooLarge: it is more than the client takes.
            TimedOut: the answer is not there yet, and the time is up.
        """
        self._size += len(piece)
        if self.file is not None:
            self.file.write(piece)
            return
        if self._size > self.options.answer_max_bytes:
            raise AnswerTooLarge(
                f"The answer has more than the {self.options.answer_max_bytes:,} bytes that this "
                "client takes.",
                status=self.response.status_code,
            )
        if self.options.clock.monotonic() > self.deadline:
            raise TimedOut("The answer came too slowly to be there in time.")
        self._pieces.append(piece)

    def tell(self) -> None:
        """Tell who wants to know how much of a file has come."""
        target = self.operation.target
        if self.file is not None and target is not None and target.progress is not None:
            target.progress(self._size, self._announced())

    def answer(self) -> Answer:
        """The answer, now that it is there."""
        content = b"".join(self._pieces)
        return Answer(self.response.status_code, self.response.headers, content, self._size)

    def _announced(self) -> int | None:
        text = self.response.headers.get("content-length", "")
        return int(text) if text.isdecimal() else None


@contextmanager
def intake(
    response: httpx.Response, operation: Operation[Any], options: Options
) -> Iterator[Intake]:
    """Take an answer in: into the operation's file if it has one, and the host did as asked."""
    seconds = options.timeout if operation.timeout is None else operation.timeout
    deadline = options.clock.monotonic() + seconds
    if operation.target is None or not response.is_success:
        yield Intake(response, operation, options, None, deadline)
        return
    check_kind(response)
    with operation.target.opened() as file:
        yield Intake(response, operation, options, file, deadline)
