"""The header Idempotency-Key: a change is made once, however often its request is sent.

https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/: a request that is sent
again under its key, because its answer was lost, is answered as the first time.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from collections.abc import Callable
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wardian.api.guards import admitted
from wardian.api.identity import header_of
from wardian.api.problems import on_wardian_error
from wardian.errors import InvalidArguments, WardianError
from wardian.policy.secret import Secret
from wardian.runtime.host import PluginHost
from wardian.runtime.idempotency import Claim, Idempotency
from wardian.runtime.sealed_answers import Asked, KeptAnswer
from wardian.tenants import Scope as KeyScope

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
KEY_CHARS_MAX = 255

_NAME = HEADER.lower().encode()
_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_PREFIX = "/api/"
_NOT_BELOW = "/api/v1/hooks/"  # whose senders have no API key, and a recipe of their own
_QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_ESCAPED = re.compile(r"\\(.)")
_BARE = re.compile(r"[!#-+\--:<-\[\]-~]+")
_BOUNDARY = re.compile(r';\s*boundary="?([^";,]{1,70})"?', re.IGNORECASE)
_LARGE = 256 * 1024

_KEPT_HEADERS = frozenset({"content-type", "etag", "last-modified", "link", "location"})
_PASSING = frozenset({401, 408, 425, 429})
"""What is answered so says nothing of the request itself, and may be another answer soon."""

_STREAMS = b"text/event-stream"
_WITHOUT_BODY = (204, 304)

_log = logging.getLogger("wardian.idempotency")


class OnceOnly:
    """ASGI middleware: carries out a change with an Idempotency-Key once.

    Whatever comes without the header is not touched. A change with it goes on to its end also when
    its client goes away: that is what the client has the key for.
    """

    def __init__(self, app: ASGIApp, *, is_upload: Callable[[Scope], bool]) -> None:
        """``is_upload`` tells of requests whose bodies are large, and for administrators alone."""
        self._app = app
        self._is_upload = is_upload

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _concerns(scope):
            await self._app(scope, receive, send)
            return
        try:
            await self._once(scope, receive, send)
        except WardianError as error:
            response = await on_wardian_error(Request(scope, receive), error)
            await response(scope, receive, send)

    async def _once(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = key_of(scope)
        request = Request(scope, receive)
        # Before its body is read: what is answered from memory is a request, too.
        caller = await admitted(request)
        may_send = caller is not None and (
            caller.holds(KeyScope.ADMIN) or not self._is_upload(scope)
        )
        if caller is None or not may_send:  # which every route refuses in its own words, unread
            await self._app(scope, receive, send)
            return
        body = await _received(receive)
        host: PluginHost = scope["app"].state.host
        asked = Asked(
            tenant=caller.tenant,
            api_key_id=caller.key_id,
            key=key,
            request=await _digest(request, body),
            token=Secret(request.headers["authorization"].partition(" ")[2].strip()),
        )
        found = await host.idempotency.begin(asked)
        if isinstance(found, KeptAnswer):
            await _replay(found, send)
        else:
            await self._carry_out(scope, _again(body), send, host.idempotency, found)

    async def _carry_out(
        self, scope: Scope, receive: Receive, send: Send, kept: Idempotency, claim: Claim
    ) -> None:
        answer = _Answer(send, kept.policy.answer_bytes)
        try:
            await self._app(scope, receive, answer)
        except Exception:
            answer.passing = True  # what there is of it, if anything, is not the whole
            await _noted(_settle(kept, claim, answer))
            raise
        except BaseException:
            # The host is being stopped in the middle, and nobody knows how far it came.
            kept.abandon(claim)
            raise
        await _noted(_settle(kept, claim, answer))
        await answer.flush()


def key_of(scope: Scope) -> str:
    """Return the key of a request: a quoted string (RFC 9651), or the same without its quotes.

    Raises:
        InvalidArguments: it is neither, came twice or is too long.
    """
    values = [value for name, value in scope["headers"] if name == _NAME]
    text = values[0].decode("latin-1").strip()
    quoted = _QUOTED.fullmatch(text)
    key = _ESCAPED.sub(r"\1", quoted[1]) if quoted else text
    sound = quoted is not None or _BARE.fullmatch(text) is not None
    if len(values) > 1 or not sound or not 1 <= len(key) <= KEY_CHARS_MAX:
        raise InvalidArguments(
            f"The header {HEADER} takes one key of 1 to {KEY_CHARS_MAX} visible ASCII characters, "
            'such as "8e03978e-40d5-43dd-bc93-6894a57f9324".',
            path=f"header.{HEADER}",
        )
    return key


class _Answer:
    """A ``send`` that holds the answer back until it is kept; one that is too large goes through.

    A stream goes through as well: who asked for it waits for each part.
    """

    def __init__(self, send: Send, bytes_max: int) -> None:
        self._send = send
        self._bytes_max = bytes_max
        self._held: list[Message] = []
        self.status: int | None = None
        self.passing = False
        self._body = bytearray()

    async def __call__(self, message: Message) -> None:
        if self.passing:
            await self._send(message)
            return
        self._held.append(message)
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.passing = _is_stream(message)
        else:
            self._body += message.get("body", b"")
            self.passing = len(self._body) > self._bytes_max
        if self.passing:
            await self.flush()

    async def flush(self) -> None:
        held, self._held = self._held, []
        for message in held:
            await self._send(message)

    def kept(self, status: int) -> KeptAnswer:
        raw = self._held[0].get("headers", ())
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in raw]
        matter = [(name, value) for name, value in headers if name in _KEPT_HEADERS]
        return KeptAnswer(status, matter, bytes(self._body))


def _concerns(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["method"] not in _METHODS:
        return False
    if header_of(scope, _NAME) is None:
        return False
    path: str = scope["path"]
    return path.startswith(_PREFIX) and not path.startswith(_NOT_BELOW)


async def _settle(kept: Idempotency, claim: Claim, answer: _Answer) -> None:
    status = answer.status
    if status is None or status >= 500 or status in _PASSING:
        await kept.release(claim)
    elif answer.passing:
        await kept.settle_unkept(claim, status)
    else:
        await kept.settle(claim, answer.kept(status))


async def _noted(work: Any) -> None:
    """Write down how a request ended. It has happened, whether that can be kept or not."""
    try:
        await work
    except WardianError as error:
        _log.error("What a request was answered could not be kept: %s", error)


async def _replay(kept: KeptAnswer, send: Send) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in kept.headers]
    headers.append((REPLAYED.lower().encode(), b"true"))
    if kept.status not in _WITHOUT_BODY:
        headers.append((b"content-length", str(len(kept.body)).encode()))
    await send({"type": "http.response.start", "status": kept.status, "headers": headers})
    await send({"type": "http.response.body", "body": kept.body})


async def _received(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(chunks)


def _again(body: bytes) -> Receive:
    """A ``receive`` with a body that was read already, whose client never goes away."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if messages:
            return messages.pop()
        never: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        return await never

    return receive


async def _digest(request: Request, body: bytes) -> str:
    if len(body) > _LARGE:
        return await asyncio.to_thread(_digest_of, request.scope, request.headers, body)
    return _digest_of(request.scope, request.headers, body)


def _digest_of(scope: Scope, headers: Headers, body: bytes) -> str:
    boundary = _BOUNDARY.search(headers.get("content-type", ""))
    if boundary:
        # Which clients draw anew for each attempt to send the same form.
        body = body.replace(boundary[1].encode("latin-1"), b"")
    parts = (
        scope["method"].encode(),
        scope["path"].encode(errors="surrogatepass"),
        scope.get("query_string", b""),
        body,
    )
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def _is_stream(start: Message) -> bool:
    kinds = (value for name, value in start.get("headers", ()) if name == b"content-type")
    return any(kind.startswith(_STREAMS) for kind in kinds)
