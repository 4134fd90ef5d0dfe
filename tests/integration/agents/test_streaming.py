"""Answers heard piece by piece, by who asked, whoever answers in the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agents import ASK, agent, agents_host
from hosts import WASM, FakeHost, fake_host
from packages import package
from wardian.agents.questions import Piece
from wardian.errors import AgentUnavailable, Trap
from wardian.runtime.executor.job import HostCalls

pytestmark = pytest.mark.anyio

AGENT = 'category = "ai_agent"\ncapabilities = ["summarize"]\n'


class Ear:
    """Hears pieces."""

    def __init__(self) -> None:
        self.heard: list[Piece] = []

    async def __call__(self, piece: Piece) -> None:
        self.heard.append(piece)


class Speaker:
    """Says the next of its turns each time it is asked, and traps where a turn says so."""

    def __init__(self, *turns: list[str]) -> None:
        self.turns = list(turns)

    async def ask(self, arguments: Mapping[str, Any], answer: HostCalls) -> Any:
        for piece in self.turns.pop(0):
            if piece == "trap":
                raise Trap
            await answer("answering", "emit", [piece])
        return {"output": '"whole"', "units": 1, "confidence": None, "cacheable": True}


@asynccontextmanager
async def speaking(folder: Path, speaker: Speaker) -> AsyncIterator[FakeHost]:
    async with fake_host(folder, {ASK: speaker.ask}) as made:
        for name in ("one", "two"):
            await made.host.install(package(name, WASM, AGENT), grants="all")
        yield made


async def test_pieces_of_a_real_agent_come_before_its_answer(tmp_path: Path) -> None:
    ear = Ear()
    async with agents_host(tmp_path, agent("one", emits=True)) as host:
        answer = await host.agents.ask("summarize", ["p", "a"], on_piece=ear)

    assert ear.heard == [Piece(text='["p","a"]', agent="one")] * 2
    assert answer.output == ["p", "a"]


async def test_where_another_begins_anew_is_told(tmp_path: Path) -> None:
    ear = Ear()
    async with speaking(tmp_path, Speaker(["a", "b", "trap"], ["c"])) as made:
        answer = await made.host.agents.ask("summarize", [], on_piece=ear)

    first, second = (each.agent for each in answer.attempts)
    assert ear.heard == [
        Piece(text="a", agent=first),
        Piece(text="b", agent=first),
        Piece(text="", agent=second, restarted=True),
        Piece(text="c", agent=second),
    ]
    assert answer.output == "whole"


async def test_who_was_not_heard_is_not_said_to_have_begun_anew(tmp_path: Path) -> None:
    ear = Ear()
    async with speaking(tmp_path, Speaker(["trap"], ["c"])) as made:
        answer = await made.host.agents.ask("summarize", [], on_piece=ear)

    assert ear.heard == [Piece(text="c", agent=answer.agent)]


async def test_pieces_of_an_agent_that_fails_come_to_no_answer(tmp_path: Path) -> None:
    ear = Ear()
    async with speaking(tmp_path, Speaker(["a", "trap"], ["trap"])) as made:
        with pytest.raises(AgentUnavailable):
            await made.host.agents.ask("summarize", [], on_piece=ear)

    assert [each.text for each in ear.heard] == ["a", ""]


async def test_an_answer_that_was_kept_is_whole_at_once(tmp_path: Path) -> None:
    ear = Ear()
    async with speaking(tmp_path, Speaker(["a"])) as made:
        await made.host.agents.ask("summarize", [], on_piece=ear)
        answer = await made.host.agents.ask("summarize", [], on_piece=ear)

    assert answer.cached
    assert [each.text for each in ear.heard] == ["a"]


async def test_an_agent_is_ended_when_who_hears_it_goes(tmp_path: Path) -> None:
    reached = asyncio.Event()

    async def stuck(piece: Piece) -> None:
        reached.set()
        await asyncio.Event().wait()

    async with speaking(tmp_path, Speaker(["a", "b"])) as made:
        asking = asyncio.create_task(made.host.agents.ask("summarize", [], on_piece=stuck))
        await reached.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    # The host has closed, so nothing of it was left.
    assert made.parts.calls.running("default") == []


async def test_nobody_hears_what_an_agent_says_to_a_plugin(tmp_path: Path) -> None:
    ear = Ear()
    outer = agent("outer", always="a", asks=True, priority=90)
    async with agents_host(tmp_path, agent("one", emits=True)) as host:
        await host.install(outer, grants="all")
        answer = await host.agents.ask("summarize", ["p"], on_piece=ear)

    assert (answer.agent, answer.output) == ("outer", ["p"])
    assert ear.heard == []
