"""What the client makes of answers: good ones, problems, and those of who knows what."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asking import CALLED, NAMED, Waiting, asking, good, in_turn, problem
from strangers import Heard, redirect, response, stranger
from wardian.client import AsyncClient, Retry, errors

pytestmark = pytest.mark.anyio

Ask = Callable[[Any], Any]

ONCE = Retry(times=0)


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


def call(client: Any) -> Any:
    return client.call("p", "f", {"a": 1})


async def raised_by(kind: str, answer: bytes | None, ask_for: Ask = call, **options: Any) -> Any:
    """What a client raises at an answer."""
    async with (
        stranger(in_turn(answer)) as server,
        asking(kind, server.url, retry=ONCE, **options) as ask,
    ):
        with pytest.raises(errors.ClientError) as raised:
            await ask(ask_for)
    assert "wdn_" not in repr(raised.value) + str(raised.value)
    return raised.value


async def test_a_problem_says_all_that_the_host_said(kind: str) -> None:
    answer = problem(
        "guest-error", 422, payload={"left": 2}, usage={"fuel": 9}, call_id="c9", unheard_of=[1]
    )
    error = await raised_by(kind, answer)

    assert isinstance(error, errors.GuestError)
    assert isinstance(error, errors.CallError)
    assert (error.payload, error.usage.fuel, error.call_id) == ({"left": 2}, 9, "c9")
    assert (error.status, error.request_id) == (422, "r1")
    assert error.problem.title == "guest-error"
    assert error.members["unheard_of"] == [1]
    assert str(error) == "It is guest-error: {'left': 2}"


@pytest.mark.parametrize(
    ("status", "raised"),
    [
        (400, errors.InvalidArguments),
        (404, errors.NotFound),
        (412, errors.Refused),
        (429, errors.RateLimited),
        (500, errors.HostFault),
        (502, errors.CallError),
        (503, errors.Unavailable),
        (507, errors.HostFault),
    ],
)
async def test_a_type_of_a_later_version_is_raised_by_its_status(
    status: int, raised: type[errors.HostError]
) -> None:
    error = await raised_by("sync", problem("of-tomorrow", status))
    assert type(error) is raised
    assert error.status == status


DEEP = b"[" * 100_000 + b"]" * 100_000


@pytest.mark.parametrize(
    "answer",
    [
        response(b"<html>", headers=[("content-type", "text/html")]),
        response(b"<html>", headers=[NAMED]),
        response(b'{"result": 1', headers=[NAMED]),
        response(b'{"result": 1}', headers=[NAMED]),
        response(b'{"result": 1, "usage": [], "call_id": "c"}', headers=[NAMED]),
        response(b"\xff\xfe", headers=[NAMED]),
        response(DEEP, headers=[NAMED]),
        response(b"", headers=[NAMED]),
        response(b"<html>", 404, [NAMED]),
        response(b'{"detail": "no"}', 404, [NAMED]),
        response(b"{}", 500),
        redirect("http://127.0.0.1:1/"),
        redirect("http://127.0.0.1:1/", 307),
    ],
    ids=[
        "foreign", "html", "cut", "short", "wrong", "bytes", "deep", "empty", "page", "no-problem",
        "nameless", "found", "redirect",
    ],
)  # fmt: skip
async def test_an_answer_that_no_host_gives_is_recognised(kind: str, answer: bytes) -> None:
    error = await raised_by(kind, answer)
    assert type(error) is errors.UnexpectedAnswer
    assert error.status == int(answer.split(b" ")[1])


async def test_a_redirect_takes_the_key_nowhere(kind: str) -> None:
    async with stranger() as elsewhere:
        await raised_by(kind, redirect(f"{elsewhere.url}/api/v1/plugins"))
    assert elsewhere.connections == 0


async def test_a_proxy_of_the_environment_is_not_used(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stranger() as proxy, stranger(in_turn(good(CALLED))) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        async with asking(kind, server.url) as ask:
            await ask(call)
    assert proxy.connections == 0


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nX-Request-ID: r\r\nContent-Length: 100\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nX-Request-ID: r\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
        b"garbage\r\n\r\n",
    ],
    ids=["length", "chunks", "garbage"],
)
async def test_an_answer_that_is_cut_off_is_a_lost_connection(kind: str, answer: bytes) -> None:
    async def reply(heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()
        writer.close()

    async with stranger(reply) as server, asking(kind, server.url, retry=ONCE) as ask:
        with pytest.raises(errors.ConnectionLost, match="did not answer to the end"):
            await ask(call)


async def test_a_host_that_says_nothing_is_given_up(kind: str) -> None:
    async def silent(heard: Heard, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with stranger(silent) as server, asking(kind, server.url, retry=ONCE) as ask:
        with pytest.raises(errors.TimedOut):
            await ask(lambda client: client.call("p", "f", timeout=0.05))
        with pytest.raises(errors.TimedOut):
            await ask(lambda client: client.with_options(timeout=0.05).plugins.list())


async def test_an_answer_in_drops_is_given_up_when_its_time_is_over(kind: str) -> None:
    waiting = Waiting()

    async def dripping(heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nX-Request-ID: r\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            waiting.waits.append(1.0)
            writer.write(b"1\r\n[\r\n")
            await writer.drain()
            await asyncio.sleep(0)

    async with (
        stranger(dripping) as server,
        asking(kind, server.url, retry=ONCE, clock=waiting.clock, timeout=30.0) as ask,
    ):
        with pytest.raises(errors.TimedOut):
            await ask(call)


async def test_an_answer_without_an_end_is_not_read_to_it(kind: str) -> None:
    async def endless(heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nX-Request-ID: r\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"10000\r\n" + b" " * 65_536 + b"\r\n")
            await writer.drain()

    async with (
        stranger(endless) as server,
        asking(kind, server.url, answer_max_bytes=1_000_000) as ask,
    ):
        with pytest.raises(errors.AnswerTooLarge, match="1,000,000"):
            await ask(call)
    assert len(server.heard) == 1


@pytest.mark.parametrize("name", ["", ".", ".."])
async def test_a_name_that_would_be_another_path_is_not_sent(kind: str, name: str) -> None:
    async with stranger() as server, asking(kind, server.url) as ask:
        for ask_for in (
            lambda client: client.plugins.uninstall(name),
            lambda client: client.call("p", name),
            lambda client: client.config.get(name),
        ):
            with pytest.raises(errors.NotSendable):
                await ask(ask_for)
    assert server.heard == []


async def test_a_name_stays_one_part_of_the_path(kind: str) -> None:
    async with stranger(in_turn(good(CALLED))) as server, asking(kind, server.url) as ask:
        await ask(lambda client: client.call("../x", "a:b/c@1.0.0#d?e=f %2F"))
    (heard,) = server.heard
    assert heard.target == (
        "/api/v1/plugins/..%2Fx/functions/a%3Ab%2Fc%401.0.0%23d%3Fe%3Df%20%252F"
    )


async def test_a_header_that_would_be_two_is_not_sent(kind: str) -> None:
    async with stranger() as server, asking(kind, server.url, headers={"X": "a\r\nY: b"}) as ask:
        with pytest.raises(errors.NotSendable):
            await ask(call)
    assert server.heard == []


async def test_a_host_below_a_path_is_spoken_to_there(kind: str) -> None:
    async with (
        stranger(in_turn(good(CALLED))) as server,
        asking(kind, f"{server.url}/wardian/") as ask,
    ):
        await ask(call)
    assert server.heard[0].target == "/wardian/api/v1/plugins/p/functions/f"


def export(to: Any, **more: Any) -> Ask:
    return lambda client: client.kv.export("p", to, **more)


LINES = b'{"key":1}\n' * 100_000
FILE = response(LINES, headers=[NAMED])


async def test_a_download_is_told_of_and_is_there_whole(kind: str, tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    open_file = io.BytesIO()
    async with stranger(in_turn(FILE)) as server, asking(kind, server.url) as ask:
        size = await ask(export(tmp_path / "x", progress=lambda *now: told.append(now)))
        await ask(export(open_file))
    assert size == len(LINES)
    assert (tmp_path / "x").read_bytes() == open_file.getvalue() == LINES
    assert told[-1] == (len(LINES), len(LINES))
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


async def test_a_download_that_is_cut_off_is_begun_again_where_it_can_be(
    kind: str, tmp_path: Path
) -> None:
    cut = FILE[:500_000]

    def replies() -> Any:
        answers = iter((cut, FILE))

        async def reply(heard: Heard, writer: asyncio.StreamWriter) -> None:
            writer.write(next(answers))
            await writer.drain()
            writer.close()

        return reply

    async with (
        stranger(replies()) as server,
        asking(kind, server.url, clock=Waiting().clock) as ask,
    ):
        assert await ask(export(tmp_path / "x")) == len(LINES)
    assert (tmp_path / "x").read_bytes() == LINES
    async with (
        stranger(replies()) as server,
        asking(kind, server.url, clock=Waiting().clock) as ask,
    ):
        with pytest.raises(errors.ConnectionLost):
            await ask(export(io.BytesIO()))


@pytest.mark.parametrize("answer", [FILE[:500_000], problem("not-found", 404), response(b"<html>")])
async def test_what_does_not_come_whole_leaves_the_file_that_was_there(
    kind: str, tmp_path: Path, answer: bytes
) -> None:
    (tmp_path / "x").write_bytes(b"before")

    async def reply(heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()
        writer.close()

    async with stranger(reply) as server, asking(kind, server.url, retry=ONCE) as ask:
        with pytest.raises(errors.ClientError):
            await ask(export(tmp_path / "x"))
    assert (tmp_path / "x").read_bytes() == b"before"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


async def test_files_that_are_not_there_are_told_of_before_anything_is_sent(
    kind: str, tmp_path: Path
) -> None:
    async with stranger() as server, asking(kind, server.url) as ask:
        for ask_for in (
            lambda client: client.plugins.install(tmp_path / "none"),
            lambda client: client.plugins.install(b"PK", signature=tmp_path / "none"),
            lambda client: client.installs.install([tmp_path / "none"]),
        ):
            with pytest.raises(errors.NotSendable, match="cannot be read"):
                await ask(ask_for)
    assert server.heard == []


async def test_a_task_that_is_cancelled_closes_its_connection() -> None:
    async def silent(heard: Heard, writer: asyncio.StreamWriter) -> None:
        began.set()
        await heard.reader.read()

    began = asyncio.Event()
    async with stranger(silent) as server, AsyncClient(server.url, "k") as client:
        task = asyncio.create_task(client.call("p", "f"))
        await began.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(10):
            await server.ended.wait()
