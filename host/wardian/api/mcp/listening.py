"""Clients that want to know when there are other tools: told once the tools are others.

What changed is not remembered for anybody. A stream compares what its key may call with what that
was, at every event of the tenant's and once in a while, since another host may have changed it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp.shared.subscriptions import SUBSCRIPTION_ID_META_KEY
from mcp_types import SubscriptionsListenRequestParams, SubscriptionsListenResult

from wardian.api.mcp.exchange import exchange_of
from wardian.api.mcp.visits import Visit
from wardian.api.streams import HEARTBEAT_SECONDS, Streams
from wardian.errors import RateLimited
from wardian.events import Event, Events
from wardian.runtime.host import Offer

CHANGED = "notifications/tools/list_changed"
ACKNOWLEDGED = "notifications/subscriptions/acknowledged"
REFUSED = -32000

LOOKS_SECONDS = 1.0
"""How long it takes at most until a change is seen that came by no event."""


class Listening:
    """Serves `subscriptions/listen`, and the stream of those who know no such request."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams

    async def __call__(
        self, context: ServerRequestContext[Any, Any], params: SubscriptionsListenRequestParams
    ) -> SubscriptionsListenResult:
        """Tell the client of changes until it goes, its key holds no more, or the host ends.

        Raises:
            MCPError: as many streams are open as may be.
        """
        exchange = exchange_of(context)
        wants = bool(params.notifications.tools_list_changed)
        meta = {SUBSCRIPTION_ID_META_KEY: context.request_id}
        honoured = {"toolsListChanged": True} if wants else {}
        try:
            with self.opened(exchange.visit) as hearing:
                exchange.tell(ACKNOWLEDGED, {"notifications": honoured, "_meta": meta})
                async for _ in self.changes(exchange.visit, hearing):
                    if wants:
                        exchange.tell(CHANGED, {"_meta": meta})
        except RateLimited as error:
            raise MCPError(REFUSED, error.message) from error
        return SubscriptionsListenResult(_meta=meta)

    @contextmanager
    def opened(self, visit: Visit) -> Iterator[Hearing]:
        """Count a stream while it is open, and hear of what happens in its tenant.

        Raises:
            RateLimited: as many streams are open as may be.
        """
        self._streams.check_room(visit.caller)
        hearing = Hearing(visit.host.events, visit.caller.tenant)
        hearing.open()
        with self._streams.held(visit.caller, hearing), closing(hearing):
            yield hearing

    async def changes(self, visit: Visit, hearing: Hearing) -> AsyncIterator[None]:
        """Say when a key may call other tools than before."""
        known = await _offered(visit)
        checked = time.monotonic()
        while not self._streams.closing:
            await hearing.something()
            if time.monotonic() - checked >= HEARTBEAT_SECONDS:
                if not await visit.holds():
                    return
                checked = time.monotonic()
            found = await _offered(visit)
            if found != known:
                known = found
                yield


async def _offered(visit: Visit) -> list[Offer]:
    return await visit.host.offers.all(visit.caller.tenant, visit.caller.scopes)


class Hearing:
    """Hears that something happened in a tenant."""

    def __init__(self, events: Events, tenant: str) -> None:
        self._events = events
        self._tenant = tenant
        self._moved = asyncio.Event()

    def open(self) -> None:
        """Hear of what comes, until `close`."""
        self._events.subscribe("plugin.*", self._hear)

    def close(self) -> None:
        """Hear nothing any more."""
        self._events.unsubscribe("plugin.*", self._hear)

    def wake(self) -> None:
        """Have `something` answer now."""
        self._moved.set()

    async def something(self) -> None:
        """Wait until something happened, for `LOOKS_SECONDS` at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOKS_SECONDS):
                await self._moved.wait()
        self._moved.clear()

    def _hear(self, event: Event) -> None:
        if event.tenant == self._tenant:
            self._moved.set()
