"""From where a request comes: the one place that reads it, for everybody who goes by it.

A connection says from where it comes, and a header says what anybody wrote there. So a header is
read only where the operator trusts the proxy at the other end of the connection, from the right,
where that proxy wrote, and as far as those before it are trusted, too.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Iterable, Sequence

from starlette.types import ASGIApp, Receive, Scope, Send

from wardian.api.problems import problem_of, respond
from wardian.errors import HostUnusable, InvalidArguments
from wardian.policy.origin import origin
from wardian.settings import ProxyHeader, Settings

HOPS_MAX = 16
"""Proxies that a request may have come through, each trusted by the operator."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_WITH_PORT = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\](?::\d{1,5})?|([0-9.]+):\d{1,5})")
_FOR = re.compile(r'for=(?:"([^"\\]*)"|([^\s",;=]*))', re.IGNORECASE)
_ELEMENT = re.compile(r'(?:"[^"\\]*"|[^",])*')


def _remember(scope: Scope) -> None:
    """Have the audit trail know the address as well, which a proxy's was taken for until now."""
    found = origin()
    if found is not None:
        found.address = address_of(scope)


class ClientAddress:
    """ASGI middleware: has ``scope["client"]`` be the client, also of requests by proxies.

    What a trusted proxy says that cannot be understood is refused: nobody is to be counted as
    somebody else.
    """

    def __init__(self, app: ASGIApp, *, networks: Sequence[Network], header: ProxyHeader) -> None:
        self._app = app
        self._networks = networks
        self._header = header.value.encode()
        self._hops = _forwarded if header is ProxyHeader.FORWARDED else _x_forwarded_for

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                self._find(scope)
            except InvalidArguments as error:
                response = respond(scope, problem_of(error))
                await response(scope, receive, send)
                return
            _remember(scope)
        await self._app(scope, receive, send)

    def _find(self, scope: Scope) -> None:
        client = scope.get("client")
        peer = _parsed(client[0]) if client else None
        if client is None or peer is None or not self._trusts(peer):
            return
        lines = [
            value.decode("latin-1") for name, value in scope["headers"] if name == self._header
        ]
        if not lines:
            return
        hops = self._hops(", ".join(lines))
        found = peer
        for _ in range(HOPS_MAX):
            if not hops or not self._trusts(found):
                break
            found = _hop(hops.pop())
        scope["client"] = (str(found), 0)

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


def address_of(scope: Scope) -> str:
    """Return the address of a request's client; empty if it has none, as on a Unix socket."""
    client = scope.get("client")
    return client[0] if client else ""


@functools.lru_cache(4096)
def whose(address: str) -> str:
    """Return under which name what an address does is counted: of IPv6 its /64, because anybody
    who has one address of it has all."""
    if ":" not in address:
        return address  # IPv4, or a socket that has none
    found = _parsed(address)
    if not isinstance(found, ipaddress.IPv6Address):
        return address if found is None else str(found)
    return str(ipaddress.IPv6Network((found.packed[:8] + bytes(8), 64)))


def is_within(address: str, networks: Iterable[str]) -> bool:
    """Tell whether an address is of one of these networks."""
    found = _parsed(address)
    return found is not None and any(found in ipaddress.ip_network(each) for each in networks)


def trusted_networks(settings: Settings) -> tuple[Network, ...]:
    """Return the networks of the proxies that the operator trusts.

    Raises:
        HostUnusable: what the setting has is no network.
    """
    try:
        return tuple(ipaddress.ip_network(text) for text in settings.trusted_proxies)
    except ValueError as error:
        raise HostUnusable(
            f"The setting WARDIAN_TRUSTED_PROXIES cannot be used: {error}."
        ) from error


def _parsed(text: str) -> Address | None:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address):
        if found.scope_id is not None:
            return None
        return found.ipv4_mapped or found
    return found


def _hop(text: str) -> Address:
    bare = _WITH_PORT.fullmatch(text)
    found = _parsed((bare[1] or bare[2]) if bare else text)
    if found is None:
        raise InvalidArguments(
            f"A proxy says that the request came from {text[:64]!r}, which is no address."
        )
    return found


def _x_forwarded_for(text: str) -> list[str]:
    return [each.strip() for each in text.split(",")]


def _forwarded(text: str) -> list[str]:
    """Read RFC 7239: elements with commas between, pairs with semicolons, of which `for` counts."""
    return [_for(each) for each in _elements(text)]


def _elements(text: str) -> list[str]:
    found, place = [], 0
    while place <= len(text):
        match = _ELEMENT.match(text, place)
        end = match.end() if match else place
        if end < len(text) and text[end] != ",":
            raise InvalidArguments("The header Forwarded is malformed.")
        found.append(text[place:end])
        place = end + 1
    return found


def _for(element: str) -> str:
    pairs = [pair.strip() for pair in element.split(";")]
    values = [match for match in map(_FOR.fullmatch, pairs) if match]
    if len(values) != 1:
        return ""
    return values[0][1] if values[0][1] is not None else values[0][2]
