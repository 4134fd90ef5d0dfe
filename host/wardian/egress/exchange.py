"""One request and its response on one connection, in HTTP/1.1 by httpcore."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass

import httpcore

from wardian.egress.bodies import CODINGS, decoder_for, read_body
from wardian.egress.faults import EgressFault, Exhausted, Unavailable
from wardian.egress.headers import Headers, handed_on, received, value_of
from wardian.egress.pool import Connection
from wardian.egress.redirects import location_of
from wardian.egress.wire import TooMuch
from wardian.policy.outgoing import Outgoing

HEAD_BYTES_MAX = 128 * 1024
"""Of a response before its body, announcements (1xx) included."""

WIRE_SLACK_BYTES = 1024 * 1024
"""What the framing of a body may add to twice its size."""

DRAINED_BYTES_MAX = 16 * 1024
"""Of a redirect's body, which nobody reads; with more, its connection is closed."""

IDEMPOTENT = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"}
"""What may be sent again when nothing came back (RFC 9110, section 9.2.2)."""

_WITH_BODY = {"POST", "PUT", "PATCH"}


@dataclass(frozen=True, slots=True)
class Answer:
    """A response.

    Attributes:
        headers: names in lower case; those of the connection and of the encoding are gone.
        body: decompressed.
    """

    status: int
    headers: Headers
    body: bytes


class Stale(Exception):
    """The other side had closed the connection already, and read nothing of the request."""


async def exchange(
    connection: Connection,
    outgoing: Outgoing,
    agent: str,
    bytes_max: int,
    hold: Callable[[int], None],
) -> Answer:
    """Send a request and read the response to its end.

    Args:
        agent: the ``User-Agent`` unless the request has one.
        bytes_max: of the body when it is decompressed.
        hold: told of every further byte of the body.

    Raises:
        Exhausted: the response is too large.
        Unavailable: there is none, or it is not HTTP/1.1.
        Stale: the request may be sent again on another connection.
    """
    origin = outgoing.url.origin
    wire = connection.wire
    before = wire.received
    wire.receivable = HEAD_BYTES_MAX
    try:
        response = await connection.http.handle_async_request(_request(outgoing, agent))
        async with aclosing(response):
            wire.receivable = 2 * bytes_max + WIRE_SLACK_BYTES
            return await _answer(response, bytes_max, hold)
    except EgressFault:
        wire.close()
        raise
    except TooMuch as exc:
        raise Exhausted(f"The response of {origin} is larger than this call may take.") from exc
    except FAULTS as exc:
        unread = wire.received == before and connection.uses > 1
        if unread and outgoing.method in IDEMPOTENT:
            raise Stale from exc
        raise Unavailable(FAULTS_TEXTS[_kind(exc)].format(origin=origin)) from exc


FAULTS_TEXTS: dict[type[Exception], str] = {
    httpcore.LocalProtocolError: "The request to {origin} is not one in HTTP/1.1.",
    httpcore.RemoteProtocolError: "{origin} does not answer in HTTP/1.1.",
    httpcore.NetworkError: "The connection to {origin} was lost.",
    OSError: "The connection to {origin} was lost.",
}
"""What httpcore and the system may raise, most special first; their own words may quote a server,
which may quote a credential."""

FAULTS = tuple(FAULTS_TEXTS)


def _kind(exc: Exception) -> type[Exception]:
    return next(kind for kind in FAULTS_TEXTS if isinstance(exc, kind))


async def _answer(
    response: httpcore.Response, bytes_max: int, hold: Callable[[int], None]
) -> Answer:
    if response.status < 200:
        raise Unavailable("The response switches to another protocol, which was not asked for.")
    headers = received(response.headers)
    if location_of(response.status, headers) is not None:
        await _drained(response)
        return Answer(response.status, headers, b"")
    decoder = decoder_for(value_of(headers, "content-encoding"))
    body = await read_body(response.aiter_stream(), decoder, bytes_max, hold)
    return Answer(
        response.status, handed_on(headers, decompressed=decoder is not None and bool(body)), body
    )


async def _drained(response: httpcore.Response) -> None:
    left = DRAINED_BYTES_MAX
    async for chunk in response.aiter_stream():
        left -= len(chunk)
        if left < 0:
            break


def _request(outgoing: Outgoing, agent: str) -> httpcore.Request:
    """Say the request in httpcore's words; from here on nobody reads its address again."""
    url = outgoing.url
    return httpcore.Request(
        method=outgoing.method.encode("ascii"),
        url=httpcore.URL(
            scheme=url.scheme.encode("ascii"),
            host=url.host.encode("ascii"),
            port=url.port,
            target=url.target.encode("ascii"),
        ),
        headers=[
            (name.encode("ascii"), value.encode()) for name, value in _headers(outgoing, agent)
        ],
        content=outgoing.body,
    )


def _headers(outgoing: Outgoing, agent: str) -> Headers:
    there = {name for name, _ in outgoing.headers}
    added = {"accept": "*/*", "user-agent": agent}
    headers = (
        ("host", outgoing.url.authority),
        *((name, value) for name, value in added.items() if name not in there),
        ("accept-encoding", CODINGS),
        *outgoing.headers,
    )
    if outgoing.body is None and outgoing.method not in _WITH_BODY:
        return headers
    return (*headers, ("content-length", str(len(outgoing.body or b""))))
