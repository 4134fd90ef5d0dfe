"""Streams that go on where they were, against a server that drops them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import aclosing
from typing import Any

import msgspec
import pytest

from asking import KEY, NAMED, Waiting, good, problem
from strangers import Heard, Stranger, response, stranger
from wardian.client import AsyncClient, Client, Retry, errors
from wardian.client.models import CloudEvent, DroppedLines

pytestmark = pytest.mark.anyio

Follow = Callable[..., AsyncIterator[CloudEvent]]


@pytest.fixture(params=["sync", "async"])
def follow(request: pytest.FixtureRequest) -> Follow:
    """Follows events with a client of a kind."""

    async def awaited(server: Stranger, topic: str, **options: Any) -> AsyncIterator[CloudEvent]:
        async with (
            AsyncClient(server.url, KEY, **options) as client,
            aclosing(client.events.stream(topic)) as events,
        ):
            async for event in events:
                yield event

    async def blocked(server: Stranger, topic: str, **options: Any) -> AsyncIterator[CloudEvent]:
        with Client(server.url, KEY, **options) as client:
            events = client.events.stream(topic)
            while (event := await asyncio.to_thread(next, events, None)) is not None:
                yield event
            events.close()

    return blocked if request.param == "sync" else awaited


async def collect(events: AsyncIterator[CloudEvent], seen: list[CloudEvent]) -> None:
    async for each in events:
        seen.append(each)


def event(sequence: int, data: Any = None) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": f"e{sequence}",
        "source": "app:a",
        "type": "orders.new",
        "time": "2030-01-01T10:00:00Z",
        "datacontenttype": "application/json",
        "data": data,
        "partitionkey": None,
        "sequence": str(sequence),
        "tenant": "default",
        "correlationid": "c",
        "hops": 0,
        "origin": "o",
    }


def message(sequence: int, data: Any = None) -> bytes:
    return b"id: %d\ndata: %s\n\n" % (sequence, msgspec.json.encode(event(sequence, data)))


def serving(newest: int | None, connections: Iterable[bytes]) -> Any:
    """A host whose newest event is this, and whose streams say so much before they are lost."""
    streams = iter(connections)
    head = (
        b"HTTP/1.1 200 OK\r\nX-Request-ID: r\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )

    async def reply(heard: Heard, writer: asyncio.StreamWriter) -> None:
        if "/stream" not in heard.target:
            events = [] if newest is None else [event(newest)]
            writer.write(good({"events": events, "next": None}))
            return
        said = next(streams)
        if said.startswith(b"HTTP/"):
            writer.write(said)
            return
        writer.write(head)
        for at in range(0, len(said), 7):
            piece = said[at : at + 7]
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        await writer.drain()
        writer.close()

    return reply


def began_after(server: Stranger) -> list[str | None]:
    return [heard.header("last-event-id") for heard in server.heard if "stream" in heard.target]


async def test_a_stream_goes_on_after_the_last_event_that_came(follow: Follow) -> None:
    waiting = Waiting()
    streams = [
        b"retry: 2000\n\n" + message(8) + message(9)[:20],
        message(9) + message(11, "line\u2028separator"),
        b": at 20\n\n",
        b"",
        problem("unauthenticated", 401),
    ]
    seen: list[CloudEvent] = []
    async with stranger(serving(7, streams)) as server:
        with pytest.raises(errors.Unauthenticated):
            await collect(follow(server, "orders.*", clock=waiting.clock), seen)

    assert [each.sequence for each in seen] == ["8", "9", "11"]
    assert seen[-1].data == "line\u2028separator"
    assert began_after(server) == ["7", "8", "11", "20", "20"]
    assert all(wait >= 2.0 for wait in waiting.waits)
    assert (
        "topic=orders.%2A" in server.heard[1].target or "topic=orders.*" in server.heard[1].target
    )


async def test_a_stream_of_a_host_without_events_begins_at_the_beginning(follow: Follow) -> None:
    async with stranger(serving(None, [message(1), problem("forbidden", 403)])) as server:
        with pytest.raises(errors.Forbidden):
            await collect(follow(server, "*", clock=Waiting().clock), [])
    assert began_after(server) == ["0", "1"]


async def test_a_host_that_restarts_is_waited_for_and_one_that_stays_away_is_not(
    follow: Follow,
) -> None:
    waiting = Waiting()
    gateway = response(b"<html>", 503)
    busy = problem("rate-limited", 429, ("retry-after", "5"))
    streams = [message(1), gateway, busy, message(2), *[b""] * 100]
    seen: list[CloudEvent] = []
    async with stranger(serving(0, streams)) as server:
        with pytest.raises(errors.ConnectionLost):
            await collect(follow(server, "*", clock=waiting.clock, retry=Retry()), seen)
    assert [each.sequence for each in seen] == ["1", "2"]
    assert 5.0 in waiting.waits
    assert 60 < sum(waiting.waits) < 150


async def test_a_stream_that_is_not_to_be_resumed_ends_with_its_connection(
    follow: Follow,
) -> None:
    async with stranger(serving(0, [message(1)])) as server:
        with pytest.raises(errors.ConnectionLost):
            await collect(follow(server, "*", retry=Retry(times=0)), [])
    assert len(began_after(server)) == 1


@pytest.mark.parametrize(
    "said",
    [
        b"data: <html>\n\n",
        b'data: {"id": 1}\n\n',
        b"data: \xff\n\n",
        response(b"{}", headers=[NAMED, ("content-type", "application/json")]),
        response(b"<html>"),
        b"data: " + b"x" * 3_000 + b"\n\n",
        (b"data: " + b"x" * 500 + b"\n") * 6 + b"\n",
        b"x" * 3_000,
    ],
    ids=["html", "short", "bytes", "json", "foreign", "large", "lines", "endless"],
)
async def test_a_stream_of_anything_else_is_recognised(follow: Follow, said: bytes) -> None:
    async with stranger(serving(0, [said])) as server:
        with pytest.raises(errors.UnexpectedAnswer):
            await collect(follow(server, "*", answer_max_bytes=2_000), [])
    assert len(began_after(server)) == 1


def line(number: int) -> bytes:
    said = {
        "sequence": number,
        "time": "2030-01-01T10:00:00Z",
        "plugin": "p",
        "call_id": "c",
        "level": "info",
        "message": f"line {number}",
        "fields": {},
    }
    return b"id: run-%d\ndata: %s\n\n" % (number, msgspec.json.encode(said))


async def test_a_stream_of_lines_goes_on_where_the_host_said_it_was() -> None:
    beginning = b"id: run-4\nretry: 1\n\n"
    lost = b'event: dropped\ndata: {"dropped":3}\n\nevent: news\ndata: {}\n\n'
    seen: list[Any] = []
    async with (
        stranger(serving(None, [beginning, line(5) + lost, line(9)])) as server,
        AsyncClient(server.url, KEY, clock=Waiting().clock) as client,
        aclosing(client.logs.stream(plugin="p")) as lines,
    ):
        async for each in lines:
            seen.append(each)
            if len(seen) == 3:
                break
    assert [getattr(each, "message", None) for each in seen] == ["line 5", None, "line 9"]
    assert seen[1] == DroppedLines(dropped=3)
    positions = [heard.header("last-event-id") for heard in server.heard]
    assert positions == [None, "run-4", "run-5"]
