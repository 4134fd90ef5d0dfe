import pytest
from starlette.datastructures import Headers

from wardian.api.identity import _accepted, trace_of
from wardian.settings import Settings

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_sound_request_id_is_kept() -> None:
    assert _accepted("order-17:retry/2") == "order-17:retry/2"


@pytest.mark.parametrize("offered", [None, "", "a b", "a\nb", "x" * 129, "ä", "-dash", "<script>"])
def test_an_unsound_request_id_is_replaced(offered: str | None) -> None:
    assert _accepted(offered) not in (offered, "")


def test_a_trace_is_taken_from_the_headers() -> None:
    headers = Headers(
        raw=[
            (b"traceparent", TRACE.encode()),
            (b"tracestate", b"a=1, b=2"),
            (b"tracestate", b"c=3"),
        ]
    )
    assert trace_of(headers) == (TRACE, "a=1,b=2,c=3")
    assert trace_of(Headers({"traceparent": TRACE})) == (TRACE, None)


def test_a_state_without_a_trace_is_dropped() -> None:
    assert trace_of(Headers({"tracestate": "a=1"})) == (None, None)
    assert trace_of(Headers({"traceparent": TRACE.upper(), "tracestate": "a=1"})) == (None, None)


def test_two_traces_are_none() -> None:
    twice = Headers(raw=[(b"traceparent", TRACE.encode())] * 2)
    assert trace_of(twice) == (None, None)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost"])
def test_loopback_addresses_are_known(address: str) -> None:
    assert Settings(host=address).is_local


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.168.1.5", "example.org", "localhost.x"])
def test_other_addresses_are_public(address: str) -> None:
    assert not Settings(host=address).is_local
