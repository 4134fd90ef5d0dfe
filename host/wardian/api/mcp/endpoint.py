"""`/mcp` itself: messages in, answers and streams out (MCP's Streamable HTTP).

No session is kept. A client of the versions that have sessions gets a name for its own, which
tells its requests from those of others with the same key, and which every host takes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from mcp.shared.inbound import find_duplicated_routing_header
from mcp.shared.jsonrpc_dispatcher import (
    cancelled_request_id_from_params,
    progress_token_from_params,
)
from mcp_types import HEADER_MISMATCH, RequestId
from msgspec import UNSET
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from wardian.api.bodies import received
from wardian.api.mcp.exchange import Answered, Exchange, Out
from wardian.api.mcp.kernel import Kernel, speaks_early
from wardian.api.mcp.listening import CHANGED, Hearing, Listening
from wardian.api.mcp.messages import Fault, Message, encoded_error, parse
from wardian.api.mcp.tools import Catalogue
from wardian.api.mcp.visits import Visit
from wardian.api.streams import Streams
from wardian.crypto.identifiers import new_id
from wardian.errors import InvalidArguments

SESSION_HEADER = "mcp-session-id"

_SESSION = re.compile(r"[\x21-\x7e]{1,128}")
_ACCEPTED = Answered(b"", 202)

_Running = tuple[str, str, RequestId]
"""The key, the session and the id of a request."""


class Endpoint:
    """Answers those who may call."""

    def __init__(self, streams: Streams, *, prose: bool) -> None:
        """``prose`` has the descriptions told that plugins' authors wrote."""
        self._listening = Listening(streams)
        self._kernel = Kernel(Catalogue(prose=prose), self._listening)
        self._running: dict[_Running, Exchange] = {}

    async def answer(self, visit: Visit, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request.

        Raises:
            InvalidArguments: the session's name is none.
            RateLimited: as many streams are open as may be.
            ClientDisconnect: nobody is there any more.
        """
        if visit.session is not None and not _SESSION.fullmatch(visit.session):
            raise InvalidArguments("The header Mcp-Session-Id is no name that this host gives out.")
        method = scope["method"]
        if method == "POST":
            await self._post(visit, scope, receive, send)
        elif method == "GET":
            await self._listen(visit, receive, send)
        else:
            self._leave(visit)
            await Response(status_code=204)(scope, receive, send)

    async def _post(self, visit: Visit, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Request(scope).headers
        try:
            message = await parse(await received(receive))
            _check_headers(headers.items())
        except Fault as fault:
            await _alone(Answered(encoded_error(None, fault.error), 400), send)
            return
        if message.method is UNSET or message.id is UNSET or message.id is None:
            await _alone(self._noticed(visit, message, headers), send)
            return
        params = message.params if message.params is not UNSET else None
        token = progress_token_from_params(params)
        exchange = Exchange(visit=visit, request_id=message.id, progress_token=token)
        with self._registered(exchange):
            await exchange.run(self._answered(exchange, message, headers), receive, send)

    async def _answered(
        self, exchange: Exchange, message: Message, headers: Mapping[str, str]
    ) -> Answered:
        answered = await self._kernel.answer(exchange, message, headers)
        if message.method != "initialize":
            return answered
        name = (SESSION_HEADER.encode(), new_id().encode())
        return replace(answered, headers=(name,))

    def _noticed(self, visit: Visit, message: Message, headers: Mapping[str, str]) -> Answered:
        """Take a notification or a response; the only one that anything follows from is a
        cancellation, which newer clients say by closing the connection."""
        if message.method == "notifications/cancelled" and speaks_early(headers):
            params = message.params if message.params is not UNSET else None
            self._cancel(visit, cancelled_request_id_from_params(params))
        return _ACCEPTED

    @contextmanager
    def _registered(self, exchange: Exchange) -> Iterator[None]:
        name = _name(exchange.visit, exchange.request_id)
        if name is None or name in self._running:
            yield
            return
        self._running[name] = exchange
        try:
            yield
        finally:
            del self._running[name]

    def _cancel(self, visit: Visit, request_id: RequestId | None) -> None:
        name = _name(visit, request_id)
        exchange = None if name is None else self._running.get(name)
        if exchange is not None:
            exchange.cancel()

    def _leave(self, visit: Visit) -> None:
        """End what a session has running here; there is nothing else to end."""
        for (key_id, session, _), exchange in list(self._running.items()):
            if (key_id, session) == (visit.caller.key_id, visit.session):
                exchange.cancel()

    async def _listen(self, visit: Visit, receive: Receive, send: Send) -> None:
        if not visit.takes_streams:
            raise InvalidArguments(
                "The answer is a stream of events (text/event-stream), which the client does not "
                "accept.",
                path="Accept",
            )
        with self._listening.opened(visit) as hearing:
            exchange = Exchange(visit=visit, request_id=None)
            await exchange.run(self._heard(exchange, hearing), receive, send)

    async def _heard(self, exchange: Exchange, hearing: Hearing) -> Answered:
        exchange.begin()
        async for _ in self._listening.changes(exchange.visit, hearing):
            exchange.tell(CHANGED, None)
        return Answered(b"")


def _name(visit: Visit, request_id: RequestId | None) -> _Running | None:
    if visit.session is None or request_id is None:
        return None
    return visit.caller.key_id, visit.session, request_id


def _check_headers(headers: Iterable[tuple[str, str]]) -> None:
    duplicated = find_duplicated_routing_header(headers)
    if duplicated is not None:
        raise Fault(HEADER_MISMATCH, f"The header {duplicated} stands there more than once.")


async def _alone(answered: Answered, send: Send) -> None:
    await Out(send).end(answered)
