"""One asker that asks without end: others are still answered."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hosts import WASM, fake_host
from packages import package
from routes import candidate
from wardian.agents.asking import places
from wardian.agents.asking.places import BESIDE_SECONDS, Places
from wardian.errors import AgentUnavailable
from wardian.plugins.agents import AGENT_ASK

pytestmark = pytest.mark.anyio

AGENT = """
category = "ai_agent"
capabilities = ["summarize@1.0.0"]

[agent.limits]
concurrent = 8
"""


async def test_who_asks_without_end_leaves_places_for_others(tmp_path: Path) -> None:
    released = asyncio.Event()
    begun: list[str] = []

    async def run(arguments: Mapping[str, Any], answer: Any) -> Any:
        if arguments["question"]["input"] == '"slow"':
            begun.append("slow")
            await released.wait()
        return {"output": "1", "units": 1, "confidence": None, "cacheable": False}

    async with fake_host(tmp_path, {AGENT_ASK: run}) as made:
        agents = made.host.agents
        await made.host.install(package("lead", WASM, AGENT))

        async def flood() -> list[asyncio.Task[Any]]:
            """Ask until all places are taken that the asker can have."""
            tasks: list[asyncio.Task[Any]] = []
            while not any(task.done() for task in tasks):
                asked = agents.ask("summarize", "slow", subject="eve")
                tasks.append(task := asyncio.create_task(asked))
                before = len(begun)
                while not task.done() and len(begun) == before:
                    await asyncio.sleep(0)
            return tasks

        alone = await flood()
        with pytest.raises(AgentUnavailable):
            await agents.ask("summarize", "quick", subject="ada")
        released.set()
        answered = await asyncio.gather(*alone, return_exceptions=True)
        released.clear()
        beside = await flood()
        quick = [await agents.ask("summarize", "quick", subject="ada") for _ in range(5)]
        released.set()
        refused = await asyncio.gather(*beside, return_exceptions=True)

    assert sum(not isinstance(each, Exception) for each in answered) == 8, "who is alone has all"
    assert sum(not isinstance(each, Exception) for each in refused) == 6
    assert "for others" in str(refused[-1])
    assert len(quick) == 5


def test_last_places_are_for_those_that_have_less_while_others_ask() -> None:
    now = [0.0]
    seats, agent = Places(now=lambda: now[0]), candidate("one", concurrent_max=8)

    def may(asker: str) -> bool:
        seats.wanted("default", "summarize", asker)
        return seats.are_for("default", asker, agent)

    def takes(asker: str) -> None:
        seats.take("default", asker, agent)
        agent.carry(agent.in_flight + 1)

    for _ in range(6):
        assert may("eve")
        takes("eve")
    assert may("eve"), "nobody else asks"
    assert may("ada")
    assert not may("eve")
    takes("ada")
    assert may("ada")
    now[0] = BESIDE_SECONDS + 0.1
    assert may("eve"), "nobody else has asked for a while"
    seats.leave("default", "ada", agent)
    for _ in range(6):
        seats.leave("default", "eve", agent)
    assert not seats._taken


def test_who_asked_last_is_known_of_so_many_capabilities(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "KEPT_MAX", 3)
    seats = Places()
    for number in range(10):
        seats.wanted("default", f"c{number}", "eve")

    assert len(seats._wanted) == 3


def test_agent_with_few_places_keeps_none_back() -> None:
    seats = Places()
    for most in (1, 2, 3):
        agent = candidate("one", concurrent_max=most)
        seats.wanted("default", "summarize", "ada")
        for _ in range(most):
            seats.wanted("default", "summarize", "eve")
            assert seats.are_for("default", "eve", agent)
            seats.take("default", "eve", agent)
            agent.carry(agent.in_flight + 1)
