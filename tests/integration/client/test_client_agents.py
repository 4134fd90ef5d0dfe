"""Agents by both clients: asked, listened to, judged and changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from apis import serving
from asking import KEY, NAMED, Ask, asking, problem
from hosts import fake_host
from oracles import Oracles, breaks, echoes
from strangers import Heard, Stranger, stranger
from wardian.agents.questions import OnPiece
from wardian.agents.questions import Piece as Said
from wardian.client import AsyncClient, Client, Retry, errors
from wardian.client.models import AgentRule, Answer, DroppedPieces, Piece, Restarted
from wardian.settings import Settings

pytestmark = pytest.mark.anyio

Follow = Callable[..., AsyncIterator[Any]]


async def speaks(question: Any, on_piece: OnPiece | None) -> Any:
    """Answer in pieces, after another has begun to."""
    assert on_piece is not None
    await on_piece(Said(text="Half.", agent="first"))
    await on_piece(Said(text="One.", agent="speaker", restarted=True))
    await on_piece(Said(text=" Two.\n", agent="speaker"))
    return "One. Two.\n"


@pytest.fixture(params=["sync", "async"])
async def ask(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Ask]:
    async with fake_host(tmp_path) as made:
        oracles = made.host.agents = Oracles()  # type: ignore[assignment]
        oracles.add("lead", echoes)
        oracles.add("rank", echoes)
        oracles.add("broken", breaks, "count")
        key = (await made.host.keys.create("app", ["admin"], "default")).token
        async with (
            serving(made.host, Settings(data_dir=tmp_path)) as (address, port),
            asking(request.param, f"http://{address}:{port}", key=key) as asks,
        ):
            yield asks


@pytest.fixture(params=["sync", "async"])
def follow(request: pytest.FixtureRequest) -> Follow:
    """Follows an answer with a client of a kind."""

    async def awaited(url: str, key: str, capability: str) -> AsyncIterator[Any]:
        async with (
            AsyncClient(url, key, retry=Retry(times=3)) as client,
            aclosing(client.agents.stream(capability, 1)) as told,
        ):
            async for each in told:
                yield each

    async def blocked(url: str, key: str, capability: str) -> AsyncIterator[Any]:
        with Client(url, key, retry=Retry(times=3)) as client:
            told = client.agents.stream(capability, 1)
            while (each := await asyncio.to_thread(next, told, None)) is not None:
                yield each
            told.close()

    return blocked if request.param == "sync" else awaited


async def test_a_question_is_asked_judged_and_found_again(ask: Ask) -> None:
    given = {"text": "…"}
    criteria = {"ceilings": {"cost": 1.0}, "fallback": 1}
    answer = await ask(lambda client: client.agents.ask("summarize", given, criteria=criteria))
    await ask(lambda client: client.asks.judge(answer.id, score=0.5, comment="Short."))
    found = await ask(lambda client: client.asks.get(answer.id))
    page = await ask(lambda client: client.asks.list(agent="lead", limit=1))

    assert (answer.output, answer.agent, answer.usage.plugin) == (given, "lead", "lead")
    assert [(each.score, each.comment) for each in found.feedback] == [(0.5, "Short.")]
    assert (page.asks, page.next) == ([found], None)


async def test_what_goes_wrong_with_a_question_is_an_error_of_its_own(ask: Ask) -> None:
    with pytest.raises(errors.AgentUnavailable):
        await ask(lambda client: client.agents.ask("count", 1))
    with pytest.raises(errors.NotFound):
        await ask(lambda client: client.agents.ask("paint", 1))
    with pytest.raises(errors.InvalidArguments) as wrong:
        await ask(lambda client: client.agents.ask("count", 1, criteria={"fallback": 100}))
    assert wrong.value.problem.path == "criteria.fallback"


async def test_agents_are_looked_at_and_changed(ask: Ask) -> None:
    agents = await ask(lambda client: client.agents.list(capability="summarize"))
    choice = await ask(lambda client: client.agents.explain("summarize"))
    changed = await ask(lambda client: client.agents.change("lead", priority=9, paused=True))
    again = await ask(lambda client: client.agents.change("lead", priority=None))

    assert [each.name for each in agents] == ["lead", "rank"]
    assert (choice.chosen, choice.candidates[1].lost) == ("lead", "It scores less.")
    assert (changed.priority, changed.paused) == (9, True)
    assert again.overridden == ["priority"]
    assert (await ask(lambda client: client.agents.get("lead"))).health.state == "closed"


async def test_rules_budgets_and_trials_are_set_and_ended(ask: Ask) -> None:
    rule = AgentRule(name="night", strategy="cheapest", when={"hours": [22, 6]})
    rules = await ask(lambda client: client.agents.set_rules([rule], default="cheapest"))
    budget = await ask(lambda client: client.agent_budgets.set("*", "day", 2.5))
    trial = await ask(lambda client: client.agents.start_trial("lead", "0.9.0", share=0.1))

    assert (rules.rules, rules.default) == ([rule], "cheapest")
    again = await ask(lambda client: client.agents.rules())
    assert again.etag
    assert (again.rules, again.default) == (rules.rules, rules.default)
    assert (budget.capability, budget.limit) == ("*", 2.5)
    assert list(await ask(lambda client: client.agent_budgets.list())) == [budget]
    await ask(lambda client: client.agent_budgets.remove("*", "day"))
    assert list(await ask(lambda client: client.agent_budgets.list())) == []
    assert (trial.other.version, trial.share) == ("0.9.0", 0.1)
    shown = await ask(lambda client: client.agents.trial("lead"))
    assert shown.etag
    assert replace(shown, etag="") == trial
    stopped = await ask(lambda client: client.agents.stop_trial("lead", if_match=shown.etag))
    assert stopped == trial


async def test_an_answer_is_heard_while_it_is_made(follow: Follow, tmp_path: Path) -> None:
    async with fake_host(tmp_path) as made:
        oracles = made.host.agents = Oracles()  # type: ignore[assignment]
        oracles.add("speaker", speaks, "speak")
        key = (await made.host.keys.create("app", ["call"], "default")).token
        async with serving(made.host, Settings(data_dir=tmp_path)) as (address, port):
            url = f"http://{address}:{port}"
            told = [each async for each in follow(url, key, "speak")]
            with pytest.raises(errors.NotFound):
                [each async for each in follow(url, key, "paint")]

    assert told[0] == Restarted(agent="speaker")
    assert "".join(each.text for each in told if isinstance(each, Piece)) == "One. Two.\n"
    assert isinstance(told[-1], Answer)
    assert told[-1].output == "One. Two.\n"


async def collect(told: AsyncIterator[Any], seen: list[Any]) -> None:
    async for each in told:
        seen.append(each)


HEAD = (
    f"HTTP/1.1 200 OK\r\n{NAMED[0]}: {NAMED[1]}\r\nContent-Type: text/event-stream\r\n"
    "Connection: close\r\n\r\n"
).encode()


def says(*connections: bytes) -> Any:
    """A host that says so much on each connection before it is lost."""
    coming = iter(connections)

    async def reply(heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(next(coming))
        await writer.drain()
        writer.close()

    return reply


def asked(server: Stranger) -> int:
    return len([heard for heard in server.heard if "/ask" in heard.target])


async def test_a_question_whose_connection_is_lost_is_not_asked_again(follow: Follow) -> None:
    piece = HEAD + b'event: piece\ndata: {"text":"a","agent":"b"}\n\n: here\n\n'
    seen: list[Any] = []
    async with stranger(says(piece, piece)) as server:
        with pytest.raises(errors.ConnectionLost):
            await collect(follow(server.url, KEY, "speak"), seen)

        assert seen == [Piece(text="a", agent="b")]
        assert asked(server) == 1


async def test_a_question_that_was_not_begun_is_asked_again(follow: Follow) -> None:
    dropped = HEAD + b'event: dropped\ndata: {"dropped":3}\n\n'
    missing = (
        b'event: problem\ndata: {"type":"/problems/trap","title":"t","status":502,"detail":"d",'
        b'"ask":"a","cost":0.5,"usage":{"call_id":"c","plugin":"p","spent":{"fuel":7}}}'
    )
    async with stranger(says(problem("overloaded", 503), dropped + missing + b"\n\n")) as server:
        seen: list[Any] = []
        with pytest.raises(errors.Trap) as failed:
            await collect(follow(server.url, KEY, "speak"), seen)

        told = failed.value.problem
        assert (told.ask, told.cost, told.call_id) == ("a", 0.5, "c")
        assert told.usage is not None
        assert told.usage.fuel == 7
        assert seen == [DroppedPieces(dropped=3)]
        assert asked(server) == 2


async def test_a_message_at_the_end_that_is_none_is_no_answer(follow: Follow) -> None:
    async with stranger(says(HEAD + b'event: answer\ndata: {"id":3}\n\n')) as server:
        with pytest.raises(errors.UnexpectedAnswer):
            [each async for each in follow(server.url, KEY, "speak")]
