"""Every error as RFC 9457 problem+json; the one table from error class to status.

``type`` is a relative reference, ``/problems/<type>``, whose last segment is the error's stable
name; the address answers what it means. No problem carries anything of the host's inside: an
exception that is not a ``WardianError`` becomes ``internal-error`` and goes to the log.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wardian.api.answers import LARGE_OUTPUT
from wardian.errors import (
    AgentUnavailable,
    AnswerNotKept,
    BudgetExceeded,
    BuildFailed,
    CallError,
    Cancelled,
    CompileExceeded,
    Conflict,
    CredentialDamaged,
    DeadlineExceeded,
    Forbidden,
    GuestError,
    HostUnusable,
    ImportRefused,
    InvalidArguments,
    InvalidComponent,
    InvalidManifest,
    JobLost,
    KeyReused,
    MemoryExceeded,
    NotFound,
    OutcomeUnknown,
    OutOfFuel,
    Overloaded,
    PayloadTooLarge,
    PermissionDenied,
    PreconditionFailed,
    QuotaExceeded,
    RateLimited,
    ResultTooLarge,
    Revoked,
    SignatureInvalid,
    StackOverflow,
    StillRunning,
    Trap,
    TryLater,
    Unauthenticated,
    Unavailable,
    VaultSealed,
    WardianError,
    WebhookFailed,
    WebhookRefused,
    WorkerLost,
)
from wardian.policy.origin import origin
from wardian.runtime.audit import is_denial
from wardian.runtime.host import PluginHost
from wardian.sandbox import to_json

MEDIA_TYPE = "application/problem+json"

# A plugin is to the host what an upstream is to a gateway: when it breaks, the answer is 502, and
# when it is too slow, 504. An error that its function declares is 422: it worked, and said no.
STATUS: dict[type[WardianError], int] = {
    WardianError: 500,
    CallError: 502,
    DeadlineExceeded: 504,
    OutOfFuel: 502,
    MemoryExceeded: 502,
    StackOverflow: 502,
    Trap: 502,
    GuestError: 422,
    ResultTooLarge: 502,
    WorkerLost: 502,
    InvalidArguments: 400,
    PayloadTooLarge: 413,
    InvalidComponent: 422,
    ImportRefused: 422,
    CompileExceeded: 422,
    InvalidManifest: 422,
    SignatureInvalid: 422,
    Revoked: 403,
    NotFound: 404,
    Conflict: 409,
    VaultSealed: 503,
    CredentialDamaged: 500,
    PermissionDenied: 403,
    Unauthenticated: 401,
    Forbidden: 403,
    RateLimited: 429,
    QuotaExceeded: 429,
    Overloaded: 503,
    TryLater: 503,
    StillRunning: 409,
    KeyReused: 422,
    OutcomeUnknown: 409,
    AnswerNotKept: 409,
    PreconditionFailed: 412,
    WebhookRefused: 401,
    WebhookFailed: 500,
    Unavailable: 503,
    AgentUnavailable: 503,
    BudgetExceeded: 402,
    HostUnusable: 503,
    BuildFailed: 422,
    Cancelled: 409,
    JobLost: 502,
}

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem, before it is bound to a request."""

    type: str
    title: str
    status: int
    detail: str
    members: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


def status_of(error: type[WardianError]) -> int:
    """The status of an error class: its own, or that of its nearest ancestor in the table."""
    return next(STATUS[kind] for kind in error.__mro__ if kind in STATUS)


def problem_of(error: WardianError) -> Problem:
    """Describe a ``WardianError``."""
    members: dict[str, Any] = dict(to_json(error.details()))
    if error.step is not None:
        members["step"] = error.step
    usage = error.usage if isinstance(error, CallError) else None
    if error.question is not None:
        members |= {"ask": error.question.id, "cost": error.question.cost}
        usage = usage if error.question.call is None else error.question.call.usage
    if usage is not None:
        members["usage"] = usage
    kind = type(error)
    return Problem(kind.type, kind.title(), status_of(kind), error.message, members, _extra(error))


def respond(scope: Scope, problem: Problem) -> Response:
    """Bind ``problem`` to a request and encode it.

    ``call_id`` is added when the request made a call, ``request_id`` always.
    """
    return Response(
        msgspec.json.encode(described(scope, problem)),
        status_code=problem.status,
        headers=dict(problem.headers),
        media_type=MEDIA_TYPE,
    )


def described(scope: Scope, problem: Problem) -> dict[str, Any]:
    """Return a problem's members, as a request has it answered."""
    state: dict[str, Any] = scope.get("state", {})
    body = {
        "type": f"/problems/{problem.type}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "instance": scope.get("path", "/"),
        **problem.members,
    }
    return body | {name: state[name] for name in ("call_id", "request_id") if name in state}


def problem_of_recorded(kind: str, message: str, details: Mapping[str, Any]) -> Problem:
    """Describe an error that was written down, of which there are the type and what it said."""
    title, status = known_problems().get(kind, (WardianError.title(), 500))
    return Problem(kind, title, status, message, dict(to_json(dict(details))))


def known_problems() -> dict[str, tuple[str, int]]:
    """Every problem type with its title and status, for the pages that explain them."""
    # Where a base class shares its type with one below it, the one below comes later and counts.
    classes = {error.type: (error.title(), status) for error, status in STATUS.items()}
    return dict(sorted({**_http_only(), **classes}.items()))


def install_handlers(app: FastAPI) -> None:
    """Make every error that a route can meet leave ``app`` as a problem."""
    app.add_exception_handler(WardianError, on_wardian_error)
    app.add_exception_handler(HTTPException, on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_validation_error)


class UnhandledFaults:
    """ASGI middleware: what nobody foresaw is logged whole and answered without its insides."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except ClientDisconnect:
            return
        except Exception:
            if started:
                raise
            _log.exception("Unhandled fault in %s %s", scope["method"], scope["path"])
            await respond(scope, _internal_error())(scope, receive, send)


async def on_wardian_error(request: Request, error: Exception) -> Response:
    """Answer a request that ended with a ``WardianError``."""
    assert isinstance(error, WardianError)  # noqa: S101 - registered for this class only
    if status_of(type(error)) == 500:
        _log.error("Fault of the host in %s", request.scope["path"], exc_info=error)
    source = origin()
    if source is not None and source.key_id and is_denial(error):
        host: PluginHost = request.app.state.host
        subject = f"{request.method} {request.scope['path']}"
        host.audit.denials.request(source, subject, error)
    usage = error.usage if isinstance(error, CallError) else None
    if usage is not None and usage.output_bytes > LARGE_OUTPUT:
        # The error that a function declares may be as large as its result.
        return await asyncio.to_thread(_answer, request.scope, error)
    return _answer(request.scope, error)


def _answer(scope: Scope, error: WardianError) -> Response:
    return respond(scope, problem_of(error))


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Answer a request that ended with an ``HTTPException``."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class only
    return respond(request.scope, _http_problem(request, error))


async def _on_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class only
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    message = f"The request's {where} is not valid: {first['msg']}."
    return respond(request.scope, problem_of(InvalidArguments(message, path=where)))


def _http_problem(request: Request, error: HTTPException) -> Problem:
    path = request.scope["path"]
    if error.status_code == 404:
        return problem_of(NotFound(f"There is nothing at {path!r}."))
    headers = dict(error.headers or {})
    if error.status_code == 405:
        text = f"{path!r} does not take {request.method}; it takes {headers.get('Allow', '')}."
        return http_only_problem("method-not-allowed", text, headers)
    if error.status_code == 415:
        return http_only_problem("unsupported-media-type", error.detail, headers)
    if 400 <= error.status_code < 500:
        return problem_of(InvalidArguments(f"The request is not valid: {error.detail}."))
    return _internal_error()


def _http_only() -> dict[str, tuple[str, int]]:
    return {
        "method-not-allowed": ("This address does not take this method.", 405),
        "unsupported-media-type": ("This address does not take this kind of body.", 415),
        "headers-too-large": ("The request's headers are more than this host accepts.", 431),
        "request-timeout": ("The request did not arrive in time.", 408),
    }


def http_only_problem(
    kind: str, detail: str, headers: Mapping[str, str] = MappingProxyType({})
) -> Problem:
    """Describe what no ``WardianError`` is: a fault of the request itself, by its stable name."""
    title, status = _http_only()[kind]
    return Problem(kind, title, status, detail, headers=headers)


def _internal_error() -> Problem:
    detail = "The host met a fault of its own; its log has the details under the request's id."
    return Problem(WardianError.type, WardianError.title(), 500, detail)


def _extra(error: WardianError) -> dict[str, str]:
    if isinstance(error, Overloaded | RateLimited):
        return {"Retry-After": str(max(1, math.ceil(error.retry_after_seconds)))}
    if isinstance(error, Unauthenticated):
        return {"WWW-Authenticate": 'Bearer realm="wardian"'}
    return {}
