"""What questions cost: ceilings along chains, what cannot be known, and who else could be asked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from agents import ASK, agent, agents_host, question
from hosts import fake_host
from wardian.errors import AgentUnavailable, BudgetExceeded, GuestError, Trap

pytestmark = pytest.mark.anyio

CHEAP = agent("cheap", per_call=0.25, id_=1)
DEAR = agent("dear", per_call=2.0, priority=90, id_=2)


async def test_cheaper_agent_is_asked_where_the_budget_does_not_allow_the_dear_one(
    tmp_path: Path,
) -> None:
    async with agents_host(tmp_path, CHEAP, DEAR) as host:
        await host.agents.budgets.set("default", "*", "day", 1.0)
        answer = await host.agents.ask(
            "summarize", question("x"), criteria={"weights": {"priority": 100.0}}
        )
        await host.agents.budgets.set("default", "*", "day", 0.3)
        with pytest.raises(BudgetExceeded):
            await host.agents.ask("summarize", question("x"))
        [budget] = await host.agents.budgets.get()
        [refused, answered] = (await host.agents.asks()).asks

    assert (answer.agent, answer.cost) == ("cheap", 0.25)
    assert (budget.spent, budget.held) == (0.25, 0.0)
    assert (refused.ending, refused.cost) == ("budget-exceeded", 0.0)
    assert [(each.agent, each.ending) for each in answered.attempts] == [
        ("dear", "not-begun"),
        ("cheap", "answered"),
    ]


async def test_those_who_are_too_dear_for_the_budget_are_told_of_and_no_more_than_can_be_read(
    tmp_path: Path,
) -> None:
    dear = [agent(f"dear{n:02}", per_call=2.0, id_=0) for n in range(24)]
    async with agents_host(tmp_path, CHEAP, *dear) as host:
        await host.agents.budgets.set("default", "*", "day", 0.3)
        criteria = {"strategy": "best-quality", "exclude": ["cheap"]}
        with pytest.raises(BudgetExceeded):
            await host.agents.ask("summarize", question("x"), criteria=criteria)
        [refused] = (await host.agents.asks()).asks

    assert [each.ending for each in refused.attempts] == ["not-begun"] * 16
    assert "budget" in refused.attempts[0].reason
    assert "budget has just refused" in refused.attempts[1].reason


async def test_all_that_are_asked_one_after_the_other_stay_below_the_ceiling(
    tmp_path: Path,
) -> None:
    broken = [agent(f"broken{n}", always="t", per_call=0.5, id_=n) for n in range(4)]
    async with agents_host(tmp_path, *broken) as host:
        with pytest.raises(AgentUnavailable):
            await host.agents.ask(
                "summarize", question("x"), criteria={"fallback": 8, "ceilings": {"cost": 1.2}}
            )
        [known] = (await host.agents.asks()).asks

    assert known.cost == 1.0
    assert [each.ending for each in known.attempts] == ["failed"] * 2 + ["not-begun"] * 2
    assert "ceiling" in known.attempts[-1].reason


async def test_what_an_agent_asks_is_within_the_ceiling_of_what_it_is_asked(
    tmp_path: Path,
) -> None:
    outer = agent("outer", "digest@1.0.0", per_call=1.0, asks=True, always="a")
    async with agents_host(tmp_path, CHEAP) as host:
        await host.install(outer, grants=["agents:ask:*"])
        answer = await host.agents.ask("digest", question("x"), criteria=_at_most(1.25))
        with pytest.raises(GuestError):
            await host.agents.ask("digest", question("x"), criteria=_at_most(1.2))
        await host.agents.budgets.set("default", "*", "ever", 3.4)
        with pytest.raises(GuestError):
            await host.agents.ask("digest", question("x"))
        [budget] = await host.agents.budgets.get()

    assert answer.output == ["x"]
    assert (budget.spent, budget.held) == (3.25, 0.0), "one answer of both, and two of the outer"


def _at_most(cost: float) -> Mapping[str, Any]:
    return {"ceilings": {"cost": cost}}


async def _puts(arguments: Mapping[str, Any], answer: Any) -> Any:
    """Do something outside of itself, and trap."""
    assert (await answer("events", "publish", ["orders.new", "1", None]))["tag"] == "ok"
    raise Trap("It trapped.")


async def _traps(arguments: Mapping[str, Any], answer: Any) -> Any:
    raise Trap("It trapped.")


@pytest.mark.parametrize(("body", "cost"), [(_traps, 0.5), (_puts, 1.0)], ids=["none", "some"])
async def test_agent_that_was_stopped_is_charged_with_all_that_it_may_cost_if_it_had_effects(
    tmp_path: Path, body: Any, cost: float
) -> None:
    one = agent(
        "one",
        per_call=0.5,
        per_unit=0.25,
        limits="units = 2",
        more='[[permissions]]\npermission = "events:publish:orders.*"\nreason = "Tells."',
    )
    async with fake_host(tmp_path, {ASK: body}) as made:
        await made.host.install(one, grants=["events:publish:orders.*"])
        await made.host.agents.budgets.set("default", "*", "ever", 5.0)
        with pytest.raises(AgentUnavailable):
            await made.host.agents.ask("summarize", 1)
        [known] = (await made.host.agents.asks()).asks
        [budget] = await made.host.agents.budgets.get()

    assert known.cost == cost
    assert (budget.spent, budget.held) == (cost, 0.0)


async def test_agent_takes_no_more_at_once_than_it_says(tmp_path: Path) -> None:
    begun, released = asyncio.Event(), asyncio.Event()

    async def waits(arguments: Mapping[str, Any], answer: Any) -> Any:
        begun.set()
        await released.wait()
        return {"output": "1", "units": 1, "confidence": None, "cacheable": False}

    async with fake_host(tmp_path, {ASK: waits}) as made:
        await made.host.install(agent("one", limits="concurrent = 1"))
        first = asyncio.create_task(made.host.agents.ask("summarize", 1))
        await begun.wait()
        with pytest.raises(AgentUnavailable):
            await made.host.agents.ask("summarize", 1)
        released.set()
        assert (await first).output == 1
        assert (await made.host.agents.ask("summarize", 1)).output == 1
