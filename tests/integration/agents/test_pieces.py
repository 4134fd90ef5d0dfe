"""Answers piece by piece: what is heard, and of whom."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from agents import ASK, agent, agents_host, question
from hosts import fake_host
from wardian.agents.questions import Piece
from wardian.errors import Trap

pytestmark = pytest.mark.anyio

Body = Callable[[Mapping[str, Any], Any], Awaitable[Any]]

ONE, TWO = agent("one", priority=90, per_call=0.5), agent("two", per_call=0.25, id_=2)
ANSWER = {"output": "1", "units": 1, "confidence": None, "cacheable": False}


class Ears:
    """Hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, bool]] = []

    async def __call__(self, piece: Piece) -> None:
        self.heard.append((piece.agent, piece.text, piece.restarted))


def _by_turns(*bodies: Body) -> Body:
    """What the first call runs, the second, and so on."""
    left = iter(bodies)

    async def run(arguments: Mapping[str, Any], answer: Any) -> Any:
        return await next(left)(arguments, answer)

    return run


def _says(*pieces: str, then: Callable[[], Awaitable[Any]] | None = None) -> Body:
    async def run(arguments: Mapping[str, Any], answer: Any) -> Any:
        for piece in pieces:
            assert (await answer("answering", "emit", [piece]))["tag"] == "ok"
        return ANSWER if then is None else await then()

    return run


async def _traps() -> Any:
    raise Trap("It trapped.")


async def _never_ends() -> Any:
    await asyncio.Event().wait()


async def test_pieces_are_heard_in_order_before_the_answer_which_is_whole(tmp_path: Path) -> None:
    ears = Ears()
    async with agents_host(tmp_path, agent("one", emits=True)) as host:
        answer = await host.agents.ask("summarize", question("p"), on_piece=ears)

    assert ears.heard == [("one", '["p"]', False), ("one", '["p"]', False)]
    assert answer.output == ["p"]


async def test_agent_that_begins_after_another_was_heard_says_so_first(tmp_path: Path) -> None:
    ears, run = Ears(), _by_turns(_says("Once", then=_traps), _says("Twice", " over"))
    async with fake_host(tmp_path, {ASK: run}) as made:
        for each in (ONE, TWO):
            await made.host.install(each)
        wanted = {"ceilings": {"cost": 5000.0}}
        answer = await made.host.agents.ask("summarize", 1, criteria=wanted, on_piece=ears)

    first, second = (each.agent for each in answer.attempts)
    assert ears.heard == [
        (first, "Once", False),
        (second, "", True),
        (second, "Twice", False),
        (second, " over", False),
    ]


async def test_nothing_begins_anew_for_who_has_heard_nothing(tmp_path: Path) -> None:
    ears, run = Ears(), _by_turns(_says(then=_traps), _says("Once"))
    async with fake_host(tmp_path, {ASK: run}) as made:
        for each in (ONE, TWO):
            await made.host.install(each)
        answer = await made.host.agents.ask("summarize", 1, on_piece=ears)

    assert ears.heard == [(answer.agent, "Once", False)]


async def test_only_the_first_of_two_that_are_asked_at_once_is_heard(tmp_path: Path) -> None:
    ears = Ears()
    run = _by_turns(_says("Slowly", then=_never_ends), _says("Quickly"))
    async with fake_host(tmp_path, {ASK: run}) as made:
        for each in (ONE, TWO):
            await made.host.install(each)
        answer = await made.host.agents.ask("summarize", 1, criteria={"hedge": True}, on_piece=ears)

    slow, quick = answer.attempts
    assert (slow.ending, quick.ending, quick.hedge) == ("cancelled", "answered", True)
    assert ears.heard == [(slow.agent, "Slowly", False), (quick.agent, "", True)]


async def test_who_does_not_hear_well_has_the_answer_all_the_same(tmp_path: Path) -> None:
    async def deaf(piece: Piece) -> None:
        raise RuntimeError(piece.text)

    async with fake_host(tmp_path, {ASK: _says("Once", "Twice")}) as made:
        await made.host.install(ONE)
        answer = await made.host.agents.ask("summarize", 1, on_piece=deaf)

    assert answer.output == 1
