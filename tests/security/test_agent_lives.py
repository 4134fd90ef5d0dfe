"""Agents that change, go, or are set aside while they answer: every question comes to an end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from hosts import WASM, FakeHost, fake_host
from packages import package
from wardian.agents.questions import Piece
from wardian.agents.registry.changes import AgentChange
from wardian.agents.views import AnswerView
from wardian.crypto.digests import sha256_hex
from wardian.errors import AgentUnavailable, Trap, WardianError
from wardian.plugins.agents import AGENT_ASK

pytestmark = pytest.mark.anyio

AGENT = """category = "ai_agent"
capabilities = [{capabilities}]

[agent]
priority = {priority}

[agent.cost]
per_call = 1.0
"""

BY_PRIORITY = {"cost": 0, "latency": 0, "quality": 0, "load": 0, "priority": 1}

Answers = Mapping[str, Any]


def agent(
    name: str, priority: int = 50, version: str = "1.0.0", capabilities: str = '"summarize"'
) -> bytes:
    lines = AGENT.format(capabilities=capabilities, priority=priority)
    return package(name, component(name, version), lines, version)


def component(name: str, version: str = "1.0.0") -> bytes:
    return WASM + f"{name} {version}".encode()


class Played:
    """What agents do: `first` says something, waits to be let go on, and answers or fails."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.pieces: list[Piece] = []
        self.began, self.go = asyncio.Event(), asyncio.Event()
        self.error: WardianError | None = None
        self.made: FakeHost

    async def __call__(self, arguments: Answers, answer: Any) -> Answers:
        digest = self.made.executor.jobs[-1].digest
        is_first = digest == sha256_hex(component("first"))
        self.asked.append("first" if is_first else "another")
        if is_first:
            await answer("answering", "emit", ["Once upon"])
            self.began.set()
            await self.go.wait()
            if self.error is not None:
                raise self.error
        return {"output": "1", "units": 1, "confidence": None, "cacheable": False}

    async def hear(self, piece: Piece) -> None:
        self.pieces.append(piece)

    def ask(self, **criteria: Any) -> asyncio.Task[AnswerView]:
        """Put a question; `first` is asked before `second`."""
        wanted = {"weights": BY_PRIORITY, "fallback": 1} | criteria
        asked = self.made.host.agents.ask("summarize", 1, criteria=wanted, on_piece=self.hear)
        return asyncio.create_task(asked)


@pytest.fixture
async def played(tmp_path: Path) -> AsyncIterator[Played]:
    play = Played()
    async with fake_host(tmp_path, {AGENT_ASK: play}) as made:
        play.made = made
        await made.host.install(agent("first", 90))
        await made.host.install(agent("second", 10))
        await made.host.agents.budgets.set("default", "*", "ever", 100.0)
        yield play


async def revoke(made: FakeHost) -> None:
    plugin = await made.parts.registry.get("default", "first")
    await made.host.revocations.add(sha256=plugin.package_digest, reason="It is bad")


async def quarantine(made: FakeHost) -> None:
    plugin = await made.parts.registry.get("default", "first")
    await made.parts.lifecycle.quarantine(plugin, "It is bad")


async def pause(made: FakeHost) -> None:
    await made.host.agents.registry.change("default", "first", AgentChange(paused=True), "ada")


async def roll_back(made: FakeHost) -> None:
    await made.host.upgrade(agent("first", 90, "2.0.0"))
    await made.host.rollback("first")


CHANGES: dict[str, Callable[[FakeHost], Awaitable[object]]] = {
    "paused": pause,
    "disabled": lambda made: made.host.disable("first"),
    "uninstalled": lambda made: made.host.uninstall("first"),
    "upgraded": lambda made: made.host.upgrade(agent("first", 90, "2.0.0")),
    "rolled-back": roll_back,
    "quarantined": quarantine,
    "revoked": revoke,
}


@pytest.mark.parametrize("fails", [False, True], ids=["answers", "fails"])
@pytest.mark.parametrize("change", CHANGES)
async def test_a_question_that_streams_comes_to_its_end_whatever_becomes_of_its_agent(
    played: Played, change: str, fails: bool
) -> None:
    made, agents = played.made, played.made.host.agents
    if fails:
        played.error = Trap("It broke.")
    asked = played.ask()
    await played.began.wait()
    changing = asyncio.ensure_future(CHANGES[change](made))
    await asyncio.wait([changing], timeout=0.05)
    played.go.set()
    async with asyncio.timeout(20):
        answer = await asked
        await changing
    await agents.idle()
    [budget] = await agents.budgets.get()
    loads = [each.in_flight for each in await agents.registry.list("default")]
    [known] = (await agents.asks()).asks

    assert (budget.held, budget.spent) == (0.0, answer.cost)
    assert set(loads) == {0}
    assert (known.id, known.ending, known.agent) == (answer.id, "answered", answer.agent)
    assert answer.agent == "second" or not fails
    is_anew = answer.agent == "second"
    assert [(piece.agent, piece.restarted) for piece in played.pieces] == [
        ("first", False),
        *[("second", True)] * is_anew,
    ]
    await agents.health._parts.breakers.tend()
    assert {each[1] for each in agents.health._parts.breakers.states()} <= {
        each.name for each in await agents.registry.list("default")
    }


@pytest.mark.parametrize("change", ["paused", "loses", "replaced"])
async def test_an_agent_is_not_fallen_back_to_that_answers_it_no_more(
    played: Played, change: str
) -> None:
    made = played.made
    played.error = Trap("It broke.")
    asked = played.ask()
    await played.began.wait()
    if change == "paused":
        paused = AgentChange(paused=True)
        await made.host.agents.registry.change("default", "second", paused, "ada")
    elif change == "loses":
        await made.host.upgrade(agent("second", 10, "2.0.0", '"translate"'))
    else:
        await made.host.uninstall("second")
        await made.host.install(agent("second", 10, "1.0.0", '"translate"'))
    played.go.set()
    with pytest.raises(AgentUnavailable) as caught:
        await asked

    assert played.asked == ["first"]
    assert [(each["agent"], each["ending"]) for each in caught.value.attempts] == [
        ("first", "failed"),
        ("second", "not-begun"),
    ]
