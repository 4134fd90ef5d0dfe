"""Questions while PostgreSQL goes away and comes back: answered, charged, written down."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import postgres
from hosts import WASM, fake_host
from packages import package
from wardian.errors import Trap, Unavailable
from wardian.plugins.agents import AGENT_ASK

pytestmark = pytest.mark.anyio

AGENT = 'category = "ai_agent"\ncapabilities = ["summarize"]\n[agent.cost]\nper_call = 1.0'


async def test_what_is_asked_while_the_database_is_away_is_answered_and_known_afterwards(
    postgres_server: postgres.Server, postgres_url: str, tmp_path: Path
) -> None:
    began, go, is_ill = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def run(arguments: Mapping[str, Any], answer: Any) -> Any:
        began.set()
        await go.wait()
        if is_ill.is_set():
            raise Trap("It is ill.")
        return {"output": "1", "units": 0, "confidence": None, "cacheable": False}

    settings = {"database_url": postgres_url, "packages_dir": tmp_path / "packages"}
    async with fake_host(tmp_path / "data", {AGENT_ASK: run}, **settings) as made:
        agents = made.host.agents
        await made.host.install(package("lead", WASM, AGENT))
        await agents.budgets.set("default", "summarize", "ever", 100.0)
        asked = asyncio.create_task(agents.ask("summarize", 1))
        await began.wait()
        await postgres_server.run("CHECKPOINT")  # its commits wait for no disk otherwise
        postgres_server.stop()
        try:
            go.set()
            async with asyncio.timeout(30):
                answer = await asked
            with pytest.raises(Unavailable, match="database"):
                await agents.ask("summarize", 2)  # nobody knows what is left of the budget
        finally:
            await postgres_server.start()
        async with asyncio.timeout(30):
            while True:
                try:
                    await agents.ask("summarize", 3)
                    break
                except Unavailable:
                    await asyncio.sleep(0.05)
            known = await agents.asked("default", answer.id)
        async with asyncio.timeout(30):  # what could not be charged is charged now
            while [(each.spent, each.held) for each in await agents.budgets.get()] != [(2.0, 0.0)]:
                await asyncio.sleep(0.05)
        is_ill.set()
        for _ in range(6):
            with pytest.raises(Unavailable):
                await agents.ask("summarize", 4)
        async with asyncio.timeout(30):
            while (await agents.health.find("default", "lead")).state == "closed":
                await asyncio.sleep(0.05)

    assert known.ending == "answered"
