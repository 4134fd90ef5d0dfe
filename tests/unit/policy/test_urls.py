"""Addresses: one reading, one spelling, and the same host for who judges and who connects."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wardian.errors import InvalidArguments
from wardian.policy.urls import Url, parse_url, spelled

HOST = st.from_regex(r"[a-z0-9_-]{1,8}(\.[a-zA-Z0-9-]{1,6}){0,3}\.?", fullmatch=True)
NUMBERS = st.from_regex(r"(0[xX]?)?[0-9a-fA-F]{1,4}(\.(0[xX]?)?[0-9a-f]{1,3}){0,4}", fullmatch=True)
BRACKETS = st.ip_addresses(v=6).map(lambda address: f"[{address}]")
PORT = st.one_of(st.just(""), st.integers(0, 70_000).map(":{}".format), st.just(":"))
PRINTED = st.characters(min_codepoint=0x20, max_codepoint=0x7F)
REST = st.one_of(
    st.text(PRINTED, max_size=12),
    st.lists(
        st.sampled_from(["/", "a", "%2e", "%2E", ".", "%2f", "%5C", "%25", ";", "?", "=", "[", "%"])
    ).map("".join),
).map("/{}".format)
ADDRESSES = st.one_of(
    st.builds(
        lambda scheme, host, port, rest: f"{scheme}://{host}{port}{rest}",
        st.sampled_from(["http", "https", "HTTPS", "hTTp"]),
        st.one_of(HOST, NUMBERS, BRACKETS),
        PORT,
        REST,
    ),
    st.text(st.sampled_from("htps:/\\@#?.[]%0127x a"), max_size=20),
)


def taken(text: str) -> Url | None:
    try:
        return parse_url(text)
    except InvalidArguments:
        return None


@given(ADDRESSES)
@example("https://a.test/%7Eb/{c}|d?e=[f]^`%zz")
def test_whatever_is_taken_goes_to_the_same_host_port_and_path_in_the_client(text: str) -> None:
    ours = taken(text)
    if ours is not None:
        theirs = httpx.URL(str(ours))
        assert (theirs.scheme, theirs.host) == (ours.scheme, ours.host)
        assert (theirs.port or {"http": 80, "https": 443}[ours.scheme]) == ours.port
        assert theirs.raw_path.decode() == ours.target
        assert theirs.netloc.decode() == ours.authority


@given(ADDRESSES)
def test_what_the_client_reads_without_our_spelling_goes_to_the_same_host_too(text: str) -> None:
    ours = taken(text)
    if ours is not None:
        theirs = httpx.URL(text)
        assert theirs.host.lower().rstrip(".") == ours.host
        assert (theirs.port or {"http": 80, "https": 443}[ours.scheme]) == ours.port


@given(ADDRESSES)
def test_an_address_reads_itself_back(text: str) -> None:
    ours = taken(text)
    if ours is not None:
        assert parse_url(str(ours)) == ours


@given(st.text(st.sampled_from("/.;%25eEfFaAcC\\"), max_size=16))
def test_a_path_has_one_spelling(path: str) -> None:
    assert spelled(spelled(path)) == spelled(path)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("HTTPS://API.Example.ORG", "https://api.example.org/"),
        ("https://api.example.org:443/", "https://api.example.org/"),
        ("http://api.example.org.:80/a", "http://api.example.org/a"),
        ("https://api.example.org:8443/a", "https://api.example.org:8443/a"),
        ("https://h.test/%7euser/%c3%a9", "https://h.test/~user/%C3%A9"),
        ("https://h.test/%61dmin", "https://h.test/admin"),
        ("https://h.test/a|b{c}", "https://h.test/a%7Cb%7Bc%7D"),
        ("https://h.test/a?x[y]=%61|", "https://h.test/a?x%5By%5D=%61%7C"),
        ("https://h.test/a%2Fb", "https://h.test/a%2Fb"),
        ("https://h.test?q", "https://h.test/?q"),
        ("https://h.test/?", "https://h.test/?"),
        ("http://192.0.2.1:80/", "http://192.0.2.1/"),
        ("http://[2001:DB8::0:1]/", "http://[2001:db8::1]/"),
        ("http://[0:0:0:0:0:0:0:1]:8080/", "http://[::1]:8080/"),
        ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"),
        ("https://h.test/a.b/..c/.d/e..", "https://h.test/a.b/..c/.d/e.."),
    ],
)
def test_an_address_has_one_spelling(text: str, canonical: str) -> None:
    assert str(parse_url(text)) == canonical


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("2130706433", "four numbers"),
        ("0x7f.1", "four numbers"),
        ("0x7f000001", "four numbers"),
        ("0177.0.0.1", "four numbers"),
        ("127.1", "four numbers"),
        ("127.0.0.01", "four numbers"),
        ("1.2.3.4.5", "four numbers"),
        ("256.0.0.1", "four numbers"),
        ("127.0.0.1.", None),
        ("a.0x", "four numbers"),
        ("①②⑦.0.0.1", "beyond ASCII"),
        ("127。0。0。1", "beyond ASCII"),
        ("127\uff0e0\uff0e0\uff0e1", "beyond ASCII"),
        ("bücher.example", "beyond ASCII"),
        ("\uff45xample.org", "beyond ASCII"),
        ("exa%6dple.org", "neither a name"),
        ("a..b", "neither a name"),
        (".a", "neither a name"),
        ("-a.test", "neither a name"),
        ("a-.test", "neither a name"),
        ("a" * 64 + ".test", "neither a name"),
        (".".join(["a" * 60] * 5), "neither a name"),
        ("a*b.test", "neither a name"),
        ("*", "neither a name"),
        ("", "no host"),
        ("user@h.test", "a user or a password"),
        ("user:pw@h.test", "a user or a password"),
        ("[::1%eth0]", "without a zone"),
        ("[fe80::1%251]", "without a zone"),
        ("[::ffff:1.2.3.400]", "brackets"),
        ("[v1.x]", "brackets"),
        ("[127.0.0.1]", "brackets"),
        ("[::1", "a host and perhaps a port"),
        ("::1", "a host and perhaps a port"),
        ("h.test:0", "1 to 65535"),
        ("h.test:65536", "1 to 65535"),
        ("h.test:", "a host and perhaps a port"),
        ("h.test:+80", "a host and perhaps a port"),
        ("h.test:80:80", "a host and perhaps a port"),
        ("h.test\\evil.test", "backslashes"),
        ("h .test", "percent-encoded"),
        ("h\t.test", "percent-encoded"),
    ],
)
def test_a_host_that_could_be_read_in_two_ways_is_refused(host: str, why: str | None) -> None:
    if why is None:
        assert parse_url(f"http://{host}/").host == "127.0.0.1"
    else:
        with pytest.raises(InvalidArguments, match=why):
            parse_url(f"http://{host}/")


@pytest.mark.parametrize(
    "path",
    [
        "/a/../b",
        "/a/..",
        "/./a",
        "/%2e%2e/a",
        "/a/%2E%2e/",
        "/a/.%2e/b",
        "/%252e%252e/a",
        "/%25252e./a",
        "/a/..%2fb",
        "/a%2f..%2fb",
        "/a/..%5cb",
        "/a%5C..%5Cb",
        "/a/..;/b",
        "/a/..;x=1/b",
        "/a/%2e%2e%3b/b",
        "//a",
        "/a//b",
        "/a/%00",
        "/a%0d%0ab",
        "/a%7f",
        "/a%",
        "/a%zz",
        "/a%4",
        "/a\\..\\b",
        "/a#b",
        "/a b",
        "/é",
    ],
)
def test_a_path_that_could_lead_elsewhere_is_refused(path: str) -> None:
    with pytest.raises(InvalidArguments, match="is not an address for a request"):
        parse_url(f"https://h.test{path}")


@pytest.mark.parametrize(
    "text",
    ["", "h.test", "//h.test/", "/a", "ftp://h.test/", "file:///etc/passwd", "http:/h.test/",
     "http:h.test", "https:///a", "javascript:alert(1)", " http://h.test/", "http://h.test/\n"],
)  # fmt: skip
def test_what_is_no_absolute_http_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidArguments):
        parse_url(text)


def test_an_address_that_is_too_long_is_refused_in_a_short_text() -> None:
    with pytest.raises(InvalidArguments, match="longer than 8192") as refused:
        parse_url(f"https://h.test/{'a' * 8192}")

    assert len(refused.value.message) < 400
