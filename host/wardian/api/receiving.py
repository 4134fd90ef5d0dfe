"""Where webhooks arrive: their senders have no API key, and sign what they send instead.

Whatever is refused before a signature was verified is refused in the same words, whether there is
such a tenant, plugin and webhook or not.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from wardian.api.addresses import address_of, whose
from wardian.api.dependencies import Host, SettingsInForce
from wardian.api.problems import problem_of, respond, status_of
from wardian.errors import (
    Overloaded,
    PayloadTooLarge,
    RateLimited,
    TryLater,
    VaultSealed,
    WardianError,
    WebhookFailed,
)
from wardian.runtime.hooks import Answer, Incoming
from wardian.runtime.hooks.incoming import HEADERS_CHARS_MAX, HEADERS_MAX, PATH, Place

RECEIVING_MAX = 256
"""Requests whose bodies are arriving, of everybody."""

RECEIVING_OF_ADDRESS_MAX = 32
"""The same, of one address; of IPv6 of one /64, which anybody has who has one of it."""

REPEATED = "Wardian-Repeated"
"""The header that says that a delivery had been handled before."""

_RETRY_SECONDS = {RateLimited: 10.0, VaultSealed: 60.0}
_NO_BODY = (204, 205)

router = APIRouter(include_in_schema=False)


class Receiving:
    """How many bodies are arriving: a slow one holds memory, and whoever sends it no key."""

    def __init__(self) -> None:
        self._of: Counter[str] = Counter()

    @contextmanager
    def one(self, address: str) -> Iterator[None]:
        """Count one body of an address while it arrives.

        Raises:
            TryLater: there are too many.
        """
        address = whose(address)
        full = self._of.total() >= RECEIVING_MAX
        if full or self._of[address] >= RECEIVING_OF_ADDRESS_MAX:
            raise TryLater("Too many webhooks are arriving in this moment.")
        self._of[address] += 1
        try:
            yield
        finally:
            self._of[address] -= 1
            if not self._of[address]:
                del self._of[address]


@router.post(PATH + "/{tenant}/{plugin}/{name}")
async def receive(
    request: Request, host: Host, settings: SettingsInForce, tenant: str, plugin: str, name: str
) -> Response:
    """Receive a webhook."""
    place = Place(tenant, plugin, name)
    try:
        host.hooks.look_at(place)
        headers = _headers(request)
        _check_plain(headers)
        body = await _body(request, settings.hook_receive_seconds)
        incoming = Incoming(
            place=place, headers=headers, body=body, request_id=request.state.request_id
        )
        return _answered(await host.hooks.receive(incoming))
    except TimeoutError:
        return _too_slow(request, settings.hook_receive_seconds)
    except WardianError as error:
        if status_of(type(error)) == 500 and not isinstance(error, WebhookFailed):
            raise
        return _refusal(request, error)


async def _body(request: Request, seconds: float) -> bytes:
    receiving: Receiving = request.app.state.receiving
    chunks: list[bytes] = []
    with receiving.one(address_of(request.scope)):
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                chunks.append(chunk)
    return b"".join(chunks)


def _headers(request: Request) -> list[tuple[str, str]]:
    raw = request.scope["headers"]
    size = sum(len(name) + len(value) for name, value in raw)
    if len(raw) > HEADERS_MAX or size > HEADERS_CHARS_MAX:
        raise PayloadTooLarge(
            f"A webhook has at most {HEADERS_MAX} headers of {HEADERS_CHARS_MAX} bytes."
        )
    return [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in raw]


def _check_plain(headers: list[tuple[str, str]]) -> None:
    """What is compressed is refused unread: the signature is of other bytes than anybody reads."""
    for name, value in headers:
        if name == "content-encoding" and value.strip().lower() != "identity":
            raise HTTPException(415, "A webhook is sent as it is, not compressed.")


def _answered(answer: Answer) -> Response:
    headers = {REPEATED: "true"} if answer.is_repeat else {}
    if answer.status in _NO_BODY:
        return Response(status_code=answer.status, headers=headers)
    # Nothing that a plugin says is ever a page.
    return Response(
        answer.body.encode(),
        status_code=answer.status,
        headers=headers,
        media_type="text/plain; charset=utf-8",
    )


def _refusal(request: Request, error: WardianError) -> Response:
    response = respond(request.scope, problem_of(error))
    seconds = _RETRY_SECONDS.get(type(error))
    if isinstance(error, Overloaded):
        seconds = error.retry_after_seconds
    if seconds is not None:
        response.headers["Retry-After"] = str(max(1, math.ceil(seconds)))
    return response


def _too_slow(request: Request, seconds: float) -> Response:
    error = TryLater(f"The request did not arrive within {seconds:g} seconds.")
    response = _refusal(request, error)
    # What is still to come is not the next request.
    response.headers["Connection"] = "close"
    return response
