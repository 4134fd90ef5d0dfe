"""Where browsers find the host is said once, and strictly."""

from __future__ import annotations

import pytest

from wardian.errors import HostUnusable, InvalidArguments
from wardian.runtime.oauth.addresses import addresses_of
from wardian.settings import Settings


def test_each_client_has_a_callback_of_its_own() -> None:
    addresses = addresses_of("https://wardian.example/under/", None)

    assert addresses.is_encrypted
    assert addresses.callback("acme", "hub-client") == (
        "https://wardian.example/under/oauth/callback/acme/hub-client"
    )
    assert addresses.callback("acme", "a/../b?c") == (
        "https://wardian.example/under/oauth/callback/acme/a%2F..%2Fb%3Fc"
    )


@pytest.mark.parametrize(
    "text",
    [
        "http://wardian.example",
        "javascript:alert(1)",
        "https://wardian.example/?x=1",
        "https://user@wardian.example",
        "wardian.example",
    ],
)
def test_an_address_that_others_could_listen_at_is_refused(text: str) -> None:
    with pytest.raises(HostUnusable, match="WARDIAN_PUBLIC_URL"):
        addresses_of(text, None)


def test_without_an_address_nobody_can_come_back() -> None:
    with pytest.raises(InvalidArguments, match="WARDIAN_PUBLIC_URL"):
        addresses_of(None, None).callback("acme", "hub-client")


@pytest.mark.parametrize(
    ("host", "port", "url"),
    [
        ("127.0.0.1", 8420, "http://127.0.0.1:8420"),
        ("localhost", 80, "http://localhost:80"),
        ("::1", 8420, "http://[::1]:8420"),
        ("0.0.0.0", 8420, None),
        ("127.0.0.1", 0, None),
    ],
)
def test_on_loopback_the_host_knows_its_own_address(host: str, port: int, url: str | None) -> None:
    assert Settings(host=host, port=port).loopback_url == url
