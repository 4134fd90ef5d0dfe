"""What is sent again and what is not, against a server that misbehaves."""

from __future__ import annotations

import asyncio
import io
import logging
import socket
from collections.abc import Callable
from typing import Any

import pytest

from asking import CALLED, NAMED, Waiting, asking, good, in_turn, problem
from strangers import Heard, Stranger, response, stranger
from wardian.client import Retry, Retrying, errors

pytestmark = pytest.mark.anyio

Ask = Callable[[Any], Any]

GATEWAY = response(b"<h1>Bad Gateway</h1>", 502, [("content-type", "text/html")])


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


def call(client: Any) -> Any:
    return client.call("p", "f", {"a": 1})


def listed(client: Any) -> Any:
    return client.plugins.list()


def names(server: Stranger) -> list[str | None]:
    return [heard.header("idempotency-key") for heard in server.heard]


async def test_a_call_that_the_host_did_not_begin_is_sent_again_when_it_says(kind: str) -> None:
    waiting, told = Waiting(), list[Retrying]()
    full = problem("overloaded", 503, ("retry-after", "7"))
    async with (
        stranger(in_turn(full, good(CALLED))) as server,
        asking(kind, server.url, clock=waiting.clock, on_retry=told.append) as ask,
    ):
        result = await ask(call)

    assert (result.result, result.usage.fuel, result.call_id) == (3, 5, "c1")
    assert waiting.waits == [7.0]
    assert [(each.method, each.attempt, each.wait_seconds) for each in told] == [("POST", 1, 7.0)]
    assert isinstance(told[0].error, errors.Overloaded)
    assert names(server) == [None, None]


async def test_a_host_that_stays_full_is_asked_three_times(kind: str) -> None:
    waiting = Waiting()
    async with (
        stranger(in_turn(problem("rate-limited", 429, ("retry-after", "1")))) as server,
        asking(kind, server.url, clock=waiting.clock) as ask,
    ):
        with pytest.raises(errors.RateLimited) as raised:
            await ask(call)

    assert raised.value.retry_after == 1
    assert len(server.heard) == 3
    assert waiting.waits == [1.0, 1.0]


async def test_waits_double_where_the_host_asks_for_none(kind: str) -> None:
    waiting = Waiting()
    async with (
        stranger(in_turn(problem("overloaded", 503))) as server,
        asking(kind, server.url, clock=waiting.clock, retry=Retry(times=5)) as ask,
    ):
        with pytest.raises(errors.Overloaded):
            await ask(call)
    assert waiting.waits == [0.25, 0.5, 1.0, 2.0, 4.0]
    assert len(server.heard) == 6


async def test_a_date_to_wait_for_is_compared_with_the_host_s_own_clock(kind: str) -> None:
    waiting = Waiting()
    date = ("date", "Tue, 01 Jan 2030 10:00:00 GMT")
    until = ("retry-after", "Tue, 01 Jan 2030 10:00:09 GMT")
    async with (
        stranger(in_turn(problem("overloaded", 503, date, until), good(CALLED))) as server,
        asking(kind, server.url, clock=waiting.clock) as ask,
    ):
        await ask(call)
    assert waiting.waits == [9.0]


async def test_a_wait_that_is_too_long_is_the_caller_s_to_take(kind: str) -> None:
    waiting = Waiting()
    async with (
        stranger(in_turn(problem("rate-limited", 429, ("retry-after", "3600")))) as server,
        asking(kind, server.url, clock=waiting.clock) as ask,
    ):
        with pytest.raises(errors.RateLimited) as raised:
            await ask(listed)
    assert (raised.value.retry_after, waiting.waits, len(server.heard)) == (3600, [], 1)


async def test_no_attempt_begins_after_the_time_for_all_of_them(kind: str) -> None:
    waiting = Waiting()
    retry = Retry(times=100, total_seconds=10)
    async with (
        stranger(in_turn(problem("overloaded", 503, ("retry-after", "4")))) as server,
        asking(kind, server.url, clock=waiting.clock, retry=retry) as ask,
    ):
        with pytest.raises(errors.Overloaded):
            await ask(call)
    assert waiting.waits == [4.0, 4.0]
    assert len(server.heard) == 3


@pytest.mark.parametrize(
    "begun",
    [
        problem("overloaded", 503, usage={"fuel": 3}),
        problem("overloaded", 503, step="migrate"),
        problem("internal-error", 500),
        problem("trap", 502, usage={}),
        problem("deadline-exceeded", 504, usage={}),
        problem("vault-sealed", 503),
        GATEWAY,
        None,
    ],
    ids=["spent", "step", "internal", "trap", "deadline", "sealed", "gateway", "lost"],
)
async def test_a_call_that_may_have_begun_is_not_sent_again(kind: str, begun: bytes | None) -> None:
    async with (
        stranger(in_turn(begun, good(CALLED))) as server,
        asking(kind, server.url, clock=Waiting().clock) as ask,
    ):
        with pytest.raises(errors.ClientError):
            await ask(call)
    assert len(server.heard) == 1


async def test_a_call_with_a_key_of_its_own_is_sent_again_when_its_answer_was_lost(
    kind: str,
) -> None:
    async with (
        stranger(in_turn(None, GATEWAY, good(CALLED))) as server,
        asking(kind, server.url, clock=Waiting().clock) as ask,
    ):
        await ask(lambda client: client.call("p", "f", idempotency_key="mine"))
    assert names(server) == ["mine", "mine", "mine"]


async def test_every_post_gets_one_key_for_all_its_attempts_where_lost_ones_are_repeated(
    kind: str,
) -> None:
    async with (
        stranger(in_turn(None, good(CALLED), good(CALLED))) as server,
        asking(kind, server.url, clock=Waiting().clock, retry=Retry(lost_changes=True)) as ask,
    ):
        await ask(call)
        await ask(call)
    first, second, third = names(server)
    assert first == second
    assert first is not None
    assert third not in (None, first)


POLICY = {"unsigned": "warn", "stale": "warn"}
CONFIG = {"step": 1}


@pytest.mark.parametrize(
    ("ask_for", "answer", "sent"),
    [
        (listed, [], 2),
        (lambda client: client.trust.set_policy(stale="warn"), POLICY, 2),
        (lambda client: client.config.replace(CONFIG, "p"), CONFIG, 2),
        (lambda client: client.config.replace(CONFIG, "p", if_match='"3"'), CONFIG, 1),
        (lambda client: client.credentials.replace("n", "bearer", {"token": "t"}), {}, 1),
        (lambda client: client.publishers.take_revocations("n", b"{}"), {}, 1),
        (lambda client: client.keys.revoke("k"), None, 1),
        (lambda client: client.events.publish("a.b"), {}, 1),
    ],
    ids=["get", "put", "config", "conditional", "credential", "signed", "delete", "publish"],
)
async def test_only_what_may_be_done_twice_is_repeated_when_its_answer_was_lost(
    kind: str, ask_for: Ask, answer: Any, sent: int
) -> None:
    async with (
        stranger(in_turn(None, good(answer))) as server,
        asking(kind, server.url, clock=Waiting().clock) as ask,
    ):
        try:
            await ask(ask_for)
        except errors.ConnectionLost:
            assert sent == 1
    assert len(server.heard) == sent


async def test_what_a_gateway_answers_for_a_host_is_asked_again_where_that_is_safe(
    kind: str,
) -> None:
    async with (
        stranger(in_turn(GATEWAY, good([]))) as server,
        asking(kind, server.url, clock=Waiting().clock) as ask,
    ):
        assert await ask(listed) == []
    assert len(server.heard) == 2


async def test_a_call_that_found_no_host_is_sent_again(kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    told: list[Retrying] = []
    waiting = Waiting()
    async with asking(
        kind, f"http://127.0.0.1:{port}", clock=waiting.clock, on_retry=told.append
    ) as ask:
        with pytest.raises(errors.NotConnected, match="No host answers"):
            await ask(call)
    assert [each.attempt for each in told] == [1, 2]


async def test_nothing_is_sent_again_where_the_app_wants_that(kind: str) -> None:
    async with (
        stranger(in_turn(problem("overloaded", 503))) as server,
        asking(kind, server.url, clock=Waiting().clock, retry=Retry(times=0)) as ask,
    ):
        with pytest.raises(errors.Overloaded):
            await ask(listed)
    assert len(server.heard) == 1


class Pipe(io.RawIOBase):
    """What can be read once."""

    def __init__(self, content: bytes) -> None:
        self._rest = content

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(piece)] = piece
        return len(piece)


async def test_an_upload_is_read_again_from_where_it_began(kind: str) -> None:
    file = io.BytesIO(b"before" + b"x" * 300_000)
    file.seek(len(b"before"))
    full = problem("overloaded", 503)
    async with (
        stranger(in_turn(full, problem("conflict", 409))) as server,
        asking(kind, server.url, clock=Waiting().clock) as ask,
    ):
        with pytest.raises(errors.Conflict):
            await ask(lambda client: client.plugins.install(file))
    assert [heard.body for heard in server.heard] == [b"x" * 300_000] * 2


async def test_an_upload_that_cannot_be_read_again_is_sent_once(kind: str) -> None:
    async def refuse(heard: Heard, writer: asyncio.StreamWriter) -> None:
        assert await heard.reader.readuntil(b"\r\n0\r\n\r\n") == b"2\r\nPK\r\n0\r\n\r\n"
        writer.write(problem("overloaded", 503))

    async with (
        stranger(refuse) as server,
        asking(kind, server.url, clock=Waiting().clock) as ask,
    ):
        with pytest.raises(errors.Overloaded):
            await ask(lambda client: client.plugins.install(Pipe(b"PK")))
    assert len(server.heard) == 1


async def test_a_retry_is_in_the_log_and_the_key_is_not(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    full = problem("overloaded", 503, ("retry-after", "1"))
    with caplog.at_level(logging.INFO, "wardian.client"):
        async with (
            stranger(in_turn(full, good(CALLED))) as server,
            asking(kind, server.url, clock=Waiting().clock) as ask,
        ):
            await ask(call)
    assert "is sent again in 1.00 s (attempt 2): It is overloaded." in caplog.text
    assert "wdn_" not in caplog.text


async def test_what_is_sent_along_never_takes_the_key_s_place(kind: str) -> None:
    headers = {"Authorization": "Bearer other", "traceparent": "00-a-b-01"}
    async with (
        stranger(in_turn(good([], NAMED))) as server,
        asking(kind, server.url, headers=headers) as ask,
    ):
        await ask(listed)
    (heard,) = server.heard
    assert heard.header("authorization") == "Bearer wdn_" + "s" * 43
    assert heard.header("traceparent") == "00-a-b-01"
