"""The egress broker: every request of every guest goes out through here, or not at all.

For each hop, the first and every redirect, in this order: the permission, the search for
credentials that are not to leave, the addresses, the turn, the permission again (it may have been
revoked meanwhile), the credential, the request, the response. What comes back is searched for
credentials, too.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import AnyStr, Protocol, TypeVar

from wardian.egress.addresses import AddressRules, IPAddress
from wardian.egress.exchange import Answer, Stale, exchange
from wardian.egress.faults import Denied, Exhausted, Invalid, Unavailable
from wardian.egress.pool import SOCKETS, Pool
from wardian.egress.redirects import REDIRECTS_MAX, location_of, next_request
from wardian.egress.resolver import Resolver
from wardian.egress.tls import Authorities
from wardian.egress.turns import Shares
from wardian.errors import InvalidArguments
from wardian.policy.limits import MIB
from wardian.policy.outgoing import Injection, Outgoing
from wardian.policy.urls import Url

T = TypeVar("T")

HELD_BYTES_MAX = 256 * MIB
"""Of responses that are being read, all together; one tenant's take half of it at most."""

INLINE_BYTES_MAX = 64 * 1024
"""A larger body is searched for credentials in a thread, so that others have the event loop."""


class Judge(Protocol):
    """The call that a request is made for; whatever it raises ends the request."""

    def clear(self, method: str, url: Url) -> None:
        """Check that the call may send this now, and count it."""
        ...

    def confirm(self, method: str, url: Url) -> None:
        """Check once more that it may."""
        ...

    def count(self, sent: int, received: int) -> None:
        """Take note of bytes on the wire."""
        ...


class Leaks(Protocol):
    """Finds credentials in what they are not to be in, encoded forms included."""

    def found(self, text: str | bytes) -> bool:
        """Tell whether there is one in a text."""
        ...

    def redacted(self, text: AnyStr) -> AnyStr:
        """Return the text without them."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """One request with all that it is judged and bounded by.

    Attributes:
        agent: the ``User-Agent`` unless the request has one.
        seconds: from now until the response is there, redirects included.
        request_bytes, response_bytes: of the bodies; of the response's, decompressed.
        injection: the credential that goes where it is bound to, and nowhere else.
    """

    tenant: str
    agent: str
    outgoing: Outgoing
    judge: Judge
    seconds: float
    request_bytes: int
    response_bytes: int
    injection: Injection | None = None
    leaks: Leaks | None = None


@dataclass(frozen=True, slots=True)
class EgressCounts:
    """What the broker does now.

    Attributes:
        sockets: open connections, idle ones included.
        running: requests that have a connection, or get one.
        waiting: requests that wait for their turn.
        held_bytes: of responses that are being read.
    """

    sockets: int
    running: int
    waiting: int
    held_bytes: int


class Egress:
    """Sends requests."""

    def __init__(
        self,
        resolver: Resolver,
        rules: AddressRules,
        authorities: Authorities,
        shares: Shares = SOCKETS,
        held_bytes_max: int = HELD_BYTES_MAX,
    ) -> None:
        self._resolver = resolver
        self._rules = rules
        self._pool = Pool(rules, authorities, shares)
        self._held = _Held(held_bytes_max)

    def counts(self) -> EgressCounts:
        """Return what goes on now."""
        turns = self._pool.turns
        return EgressCounts(self._pool.sockets, turns.taken, turns.waiting, self._held.total)

    async def close(self) -> None:
        """Close all connections; requests that are under way fail."""
        self._pool.close()
        await self._resolver.close()

    async def send(self, errand: Errand) -> Answer:
        """Send a request, follow its redirects, and return the response.

        Raises:
            Denied, Invalid, Exhausted, Unavailable: what stopped it; or what its judge raises.
        """
        body = errand.outgoing.body
        if body is not None and len(body) > errand.request_bytes:
            raise Exhausted(
                f"The request's body has {len(body)} bytes; this call may send "
                f"{errand.request_bytes} at once."
            )
        try:
            async with asyncio.timeout(errand.seconds):
                with self._held.account(errand.tenant) as account:
                    return await self._cleaned(errand, await self._followed(errand, account))
        except TimeoutError:
            milliseconds = round(errand.seconds * 1000)
            raise Exhausted(f"There was no whole response within {milliseconds} ms.") from None

    async def _followed(self, errand: Errand, account: _Account) -> Answer:
        outgoing = errand.outgoing
        for _ in range(REDIRECTS_MAX + 1):
            answer = await self._hop(errand, outgoing, account)
            location = location_of(answer.status, answer.headers)
            if location is None:
                return answer
            outgoing = next_request(outgoing, answer.status, location)
        raise Unavailable(f"There were more than {REDIRECTS_MAX} redirects in a row.")

    async def _hop(self, errand: Errand, outgoing: Outgoing, account: _Account) -> Answer:
        url = outgoing.url
        errand.judge.clear(outgoing.method, url)
        await _search(errand.leaks, outgoing)
        addresses = await self._addresses(errand.tenant, url)
        try:
            return await self._attempt(errand, outgoing, addresses, account, fresh=False)
        except Stale:
            return await self._attempt(errand, outgoing, addresses, account, fresh=True)

    async def _attempt(
        self,
        errand: Errand,
        outgoing: Outgoing,
        addresses: list[IPAddress],
        account: _Account,
        *,
        fresh: bool,
    ) -> Answer:
        pool = self._pool.connection(errand.tenant, outgoing.url, addresses, fresh=fresh)
        async with pool as connection:
            errand.judge.confirm(outgoing.method, outgoing.url)
            ready = _injected(errand.injection, outgoing)
            wire = connection.wire
            sent, received = wire.sent, wire.received
            try:
                return await exchange(
                    connection, ready, errand.agent, errand.response_bytes, account.hold
                )
            finally:
                errand.judge.count(wire.sent - sent, wire.received - received)

    async def _addresses(self, tenant: str, url: Url) -> list[IPAddress]:
        """Look the host up; each of its addresses must be one that requests may go to."""
        addresses = await self._resolver(tenant, url.host, url.port)
        if any(self._rules.closed(address, url.port) for address in addresses):
            raise Denied(
                f"{url.origin} is refused by the operator: it is not on the internet, and in no "
                "network that this host is set to allow."
            )
        return addresses

    async def _cleaned(self, errand: Errand, answer: Answer) -> Answer:
        if errand.leaks is None:
            return answer
        return await _looked_through(answer.body, partial(_redacted, errand.leaks, answer))


async def _looked_through(body: bytes, look: Callable[[], T]) -> T:
    return look() if len(body) <= INLINE_BYTES_MAX else await asyncio.to_thread(look)


def _redacted(leaks: Leaks, answer: Answer) -> Answer:
    headers = tuple((leaks.redacted(name), leaks.redacted(value)) for name, value in answer.headers)
    return replace(answer, headers=headers, body=leaks.redacted(answer.body))


async def _search(leaks: Leaks | None, outgoing: Outgoing) -> None:
    """Refuse a request that carries a credential already: the host puts them in, nobody else."""
    if leaks is None:
        return
    body = outgoing.body or b""
    head = [str(outgoing.url), *(f"{name}: {value}" for name, value in outgoing.headers)]
    if leaks.found("\n".join(head)) or await _looked_through(body, partial(leaks.found, body)):
        raise Denied(
            f"The request to {outgoing.url.origin} is refused by the operator: it carries a "
            "credential. Name the credential in the request, and the host puts it in."
        )


def _injected(injection: Injection | None, outgoing: Outgoing) -> Outgoing:
    if injection is None or not injection.covers(outgoing.url):
        return outgoing
    try:
        ready = injection.apply(outgoing)
    except InvalidArguments as exc:
        raise Invalid(exc.message) from exc
    if ready.url.origin != outgoing.url.origin:
        raise Invalid(f"The credential {injection.name!r} would change where the request goes.")
    return ready


class _Held:
    """How much of responses is in memory."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self.total = 0
        self._of_tenant: Counter[str] = Counter()

    @contextmanager
    def account(self, tenant: str) -> Iterator[_Account]:
        account = _Account(self, tenant)
        try:
            yield account
        finally:
            self.change(tenant, -account.held)
            if not self._of_tenant[tenant]:
                del self._of_tenant[tenant]

    def change(self, tenant: str, by: int) -> None:
        self.total += by
        self._of_tenant[tenant] += by

    def has_room(self, tenant: str, more: int) -> bool:
        of_tenant = self._of_tenant[tenant] + more
        return self.total + more <= self._bytes_max and of_tenant <= self._bytes_max // 2


class _Account:
    """What of that is one request's."""

    def __init__(self, all_held: _Held, tenant: str) -> None:
        self._all = all_held
        self._tenant = tenant
        self.held = 0

    def hold(self, more: int) -> None:
        """Count bytes that are about to be kept.

        Raises:
            Exhausted: this host holds as much as it may.
        """
        if not self._all.has_room(self._tenant, more):
            raise Exhausted("This host reads as much of responses as it may; try again later.")
        self._all.change(self._tenant, more)
        self.held += more
