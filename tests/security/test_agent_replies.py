"""What a worker that was taken over says that an agent answered: it costs no less for that."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hosts import WASM, fake_host
from packages import package
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
