"""Where redirects lead, and what of a request goes there."""

from __future__ import annotations

from typing import Any

import pytest

from wardian.egress.faults import Denied, Unavailable
from wardian.egress.redirects import location_of, next_request
from wardian.policy.outgoing import Outgoing
from wardian.policy.urls import parse_url

HEADERS = (
    ("accept", "a/b"),
    ("cookie", "secret"),
    ("content-type", "text/plain"),
    ("x-token", "secret"),
)


def outgoing(url: str = "https://a.test/b/c?d", method: str = "POST", **fields: Any) -> Outgoing:
    made: dict[str, Any] = {"headers": HEADERS, "body": b"body"} | fields
    return Outgoing(method=method, url=parse_url(url), **made)


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/x", "https://a.test/x"),
        ("x?y", "https://a.test/b/x?y"),
        ("?y", "https://a.test/b/c?y"),
        ("../x", "https://a.test/x"),
        ("https://a.test:443/x#part", "https://a.test/x"),
        ("//b.test/x", "https://b.test/x"),
        ("https://B.test", "https://b.test/"),
        ("/a b", "https://a.test/a%20b"),
        ("/é", "https://a.test/%C3%A9"),
    ],
)
def test_a_location_is_read_against_the_address_before(location: str, target: str) -> None:
    assert str(next_request(outgoing(), 307, location).url) == target


@pytest.mark.parametrize(
    "location",
    ["ftp://a.test/", "file:///etc/passwd", "javascript:1", "https://u:p@a.test/", "https://127.1/",
     "https://①②⑦.0.0.1/", "https://[::1%25eth0]/", "https://a.test/%2e%2e/x", "https://a.test:0/",
     "https:///", "gopher://a.test/", "https://[", "/\\evil.test", "//evil.test\\@a.test/"],
)  # fmt: skip
def test_a_location_that_is_no_address_is_unavailable(location: str) -> None:
    with pytest.raises(Unavailable, match=r"https://a\.test redirects to what is no address"):
        next_request(outgoing(), 302, location)


def test_a_redirect_out_of_tls_is_denied() -> None:
    with pytest.raises(Denied, match="leaves TLS"):
        next_request(outgoing(), 302, "http://a.test/")

    assert next_request(outgoing("http://a.test/"), 302, "https://a.test/").url.scheme == "https"


@pytest.mark.parametrize(
    ("method", "status", "then"),
    [
        ("GET", 301, "GET"),
        ("HEAD", 302, "HEAD"),
        ("HEAD", 303, "HEAD"),
        ("POST", 301, "GET"),
        ("POST", 302, "GET"),
        ("PUT", 302, "PUT"),
        ("PUT", 303, "GET"),
        ("DELETE", 303, "GET"),
        ("POST", 307, "POST"),
        ("POST", 308, "POST"),
    ],
)
def test_methods_change_as_rfc_9110_says(method: str, status: int, then: str) -> None:
    following = next_request(outgoing(method=method), status, "/x")

    assert following.method == then
    names = [name for name, _ in following.headers]
    if then == method:
        assert following.body == b"body"
        assert "content-type" in names
    else:
        assert following.body is None
        assert names == ["accept", "cookie", "x-token"]


@pytest.mark.parametrize(
    "location", ["https://b.test/", "https://a.test:8443/", "https://sub.a.test/", "//b.test/"]
)
def test_headers_of_the_guests_own_stay_with_the_origin_that_it_asked(location: str) -> None:
    following = next_request(outgoing(), 307, location)

    assert following.headers == (("accept", "a/b"), ("content-type", "text/plain"))


def test_only_some_responses_redirect() -> None:
    there = (("location", "/x"),)
    assert [each for each in range(200, 600) if location_of(each, there)] == [
        301, 302, 303, 307, 308
    ]  # fmt: skip
    assert location_of(302, (("x", "y"),)) is None
    with pytest.raises(Unavailable, match="several addresses"):
        location_of(302, (("location", "/x"), ("location", "/y")))
