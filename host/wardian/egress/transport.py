"""The egress broker as a transport of httpx, for what the host itself sends."""

from __future__ import annotations

import httpx

from wardian.egress.broker import Egress, Errand
from wardian.egress.faults import Denied, EgressFault
from wardian.errors import InvalidArguments
from wardian.policy.outgoing import Outgoing
from wardian.policy.urls import Url, parse_url

REQUEST_BYTES_MAX = 1024 * 1024

# Connection and framing are the broker's.
_BROKERS = frozenset({"connection", "content-length", "host", "transfer-encoding", "user-agent"})


class BrokeredTransport(httpx.AsyncBaseTransport):
    """Sends one tenant's requests with every check of the broker, and follows no redirect.

    What the broker refuses is a plain `httpx.RequestError` whose text may be shown to anybody;
    every other class of httpx's may quote a server.
    """

    def __init__(self, egress: Egress, tenant: str, *, seconds: float, response_bytes: int) -> None:
        self._egress = egress
        self._tenant = tenant
        self._seconds = seconds
        self._response_bytes = response_bytes

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; its response has been read whole."""
        try:
            errand = self._errand(request, await request.aread())
            answer = await self._egress.send(errand)
        except EgressFault as fault:
            raise httpx.RequestError(fault.text, request=request) from fault
        except InvalidArguments as exc:
            raise httpx.RequestError(exc.message, request=request) from exc
        stream = httpx.ByteStream(answer.body)
        return httpx.Response(answer.status, headers=list(answer.headers), stream=stream)

    def _errand(self, request: httpx.Request, body: bytes) -> Errand:
        url = parse_url(str(request.url))
        headers = tuple(
            (name.lower(), value)
            for name, value in request.headers.multi_items()
            if name.lower() not in _BROKERS
        )
        return Errand(
            tenant=self._tenant,
            agent=request.headers.get("user-agent", "wardian"),
            outgoing=Outgoing(method=request.method, url=url, headers=headers, body=body or None),
            judge=OneHop(url),
            seconds=self._seconds,
            request_bytes=REQUEST_BYTES_MAX,
            response_bytes=self._response_bytes,
        )


class OneHop:
    """A `Judge` that lets a request go where it was sent, and not on from there."""

    def __init__(self, url: Url) -> None:
        self._url = url
        self._gone = False

    def clear(self, method: str, url: Url) -> None:
        if self._gone:
            raise Denied(f"{self._url.origin} answers with a redirect, which is not followed.")
        self._gone = True

    def confirm(self, method: str, url: Url) -> None:
        if url != self._url:
            raise Denied(f"{self._url.origin} answers with a redirect, which is not followed.")

    def count(self, sent: int, received: int) -> None:
        """Nobody pays for what the host sends."""
