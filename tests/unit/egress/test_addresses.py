"""Which addresses requests may go to."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardian.egress.addresses import CLOSED, AddressRules, parse_opened
from wardian.errors import InvalidArguments

INTERNET = [
    "1.1.1.1",
    "8.8.8.8",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "198.17.255.255",
    "223.255.255.255",
    "2606:4700:4700::1111",
    "2a00:1450:4001::200e",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
]

ELSEWHERE = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::8.8.8.8",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::10.0.0.1",
    "64:ff9b:1::8.8.8.8",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::",
    "2002:808:808::1",
    "2a00:1450::5efe:10.0.0.1",
    "2a00:1450::200:5efe:127.0.0.1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fdff:ffff::1",
    "fe80::1",
    "febf::1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
]


@pytest.mark.parametrize("text", INTERNET)
def test_the_internet_is_open(text: str) -> None:
    assert AddressRules().closed(ip_address(text), 443) is None


@pytest.mark.parametrize("text", ELSEWHERE)
def test_what_is_not_the_internet_is_closed(text: str) -> None:
    assert AddressRules().closed(ip_address(text), 443)


@given(st.ip_addresses())
def test_nothing_that_python_knows_to_be_special_is_open(
    address: IPv4Address | IPv6Address,
) -> None:
    if AddressRules().closed(address, 80) is None:
        inner = address
        if isinstance(address, IPv6Address) and (address.ipv4_mapped or address.sixtofour):
            inner = address.ipv4_mapped or address.sixtofour  # type: ignore[assignment]
        special = (inner.is_private, inner.is_loopback, inner.is_link_local, inner.is_multicast)
        assert not any(special)


@given(st.ip_addresses(v=4))
def test_an_address_in_disguise_is_judged_as_what_it_is(address: IPv4Address) -> None:
    rules = AddressRules([parse_opened("10.1.0.0/16")])
    plain = rules.closed(address, 80)

    for prefix in ("::ffff:0:0", "64:ff9b::"):
        disguised = IPv6Address(int(IPv6Address(prefix)) | int(address))
        assert rules.closed(disguised, 80) == plain


def test_every_end_of_every_closed_network_is_closed() -> None:
    rules = AddressRules()

    assert all(rules.closed(network[at], 80) for network in CLOSED for at in (0, -1))


@pytest.mark.parametrize(
    ("opened", "address", "port", "is_open"),
    [
        ("10.1.0.0/16", "10.1.2.3", 80, True),
        ("10.1.0.0/16", "10.2.0.1", 80, False),
        ("10.1.0.0/16", "::ffff:10.1.2.3", 80, True),
        ("10.1.0.0/16", "127.0.0.1", 80, False),
        ("10.1.2.3/32:8443", "10.1.2.3", 8443, True),
        ("10.1.2.3/32:8443", "10.1.2.3", 443, False),
        ("127.0.0.1/32:9000", "127.0.0.1", 9000, True),
        ("127.0.0.1/32:9000", "127.0.0.2", 9000, False),
        ("169.254.169.254/32", "169.254.169.254", 80, True),
        ("fd00:1::/32", "fd00:1::5", 443, True),
        ("[fd00:1::/32]:443", "fd00:1::5", 443, True),
        ("[fd00:1::/32]:443", "fd00:1::5", 80, False),
        ("fd00:1::/32", "fd00:2::5", 443, False),
        ("::1/128", "::1", 80, True),
        ("::1/128", "127.0.0.1", 80, False),
    ],
)
def test_what_an_operator_names_is_open_and_nothing_beside_it(
    opened: str, address: str, port: int, is_open: bool
) -> None:
    rules = AddressRules([parse_opened(opened)])

    assert (rules.closed(ip_address(address), port) is None) is is_open


@pytest.mark.parametrize("text", ["0.0.0.0/0", "::/0", "8.0.0.0/7", "8.8.8.8/32", "2000::/3"])
def test_what_reaches_out_of_what_is_closed_cannot_be_opened(text: str) -> None:
    with pytest.raises(InvalidArguments, match=r"not within one of the networks.*169\.254"):
        parse_opened(text)


@pytest.mark.parametrize(
    "text", ["", "10.0.0.0/33", "10.1.2.3/16", "example.org", "10.0.0.0/8:x", "10.0.0.0/8:0",
             "10.0.0.0/8:70000", "[10.0.0.0/8", "fd00::/129"]
)  # fmt: skip
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(InvalidArguments, match=repr(text)[1:-1].replace("[", r"\[") or "''"):
        parse_opened(text)
