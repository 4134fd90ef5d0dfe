"""Answers that are no answers, or that nobody waits for: they cost no less for that."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hosts import WASM, fake_host
from packages import package
from wardian.agents.questions import Piece
from wardian.errors import AgentUnavailable
from wardian.plugins.agents import AGENT_ASK

pytestmark = pytest.mark.anyio

AGENT = """
category = "ai_agent"
capabilities = ["summarize@1.0.0"]

[agent.cost]
per_call = 1.0
per_unit = 1.0

[agent.limits]
units = 10
"""

ANSWER = {"output": "1", "units": 1, "confidence": None, "cacheable": False}


SAID: list[Any] = [
    ANSWER | {"units": -1_000_000},
    ANSWER | {"units": float("nan")},
    ANSWER | {"units": "1"},
    ANSWER | {"units": True},
    ANSWER | {"units": None},
    ANSWER | {"confidence": "certain"},
    ANSWER | {"output": None},
    ANSWER | {"cacheable": 1},
    {"output": "1"},
    [],
    None,
]


async def test_what_is_no_answer_is_charged_in_full_and_gives_nothing_back(tmp_path: Path) -> None:
    left = list(SAID)

    async def run(arguments: Mapping[str, Any], answer: Any) -> Any:
        return left.pop()

    async with fake_host(tmp_path, {AGENT_ASK: run}, agent_failures_max=100) as made:
        agents = made.host.agents
        await made.host.install(package("lead", WASM, AGENT))
        await agents.budgets.set("default", "*", "ever", 1_000.0)
        for _ in SAID:
            with pytest.raises(AgentUnavailable, match="no agent can"):
                await agents.ask("summarize", 1)
        await agents.idle()
        [budget] = await agents.budgets.get()
        asks = (await agents.asks()).asks

    assert not left
    assert (budget.spent, budget.held) == (11.0 * len(SAID), 0.0)
    assert {(ask.ending, ask.cost, ask.units) for ask in asks} == {("agent-unavailable", 11.0, 0)}


async def test_who_hears_an_answer_and_goes_before_its_end_pays_for_it(tmp_path: Path) -> None:
    heard = asyncio.Event()

    async def run(arguments: Mapping[str, Any], answer: Any) -> Any:
        if arguments["question"]["input"] == '"aloud"':
            await answer("answering", "emit", ["all of the answer"])
        heard.set()
        await asyncio.get_running_loop().create_future()

    async def hear(piece: Piece) -> None:
        """Take it."""

    async with fake_host(tmp_path, {AGENT_ASK: run}) as made:
        agents = made.host.agents
        await made.host.install(package("lead", WASM, AGENT))
        await agents.budgets.set("default", "*", "ever", 100.0)
        for text in ("aloud", "silent"):
            task = asyncio.create_task(agents.ask("summarize", text, on_piece=hear))
            await heard.wait()
            heard.clear()
            task.cancel()
            await asyncio.wait([task])
        await agents.idle()
        [budget] = await agents.budgets.get()
        costs = [ask.cost for ask in (await agents.asks()).asks]

    assert costs == [1.0, 11.0]
    assert (budget.spent, budget.held) == (12.0, 0.0)
