"""Request bodies: bounded while they arrive, and strict JSON once they are here."""

from __future__ import annotations

import asyncio
import base64
import functools
import logging
import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import anyio
import msgspec
from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wardian.api.held import SMALL_BYTES, Bodies, HeldBody
from wardian.api.problems import Problem, http_only_problem, problem_of, respond
from wardian.api.strict import repeated_member
from wardian.errors import InvalidArguments, PayloadTooLarge, SignatureInvalid, TryLater

PACKAGE_TYPES = (
    "application/zip",
    "application/octet-stream",
    "application/vnd.wardian.package",
)
FORM_TYPE = "multipart/form-data"
SIGNATURE_FIELD = "signature"
SIGNATURE_HEADER = "Wardian-Signature"

_LARGE = 256 * 1024
"""A body of more bytes takes milliseconds to parse, for which nobody else is to wait."""

_LINGER_SECONDS = 2.0
_LINGER_BYTES = 64 * 1024 * 1024

# What is wrong with a stranger's form is told to the stranger, and is no line of the operator's.
logging.getLogger("python_multipart").addHandler(logging.NullHandler())
_AT_PATH = re.compile(r" - at `(?:key in )?\$\.?(.*)`$")

_JSON_KIND = re.compile(r"application/(?:json|[a-z0-9.!#$&^_-]+\+json|x-www-form-urlencoded)|")
_SHOWN_BYTES = 64

_UNKNOWN = re.compile(r"unknown field `(.*)`")

T = TypeVar("T")


class _CapExceeded(Exception):
    """The body grew past its cap while it arrived."""


class _NoRoom(Exception):
    """The body grew past what the host holds of bodies while it arrived."""


HEADERS_MAX = 100
HEADERS_BYTES_MAX = 64 * 1024
"""What the headers of one request may be, all together."""


_FULL = (
    "The host holds as many bytes of requests as it may, of everybody or of this key "
    "(WARDIAN_BODIES_BYTES_MAX); send this again in a moment."
)


class BodyCap:
    """ASGI middleware: refuses a body that is too large before anything parses it.

    A declared length past the cap is refused unread; an undeclared one is counted as it
    arrives, and refused in the middle. What is compressed is refused unread, because nobody knows
    how large it is. Either way the connection is closed.
    """

    def __init__(self, app: ASGIApp, *, bytes_max: Callable[[Scope], int], bodies: Bodies) -> None:
        self._app = app
        self._bytes_max = bytes_max
        self._bodies = bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        cap = self._bytes_max(scope)
        problem = _objection(scope["headers"], cap)
        if problem is None:
            held = self._bodies.of(scope)
            try:
                await self._app(scope, _Counted(receive, cap, held), send)
                return
            except _CapExceeded:
                problem = _too_large(cap)
            except _NoRoom:
                problem = problem_of(TryLater(_FULL))
            finally:
                held.let_go()
        await _refuse(scope, receive, send, problem)


class _Counted:
    """A ``receive`` that raises once more than ``cap`` bytes came through it, or more than there
    is room for beside what is held of others."""

    def __init__(self, receive: Receive, cap: int, held: HeldBody) -> None:
        self._receive = receive
        self._cap = cap
        self._size = 0
        self._held = held

    async def __call__(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._size += len(message.get("body", b""))
            if self._size > self._cap:
                raise _CapExceeded
            if self._size > SMALL_BYTES and not self._held.holds(self._size):
                raise _NoRoom
        return message


def _objection(headers: Sequence[tuple[bytes, bytes]], cap: int) -> Problem | None:
    """Return why a request is refused by its headers alone, if it is."""
    size = 0
    for name, value in headers:
        size += len(name) + len(value)
        if name == b"content-length" and value.isdigit() and int(value[:20]) > cap:
            return _too_large(cap)
        if name == b"content-encoding" and value.strip().lower() not in (b"", b"identity"):
            text = "A body is sent as it is here, not compressed."
            return http_only_problem("unsupported-media-type", text)
    if len(headers) > HEADERS_MAX or size > HEADERS_BYTES_MAX:
        text = f"A request has at most {HEADERS_MAX} headers of {HEADERS_BYTES_MAX} bytes."
        return http_only_problem("headers-too-large", text)
    return None


def _too_large(cap: int) -> Problem:
    return problem_of(
        PayloadTooLarge(f"The request's body is larger than {cap} bytes, which this takes.")
    )


async def _refuse(scope: Scope, receive: Receive, send: Send, problem: Problem) -> None:
    response = respond(scope, problem)
    response.headers["Connection"] = "close"

    async def send_and_linger(message: Message) -> None:
        if message["type"] != "http.response.body":
            await send(message)
            return
        # A socket closed with unread bytes in it is reset, and the reset can overtake the
        # answer. So the answer goes first, and what is under way is thrown away for a while.
        await send({**message, "more_body": True})
        await _discard(receive)
        await send({"type": "http.response.body", "body": b""})

    await response(scope, receive, send_and_linger)


async def _discard(receive: Receive) -> None:
    left = _LINGER_BYTES
    with anyio.move_on_after(_LINGER_SECONDS):
        while left > 0:
            message = await receive()
            if message["type"] != "http.request" or not message.get("more_body"):
                return
            left -= len(message.get("body", b""))


async def signed_of(request: Request) -> bytes:
    """Read a document that somebody signed, as it is.

    Raises:
        HTTPException: 415, it says that it is something else than JSON in UTF-8.
    """
    _check_kind(request.scope["headers"])
    return await received(request.receive)


async def body_of(request: Request, kind: type[T]) -> T:
    """Read a request's body as ``decode`` does, a large one in a thread.

    Raises:
        InvalidArguments: as ``decode`` does.
        HTTPException: 415, it says that it is something else than JSON in UTF-8.
    """
    _check_kind(request.scope["headers"])
    body = await received(request.receive)
    if len(body) > _LARGE:
        return await asyncio.to_thread(decode, body, kind)
    return decode(body, kind)


def _check_kind(headers: Sequence[tuple[bytes, bytes]]) -> None:
    for name, value in headers:
        if name == b"content-type" and not _is_json(value):
            shown = value[:_SHOWN_BYTES].decode("latin-1")
            raise HTTPException(415, f"This takes JSON in UTF-8, and not {shown!r}.")


@functools.lru_cache(256)
def _is_json(value: bytes) -> bool:
    """Tell whether a media type is JSON's, or that which `curl -d` gives whatever it sends."""
    kind, *parameters = value.decode("latin-1").lower().split(";")
    if not _JSON_KIND.fullmatch(kind.strip()):
        return False
    pairs = [each.strip().partition("=") for each in parameters]
    charsets = [text.strip('"') for name, _, text in pairs if name == "charset"]
    return all(charset in ("utf-8", "utf8") for charset in charsets)


async def received(receive: Receive) -> bytes:
    """Read a body whole.

    Raises:
        ClientDisconnect: its sender went away before its end.
    """
    chunks: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def decode(body: bytes, kind: type[T]) -> T:
    """Decode ``body`` as strict JSON of the shape ``kind``.

    Raises:
        InvalidArguments: not JSON (a NaN, a lone surrogate, bytes that are not UTF-8, trailing
            text), nested too deep, an unknown or repeated member, a wrong type; with its path.
    """
    try:
        found: T = _decoder(cast(Hashable, kind)).decode(body or b"{}")
        _refuse_repetition(body, found)
    except msgspec.ValidationError as error:
        raise _misfit(str(error)) from error
    except msgspec.DecodeError as error:
        raise InvalidArguments(f"The request's body is not valid JSON: {error}.") from error
    except UnicodeDecodeError as error:
        raise InvalidArguments("The request's body is not valid UTF-8.") from error
    except RecursionError as error:
        raise InvalidArguments("The request's body nests too deep.") from error
    return found


@dataclass(frozen=True, slots=True)
class Upload:
    """A package, and its detached signature if it came with one."""

    package: bytes
    signature: bytes | None


async def upload_of(request: Request) -> Upload:
    """Read an uploaded package: the body itself, or a file of a form.

    Its signature is the form's file ``signature``, or the header `SIGNATURE_HEADER` in base64.

    Raises:
        InvalidArguments: a form without exactly one package, or a signature that came twice.
        SignatureInvalid: a header that is not base64.
        HTTPException: 415, any other kind of body.
    """
    media_type = request.headers.get("content-type", PACKAGE_TYPES[0]).partition(";")[0].strip()
    header = _signature_in(request.headers.getlist(SIGNATURE_HEADER))
    if media_type.lower() == FORM_TYPE:
        upload = await _form(request)
        if header is not None and upload.signature is not None:
            raise InvalidArguments("The package's signature came twice.", path=SIGNATURE_FIELD)
        return upload if header is None else Upload(upload.package, header)
    if media_type.lower() not in PACKAGE_TYPES:
        known = ", ".join((*PACKAGE_TYPES, FORM_TYPE))
        raise HTTPException(415, f"A package is sent as one of {known}, not as {media_type!r}.")
    return Upload(await request.body(), header)


async def _form(request: Request) -> Upload:
    async with request.form(max_files=2, max_fields=2) as form:
        items = form.multi_items()
        packages = [value for name, value in items if name != SIGNATURE_FIELD]
        signatures = [value for name, value in items if name == SIGNATURE_FIELD]
        if len(packages) != 1 or not isinstance(packages[0], UploadFile) or len(signatures) > 1:
            raise InvalidArguments(
                "The form must have exactly one field: the package's file; and beside it at most "
                f"its {SIGNATURE_FIELD!r}."
            )
        signature = [await _content(value) for value in signatures]
        return Upload(await packages[0].read(), signature[0] if signature else None)


async def _content(value: UploadFile | str) -> bytes:
    return await value.read() if isinstance(value, UploadFile) else value.encode()


def _signature_in(headers: list[str]) -> bytes | None:
    if not headers:
        return None
    if len(headers) > 1:
        raise InvalidArguments("The package's signature came twice.", path=SIGNATURE_HEADER)
    try:
        return base64.b64decode(headers[0], validate=True)
    except ValueError as error:
        raise SignatureInvalid(
            f"The header {SIGNATURE_HEADER} is not the base64 of a signature."
        ) from error


@functools.cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


def _misfit(text: str) -> InvalidArguments:
    at = _AT_PATH.search(text)
    where = [at[1]] if at and at[1] else []
    said = _AT_PATH.sub("", text)
    unknown = _UNKNOWN.search(said)
    path = ".".join(where + ([unknown[1]] if unknown else []))
    place = f", at {path!r}" if path else ""
    return InvalidArguments(f"The request's body does not fit: {said}{place}.", path=path or None)


def _given(found: msgspec.Struct) -> dict[str, Any]:
    """Return the members of a shape that a body must have had; those that say nothing new may have
    been left out."""
    defaults = _defaults(type(found))
    members = msgspec.structs.asdict(found).items()
    return {name: value for name, value in members if value and value != defaults[name]}


@functools.cache
def _defaults(kind: type[msgspec.Struct]) -> dict[str, Any]:
    return {field.name: field.default for field in msgspec.structs.fields(kind)}


def _refuse_repetition(body: bytes, found: Any) -> None:
    path = repeated_member(body, found if isinstance(found, dict) else _given(found))
    if path is not None:
        raise InvalidArguments(f"The request's body has the member {path!r} twice.", path=path)
