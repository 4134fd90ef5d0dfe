"""From where a request comes."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from wardian.api.addresses import ClientAddress, address_of, is_within, trusted_networks, whose
from wardian.errors import HostUnusable
from wardian.settings import ProxyHeader, Settings

pytestmark = pytest.mark.anyio

PROXIES = ["10.0.0.0/8", "fd00::/64"]
X, FORWARDED = ProxyHeader.X_FORWARDED_FOR, ProxyHeader.FORWARDED


async def seen(peer: str | None, *lines: str, header: ProxyHeader = X, more: Any = ()) -> str:
    """The address that the application sees, or the status that the request was refused with."""
    found: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        found.append(address_of(scope))

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            found.append(str(message["status"]))

    scope = {
        "type": "http",
        "path": "/",
        "method": "GET",
        "client": None if peer is None else (peer, 1234),
        "headers": [*((header.value.encode(), line.encode()) for line in lines), *more],
        "state": {"request_id": "1"},
    }
    networks = [ipaddress.ip_network(text) for text in PROXIES]
    await ClientAddress(app, networks=networks, header=header)(scope, None, send)  # type: ignore[arg-type]
    return found[0]


@pytest.mark.parametrize(
    ("peer", "lines", "address"),
    [
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
        ("127.0.0.1", ["198.51.100.1"], "127.0.0.1"),
        ("10.1.1.1", [], "10.1.1.1"),
        ("10.1.1.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.1.1.1", ["1.1.1.1, 198.51.100.1"], "198.51.100.1"),
        ("10.1.1.1", ["nonsense, 198.51.100.1"], "198.51.100.1"),
        ("10.1.1.1", ["1.1.1.1", "198.51.100.1"], "198.51.100.1"),
        ("10.1.1.1", ["198.51.100.1, 10.2.2.2"], "198.51.100.1"),
        ("10.1.1.1", ["1.1.1.1, 198.51.100.1, 10.2.2.2, 10.3.3.3"], "198.51.100.1"),
        ("10.1.1.1", ["10.2.2.2"], "10.2.2.2"),
        ("10.1.1.1", ["198.51.100.1:4711"], "198.51.100.1"),
        ("10.1.1.1", ["[2001:db8::1]:443"], "2001:db8::1"),
        ("10.1.1.1", ["::ffff:198.51.100.1"], "198.51.100.1"),
        ("::ffff:10.1.1.1", ["198.51.100.1"], "198.51.100.1"),
        ("fd00::1", ["2001:db8::1"], "2001:db8::1"),
        ("fd01::1", ["2001:db8::1"], "fd01::1"),
        (None, ["198.51.100.1"], ""),
    ],
)
async def test_what_a_trusted_proxy_wrote_last_is_believed_and_nothing_before_it(
    peer: str | None, lines: list[str], address: str
) -> None:
    assert await seen(peer, *lines) == address


@pytest.mark.parametrize(
    "line",
    ["", "unknown", "198.51.100.1,", "198.51.100", "198.51.100.1;", "fe80::1%eth0", "0x7f.1"],
)
async def test_what_a_trusted_proxy_says_that_is_no_address_is_refused(line: str) -> None:
    assert await seen("10.1.1.1", line) == "400"
    assert await seen("203.0.113.9", line) == "203.0.113.9"


@pytest.mark.parametrize(
    ("line", "address"),
    [
        ("for=198.51.100.1", "198.51.100.1"),
        ('for="[2001:db8::1]:4711";proto=https', "2001:db8::1"),
        ("For=1.1.1.1, for=198.51.100.1;by=10.1.1.1", "198.51.100.1"),
        ('for="1.1.1.1, for=9.9.9.9", for=198.51.100.1', "198.51.100.1"),
        ("for=198.51.100.1, for=10.2.2.2", "198.51.100.1"),
        ("for=_hidden", "400"),
        ("for=unknown", "400"),
        ("proto=https", "400"),
        ("for=1.1.1.1;for=2.2.2.2", "400"),
        ('for="198.51.100.1', "400"),
    ],
)
async def test_the_other_header_is_read_where_the_operator_says_so(line: str, address: str) -> None:
    assert await seen("10.1.1.1", line, header=FORWARDED) == address


async def test_the_header_that_proxies_do_not_write_is_not_read() -> None:
    spoofed = [(b"forwarded", b"for=9.9.9.9")]
    assert await seen("10.1.1.1", "198.51.100.1", more=spoofed) == "198.51.100.1"
    assert await seen("10.1.1.1", more=spoofed) == "10.1.1.1"


async def test_as_many_proxies_as_may_be_are_gone_through() -> None:
    assert await seen("10.1.1.1", ", ".join(["198.51.100.1"] + ["10.2.2.2"] * 40)) == "10.2.2.2"


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("198.51.100.1", "198.51.100.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("::ffff:198.51.100.1", "198.51.100.1"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("", ""),
        ("testclient", "testclient"),
    ],
)
def test_an_address_of_ipv6_counts_for_its_network(address: str, name: str) -> None:
    assert whose(address) == name


def test_an_address_is_within_networks_of_its_kind() -> None:
    assert is_within("10.1.2.3", ["192.0.2.0/24", "10.0.0.0/8"])
    assert is_within("::ffff:10.1.2.3", ["10.0.0.0/8"])
    assert not is_within("11.1.2.3", ["10.0.0.0/8", "::/0"])
    assert not is_within("", ["0.0.0.0/0"])


def test_a_setting_that_is_no_network_ends_the_start() -> None:
    with pytest.raises(HostUnusable, match="WARDIAN_TRUSTED_PROXIES"):
        trusted_networks(Settings(trusted_proxies=("10.0.0.1/8",)))
