"""Headers: what a guest may set, and what of a response is handed on."""

from __future__ import annotations

import pytest

from wardian.egress.faults import Invalid, Unavailable
from wardian.egress.headers import HEADER_BYTES_MAX, HEADERS_MAX, OF_HOST, accepted, received


def test_names_are_in_lower_case_and_values_without_blanks_around_them() -> None:
    headers = [("Accept", " text/html\t"), ("X-A", ""), ("x-a", "1")]

    assert accepted(headers) == (("accept", "text/html"), ("x-a", ""), ("x-a", "1"))


@pytest.mark.parametrize("name", [*OF_HOST, "Host", "AUTHORIZATION", "Proxy-Authorization"])
def test_what_the_host_sets_is_refused_by_name(name: str) -> None:
    with pytest.raises(Invalid, match=f"'{name.lower()}' is the host's to set: "):
        accepted([(name, "x")])


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\r\nb", "é", "a\0", "(a)", " host", "host "])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(Invalid, match="is not the name of a header"):
        accepted([(name, "x")])


@pytest.mark.parametrize(
    "value", ["a\r\nb: c", "a\nb", "a\rb", "a\0", "\x7f", "é", "\ud800", "a\x0b"]
)
def test_a_value_that_could_become_another_header_is_refused(value: str) -> None:
    with pytest.raises(Invalid, match="'x-a' has a control character"):
        accepted([("X-A", value)])


@pytest.mark.parametrize("name", ["Content-Type", "content-type", "User-Agent", "Cookie", "Range"])
def test_what_may_be_there_once_is_refused_twice(name: str) -> None:
    with pytest.raises(Invalid, match="may be there once"):
        accepted([(name, "a"), (name.lower(), "a")])


def test_headers_are_few_and_small() -> None:
    with pytest.raises(Invalid, match="101 headers"):
        accepted([(f"x-{number}", "") for number in range(HEADERS_MAX + 1)])
    with pytest.raises(Invalid, match="more than"):
        accepted([("x-a", "x" * HEADER_BYTES_MAX)])


def test_a_response_is_read_in_utf_8_if_it_can_be() -> None:
    assert received([(b"X-A", "é".encode()), (b"X-B", b"\xe9")]) == (("x-a", "é"), ("x-b", "é"))


@pytest.mark.parametrize(
    "raw",
    [
        [(b"x-%d" % number, b"") for number in range(HEADERS_MAX + 1)],
        [(b"x", b"x" * HEADER_BYTES_MAX)],
        [(b"x", b"a\x01b")],
        [(b"x", b"a\x1b[2J")],
        [(b"Content-Length", b"5"), (b"Transfer-Encoding", b"chunked")],
    ],
)
def test_a_response_with_unsound_headers_is_unavailable(raw: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(Unavailable):
        received(raw)
