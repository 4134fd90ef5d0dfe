"""Connections: opened to checked addresses, used again by the same tenant for the same origin."""

from __future__ import annotations

import asyncio
import ssl
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import httpcore

from wardian.egress.addresses import AddressRules, IPAddress
from wardian.egress.faults import Denied, Unavailable
from wardian.egress.tls import Authorities
from wardian.egress.turns import Shares, Turns
from wardian.egress.wire import Wire
from wardian.policy.urls import Url

SOCKETS = Shares(total=128, per_tenant=64, per_place=32, waiting=1_024, waiting_per_tenant=1_000)

CONNECT_SECONDS = 5.0
"""For one address, TLS included; then the next one is tried."""

ATTEMPTS_MAX = 3
"""Addresses of one host that are tried."""

IDLE_SECONDS = 15.0
"""How long a connection is kept for the next request; servers often close theirs soon after."""

IDLE_PER_ORIGIN = 8


@dataclass(slots=True, eq=False)
class Connection:
    """A connection and what httpcore knows of it.

    Attributes:
        uses: how many requests it was used for.
    """

    tenant: str
    origin: str
    address: IPAddress
    wire: Wire
    http: httpcore.AsyncHTTP11Connection
    uses: int = 0
    expiry: asyncio.TimerHandle | None = None


class Pool:
    """The connections of one host, never more than `Shares.total` of them."""

    def __init__(
        self, rules: AddressRules, authorities: Authorities, shares: Shares = SOCKETS
    ) -> None:
        self._rules = rules
        self._authorities = authorities
        self._total = shares.total
        self.turns = Turns(shares, "requests")
        self._open: set[Connection] = set()
        # The one that is idle for the longest time is first.
        self._idle: OrderedDict[Connection, None] = OrderedDict()

    @property
    def sockets(self) -> int:
        """How many connections are open."""
        return len(self._open)

    @asynccontextmanager
    async def connection(
        self, tenant: str, url: Url, addresses: Sequence[IPAddress], *, fresh: bool = False
    ) -> AsyncIterator[Connection]:
        """Wait for a connection to one of these addresses, which were checked.

        Args:
            fresh: do not use one that was used before.

        Raises:
            Exhausted: too many requests wait.
            Unavailable: there is no connection, or no TLS.
        """
        await self.turns.take(tenant, url.origin)
        try:
            found = None if fresh else self._reused(tenant, url, addresses)
            connection = found or await self._dialled(tenant, url, addresses)
            connection.uses += 1
            try:
                yield connection
            finally:
                self._put_back(connection)
        finally:
            self.turns.give_back(tenant, url.origin)

    def close(self) -> None:
        """Close all connections at once."""
        for connection in list(self._open):
            self._discard(connection)

    def _reused(self, tenant: str, url: Url, addresses: Sequence[IPAddress]) -> Connection | None:
        for connection in reversed(self._alike(tenant, url.origin)):
            if connection.http.has_expired():
                self._discard(connection)
            elif connection.address in addresses:
                self._take_from_idle(connection)
                return connection
        return None

    def _alike(self, tenant: str, origin: str) -> list[Connection]:
        return [each for each in self._idle if (each.tenant, each.origin) == (tenant, origin)]

    async def _dialled(self, tenant: str, url: Url, addresses: Sequence[IPAddress]) -> Connection:
        # A turn is one socket at most, those that are being opened too.
        while self.turns.taken + len(self._idle) > self._total and self._idle:
            self._discard(next(iter(self._idle)))
        fault = f"No connection to {url.origin} could be made."
        for address in addresses[:ATTEMPTS_MAX]:
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    wire = await self._wire(address, url)
            except ssl.SSLCertVerificationError as exc:
                fault = f"The certificate of {url.origin} is not good: {exc.verify_message}."
            except ssl.SSLError:
                fault = f"{url.origin} does not speak TLS as this host does."
            except (OSError, TimeoutError):
                continue
            else:
                return self._opened(tenant, url, address, wire)
        raise Unavailable(fault)

    async def _wire(self, address: IPAddress, url: Url) -> Wire:
        tls = await self._authorities.context() if url.scheme == "https" else None
        wire = await Wire.open(address, url.port, tls, url.host)
        # An address of the internet may be this machine's own, behind any firewall.
        if wire.is_to_this_machine and not self._rules.opened(address, url.port):
            wire.close()
            raise Denied(f"{url.host} is refused by the operator: it is this host itself.")
        return wire

    def _opened(self, tenant: str, url: Url, address: IPAddress, wire: Wire) -> Connection:
        origin = httpcore.Origin(url.scheme.encode(), url.host.encode(), url.port)
        http = httpcore.AsyncHTTP11Connection(origin, wire, IDLE_SECONDS)
        connection = Connection(tenant, url.origin, address, wire, http)
        self._open.add(connection)
        wire.on_end = partial(self._ended, connection)
        return connection

    def _ended(self, connection: Connection) -> None:
        if connection in self._idle:
            self._discard(connection)

    def _put_back(self, connection: Connection) -> None:
        if not connection.http.is_idle() or connection.wire.over:
            self._discard(connection)
            return
        self._idle[connection] = None
        loop = asyncio.get_running_loop()
        connection.expiry = loop.call_later(IDLE_SECONDS, self._discard, connection)
        for each in self._alike(connection.tenant, connection.origin)[:-IDLE_PER_ORIGIN]:
            self._discard(each)

    def _take_from_idle(self, connection: Connection) -> None:
        del self._idle[connection]
        if connection.expiry is not None:
            connection.expiry.cancel()

    def _discard(self, connection: Connection) -> None:
        if connection in self._idle:
            self._take_from_idle(connection)
        self._open.discard(connection)
        connection.wire.close()
