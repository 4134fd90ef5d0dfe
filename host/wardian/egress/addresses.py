"""Which IP addresses requests may go to: all that are of the internet, and what operators open.

The table is our own, from IANA's registries of special-purpose addresses, because that of the
standard library differs between versions of Python and takes some addresses that carry another
one (NAT64, 6to4) for public.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_network,
)

from wardian.errors import InvalidArguments

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

CLOSED: dict[IPNetwork, str] = {
    ip_network(network): what
    for network, what in {
        "0.0.0.0/8": "this network",
        "10.0.0.0/8": "private",
        "100.64.0.0/10": "shared by carriers, and metadata of some clouds",
        "127.0.0.0/8": "loopback",
        "168.63.129.16/32": "a cloud's own services",
        "169.254.0.0/16": "link-local, and metadata of clouds",
        "172.16.0.0/12": "private",
        "192.0.0.0/24": "assigned to protocols, and metadata of some clouds",
        "192.0.2.0/24": "documentation",
        "192.88.99.0/24": "relays of 6to4",
        "192.168.0.0/16": "private",
        "198.18.0.0/15": "benchmarks",
        "198.51.100.0/24": "documentation",
        "203.0.113.0/24": "documentation",
        "224.0.0.0/4": "multicast",
        "240.0.0.0/4": "reserved, and broadcast",
        "::/128": "unspecified",
        "::1/128": "loopback",
        "::/96": "IPv4 in its old disguise",
        "::ffff:0:0:0/96": "IPv4, translated",
        "64:ff9b:1::/48": "NAT64 of a network's own",
        "100::/64": "discarded",
        "2001::/23": "assigned to protocols, Teredo among them",
        "2001:db8::/32": "documentation",
        "2002::/16": "6to4",
        "3fff::/20": "documentation",
        "5f00::/16": "segment routing",
        "fc00::/7": "unique local",
        "fe80::/10": "link-local",
        "fec0::/10": "site-local",
        "ff00::/8": "multicast",
    }.items()
}
"""What no request reaches unless an operator names it, and what it is."""

_GLOBAL_UNICAST = IPv6Network("2000::/3")
_MAPPED = IPv6Network("::ffff:0:0/96")
_NAT64 = IPv6Network("64:ff9b::/96")
_ISATAP = {0x0000_5EFE, 0x0200_5EFE}
"""The upper half of the interface identifiers that carry an IPv4 address (RFC 5214)."""

_OPENED = re.compile(r"(?:\[([^\]]+)\]|([^:]+|[0-9a-fA-F:]+/[0-9]+))(?::([0-9]{1,5}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Opened:
    """A closed network, or a part of one, that an operator lets requests go to.

    Attributes:
        port: the only one; None opens all.
    """

    network: IPNetwork
    port: int | None = None


def parse_opened(text: str) -> Opened:
    """Parse ``10.1.0.0/16``, ``127.0.0.1/32:9000``, ``fd00:1::/32`` or ``[fd00:1::/32]:443``.

    Raises:
        InvalidArguments: it is none of these, or reaches out of what is closed: so nobody opens
            loopback or a cloud's metadata together with something else.
    """
    found = _OPENED.fullmatch(text)
    try:
        network = ip_network((found[1] or found[2]) if found else "")
    except ValueError as exc:
        raise InvalidArguments(
            f"{text!r} is not a network such as 10.1.0.0/16, 10.1.2.3/32:8443 or "
            f"[fd00:1::/32]:443 ({exc})."
        ) from exc
    if not any(_within(network, closed) for closed in CLOSED):
        raise InvalidArguments(
            f"{text!r} is not within one of the networks that are closed: "
            f"{', '.join(map(str, CLOSED))}."
        )
    port = None if found is None or found[3] is None else int(found[3])
    if port is not None and not 1 <= port <= 65_535:
        raise InvalidArguments(f"{text!r} has a port that is not from 1 to 65535.")
    return Opened(network, port)


class AddressRules:
    """Judges the addresses of one host."""

    def __init__(self, opened: Iterable[Opened] = ()) -> None:
        self._opened = tuple(opened)

    def closed(self, address: IPAddress, port: int) -> str | None:
        """Return what an address is if no request may go there, or None if one may."""
        judged = _carried(address)
        if self.opened(judged, port):
            return None
        return _what(judged)

    def opened(self, address: IPAddress, port: int) -> bool:
        """Tell whether the operator named this address."""
        judged = _carried(address)
        return any(
            judged in each.network and each.port in (None, port)
            for each in self._opened
            if each.network.version == judged.version
        )


def _what(address: IPAddress) -> str | None:
    for network, what in CLOSED.items():
        if network.version == address.version and address in network:
            return what
    if isinstance(address, IPv4Address):
        return None
    if address not in _GLOBAL_UNICAST:
        return "not of the internet"
    bits = int(address)
    if (bits >> 32) & 0xFFFF_FFFF in _ISATAP:
        return _what(IPv4Address(bits & 0xFFFF_FFFF))
    return None


def _carried(address: IPAddress) -> IPAddress:
    """Return the IPv4 address that a translator would go to in place of this one."""
    if isinstance(address, IPv6Address) and (address in _MAPPED or address in _NAT64):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def _within(network: IPNetwork, closed: IPNetwork) -> bool:
    if isinstance(network, IPv4Network):
        return isinstance(closed, IPv4Network) and network.subnet_of(closed)
    return isinstance(closed, IPv6Network) and network.subnet_of(closed)
