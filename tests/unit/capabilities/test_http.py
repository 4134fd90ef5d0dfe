"""http"""

from __future__ import annotations

import asyncio
import gzip

import pytest

from callings import calling, refusing, unguarded
from strangers import broker, by_path, redirect, request, response, saying, stranger
from wardian import __version__
from wardian.capabilities import CallContext
from wardian.capabilities.http import Guard, Http
from wardian.policy.grants import Layer
from wardian.policy.levels import Level
from wardian.policy.limits import Limits

pytestmark = pytest.mark.anyio

TRACE, STATE = "1" * 32, "shop=1,other=2"


async def test_a_request_goes_out_and_the_response_comes_back() -> None:
    hello = response(b"hello", 404, [("X-Shape", "round")])
    async with stranger(saying(hello)) as server, broker() as egress:
        call = calling(server.grant("POST"))
        answer = await Http(egress, unguarded).send(
            call,
            request(
                f"{server.url}/a/b?c=d", method="POST", headers=[("X-Mine", "1")], body=b"\x00\xff"
            ),
        )

    (heard,) = server.heard
    assert answer == {
        "status": 404,
        "headers": [("x-shape", "round"), ("content-length", "5")],
        "body": b"hello",
    }
    assert (heard.method, heard.target, heard.body) == ("POST", "/a/b?c=d", b"\x00\xff")
    assert heard.header("x-mine") == "1"
    assert heard.header("host") == f"127.0.0.1:{server.port}"
    assert heard.header("user-agent") == f"wardian/{__version__} (plugin counter)"


@pytest.mark.parametrize(
    ("sent", "heard_of"),
    [
        ([("Traceparent", f"00-{TRACE}-{'3' * 16}-01")], STATE),
        ([("traceparent", f"00-{TRACE}-{'3' * 16}-01"), ("tracestate", "own=1")], "own=1"),
        ([("traceparent", f"00-{'4' * 32}-{'3' * 16}-01")], None),
        ([("traceparent", "nonsense")], None),
        ([], None),
    ],
)
async def test_the_trace_s_state_goes_where_a_plugin_goes_on_with_the_trace(
    sent: list[tuple[str, str]], heard_of: str | None
) -> None:
    parent = f"00-{TRACE}-{'2' * 16}-01"
    async with stranger() as server, broker() as egress:
        call = calling(server.grant(), traceparent=parent, tracestate=STATE)
        await Http(egress, unguarded).send(call, request(server.url, headers=sent))
        without = calling(server.grant(), traceparent=parent)
        await Http(egress, unguarded).send(without, request(server.url, headers=sent[:1]))

    first, second = server.heard
    assert first.header("tracestate") == heard_of
    assert second.header("tracestate") is None


async def test_a_body_arrives_decompressed() -> None:
    packed = response(gzip.compress(b"hello" * 1000), headers=[("Content-Encoding", "gzip")])
    async with stranger(saying(packed)) as server, broker() as egress:
        answer = await Http(egress, unguarded).send(calling(server.grant()), request(server.url))

    assert answer["body"] == b"hello" * 1000
    assert answer["headers"] == []


async def test_without_the_permission_nothing_is_sent() -> None:
    async with stranger() as server, broker() as egress:
        call = calling(server.grant("POST"))
        with refusing("denied", "manifest"):
            await Http(egress, unguarded).send(call, request(server.url))

    assert server.connections == 0
    assert call.budget.usage.http_requests == 0


async def test_the_level_isolated_sends_nothing() -> None:
    async with stranger() as server, broker() as egress:
        with refusing("denied", "level isolated"):
            await Http(egress, unguarded).send(
                calling(server.grant(), level=Level.ISOLATED), request(server.url)
            )

    assert server.connections == 0


async def test_requests_are_counted_with_their_redirects_and_bytes() -> None:
    pages = by_path({"/old": redirect("/new"), "/new": response(b"x" * 1000)})
    async with stranger(pages) as server, broker() as egress:
        call = calling(server.grant(), limits=Limits(http_requests=3))
        http = Http(egress, unguarded)
        await http.send(call, request(f"{server.url}/old"))
        usage = call.budget.usage
        assert usage.http_requests == 2
        assert usage.http_bytes_received > 1000
        assert usage.http_bytes_sent > 100
        with refusing("exhausted", "limit of 3 HTTP requests"):
            await http.send(call, request(f"{server.url}/old"))

    assert [each.target for each in server.heard] == ["/old", "/new", "/old"]


async def test_every_hop_is_told_to_the_observer_once_and_without_its_query() -> None:
    told: list[tuple[str, Layer | None]] = []
    pages = by_path({"/old": redirect("/new?token=abc"), "/new": response()})
    async with stranger(pages) as server, broker() as egress:
        call = calling(server.grant())
        call.observer = lambda wanted, layer, _: told.append((str(wanted), layer))
        await Http(egress, unguarded).send(call, request(f"{server.url}/old"))

    assert told == [
        (f"http:request:GET:{server.url}/old", None),
        (f"http:request:GET:{server.url}/new?*", None),
    ]


async def test_a_credential_has_to_be_ready_in_the_time_of_the_request() -> None:
    asked = asyncio.Event()

    async def guards(call: CallContext, credential: str | None) -> Guard:
        asked.set()
        await asyncio.Event().wait()
        return Guard()

    async with stranger() as server, broker() as egress:
        call = calling(server.grant(), "credentials:use:github")
        with refusing("exhausted", "The credential was not ready"):
            await Http(egress, guards).send(
                call, request(server.url, credential="github", timeout_ms=20)
            )

    assert asked.is_set()
    assert server.connections == 0


@pytest.mark.parametrize("method", ["", "get", "CONNECT", "TRACE", "GET X", "G" * 21])
async def test_a_method_that_does_not_go_out_is_invalid(method: str) -> None:
    async with stranger() as server, broker() as egress:
        with refusing("invalid", "is not a method"):
            await Http(egress, unguarded).send(
                calling(server.grant()), request(server.url, method=method)
            )

    assert server.connections == 0


async def test_a_credential_needs_its_own_permission() -> None:
    async with stranger() as server, broker() as egress:
        with refusing("denied", "credentials:use:github"):
            await Http(egress, unguarded).send(
                calling(server.grant()), request(server.url, credential="github")
            )

    assert server.connections == 0
