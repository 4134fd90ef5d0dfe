"""``wardian:plugin/http``: HTTP requests through the host."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

from wardian import __version__
from wardian.capabilities.base import CallContext, Refused
from wardian.egress import Egress, EgressFault, Errand, Invalid, Leaks
from wardian.egress.headers import accepted
from wardian.errors import InvalidArguments
from wardian.policy.outgoing import Injection, Outgoing, name_as_read
from wardian.policy.permissions import Permission, request_permission
from wardian.policy.trace import is_same_trace, traceparent
from wardian.policy.urls import Url, parse_url
from wardian.telemetry.steps import note_request, outgoing_traceparent

METHODS = re.compile(r"[A-Z]{1,20}", re.ASCII)
NEVER = {"CONNECT", "TRACE", "TRACK"}
"""They open tunnels, or have a server say what it was sent."""

HEADS_BYTES = 32 * 1024
"""What the heads of a request and its response usually take, and the framing of TLS."""
TRACEPARENT = "traceparent"

_OF_PARTS = {"range", "if-range"}


@dataclass(frozen=True, slots=True)
class Guard:
    """What the vault has to say of a request.

    Attributes:
        injection: the credential that was asked for.
        leaks: finds the tenant's credentials.
    """

    injection: Injection | None = None
    leaks: Leaks | None = None


Guards = Callable[[CallContext, str | None], Awaitable[Guard]]
"""Given a call and the name of a credential, return the `Guard`; raises `Refused`."""


class Http:
    """Needs ``http:request:METHOD:URL-PATTERN``."""

    def __init__(self, egress: Egress, guards: Guards) -> None:
        self._egress = egress
        self._guards = guards

    async def send(self, call: CallContext, request: dict[str, Any]) -> dict[str, Any]:
        """Send one request and wait for the whole response."""
        outgoing = _in_its_trace(call, _outgoing(request))
        credential = request["credential"]
        judge = _Judge(call, credential)
        judge.require(outgoing.method, outgoing.url)
        outgoing = _traced(outgoing)
        deadline = asyncio.get_running_loop().time() + _seconds(call, request["timeout-ms"])
        guard = await self._guard(call, credential, deadline)
        _check_bound(guard.injection, outgoing.url)
        _check_whole(guard.injection, outgoing)
        try:
            with _metered(call) as bytes_max:
                errand = _errand(call, outgoing, judge, guard, deadline)
                answer = await self._egress.send(_bounded(errand, bytes_max))
        except EgressFault as fault:
            raise Refused(fault.case, _shown(guard.leaks, fault.text)) from fault
        except Refused as refused:
            raise Refused(refused.case, _shown(guard.leaks, refused.text)) from refused
        note_request({"http.response.status_code": answer.status})
        return {"status": answer.status, "headers": list(answer.headers), "body": answer.body}

    async def _guard(self, call: CallContext, credential: str | None, deadline: float) -> Guard:
        """Ask the vault within the request's time: it may have to ask an OAuth provider first."""
        try:
            async with asyncio.timeout_at(deadline):
                return await self._guards(call, credential)
        except TimeoutError as exc:
            raise Refused(
                "exhausted", "The credential was not ready in the time there was."
            ) from exc


def _check_bound(injection: Injection | None, url: Url) -> None:
    """A redirect may lead away from where a credential is bound; a request that names it not."""
    if injection is not None and not injection.covers(url):
        raise Refused(
            "denied",
            f"The credential {injection.name!r} is not bound to {url.origin}{url.path[:200]}: its "
            "origins, which the operator sets, say where it may go.",
        )


def _check_whole(injection: Injection | None, outgoing: Outgoing) -> None:
    """What a server says back of a credential is found whole, and not in pieces over responses."""
    for name, _ in outgoing.headers:
        if injection is not None and name_as_read(name) in _OF_PARTS:
            raise Refused(
                "invalid",
                f"The header {name!r} goes with no credential: ask for the whole, because a part "
                "of a response could have a part of the credential.",
            )


class _Judge:
    """The call, as the broker asks it."""

    def __init__(self, call: CallContext, credential: str | None) -> None:
        self._call = call
        self._credential = credential
        self._required = False

    def require(self, method: str, url: Url) -> None:
        """Check the permissions for the first hop, before anything else is looked at."""
        self._call.require(request_permission(method, url))
        if self._credential is not None:
            self._call.require(f"credentials:use:{self._credential}")
        self._required = True

    def clear(self, method: str, url: Url) -> None:
        if self._required:
            self._required = False  # it was just now, and is not to be recorded twice
            self.confirm(method, url)
        else:
            self._call.require(request_permission(method, url))
        if self._call.egress is not None:
            self._call.egress.check()
        self._call.budget.spend("http_requests")

    def confirm(self, method: str, url: Url) -> None:
        self._call.confirm(request_permission(method, url))
        if self._credential is not None:
            self._call.confirm(Permission("credentials:use", self._credential))

    def count(self, sent: int, received: int) -> None:
        self._call.budget.transferred(sent, received)
        if self._call.egress is not None:
            self._call.egress.moved(sent + received)


def _outgoing(request: dict[str, Any]) -> Outgoing:
    method = request["method"]
    if not METHODS.fullmatch(method) or method in NEVER:
        raise Refused("invalid", f"{method[:40]!r} is not a method that goes out, such as GET.")
    try:
        url = parse_url(request["url"])
        headers = accepted(request["headers"])
    except InvalidArguments as exc:
        raise Refused("invalid", exc.message) from exc
    except Invalid as fault:
        raise Refused("invalid", fault.text) from fault
    body = request["body"]
    return Outgoing(
        method=method, url=url, headers=headers, body=None if body is None else bytes(body)
    )


def _in_its_trace(call: CallContext, outgoing: Outgoing) -> Outgoing:
    """Add the call's ``tracestate`` where a plugin goes on with the call's trace: guests know
    nothing of the one, and its makers lose their places in the trace without it."""
    facts, sent = call.facts, dict(outgoing.headers)
    if facts.traceparent is None or facts.tracestate is None or "tracestate" in sent:
        return outgoing
    goes_on = traceparent([sent.get("traceparent", "")])
    if goes_on is None or not is_same_trace(goes_on, facts.traceparent):
        return outgoing
    return replace(outgoing, headers=(*outgoing.headers, ("tracestate", facts.tracestate)))


def _traced(outgoing: Outgoing) -> Outgoing:
    """Tell of a request on its span, and have the request name that span unless the guest does.

    Where it goes is told, and neither its path nor its query: many a token is in one.
    """
    url = outgoing.url
    note_request(
        {
            "http.request.method": outgoing.method,
            "server.address": url.host,
            "server.port": url.port,
            "url.scheme": url.scheme,
        }
    )
    traceparent = outgoing_traceparent()
    if traceparent is None or any(name == TRACEPARENT for name, _ in outgoing.headers):
        return outgoing
    return replace(outgoing, headers=(*outgoing.headers, (TRACEPARENT, traceparent)))


def _errand(
    call: CallContext, outgoing: Outgoing, judge: _Judge, guard: Guard, deadline: float
) -> Errand:
    limits = call.budget.limits
    return Errand(
        tenant=call.facts.tenant,
        agent=f"wardian/{__version__} (plugin {call.facts.plugin})",
        outgoing=outgoing,
        judge=judge,
        seconds=max(0.0, deadline - asyncio.get_running_loop().time()),
        request_bytes=limits.argument_bytes,
        response_bytes=limits.result_bytes,
        injection=guard.injection,
        leaks=guard.leaks,
    )


def _metered(call: CallContext) -> AbstractContextManager[int | None]:
    """Hold what of the tenant's egress one request may take."""
    limits = call.budget.limits
    if call.egress is None:
        return nullcontext()
    return call.egress.lent(limits.argument_bytes + limits.result_bytes + HEADS_BYTES)


def _bounded(errand: Errand, bytes_max: int | None) -> Errand:
    """Have the bodies fit in what is left; heads and the framing of TLS are counted, too, and may
    be more than that by `HEADS_BYTES`."""
    if bytes_max is None:
        return errand
    request = min(errand.request_bytes, bytes_max)
    sent = len(errand.outgoing.body or b"")
    response = min(errand.response_bytes, max(0, bytes_max - sent))
    return replace(errand, request_bytes=request, response_bytes=response)


def _seconds(call: CallContext, timeout_ms: int | None) -> float:
    left = call.budget.wall_left_ms()
    return (left if timeout_ms is None else min(left, timeout_ms)) / 1000


def _shown(leaks: Leaks | None, text: str) -> str:
    return text if leaks is None else leaks.redacted(text)
