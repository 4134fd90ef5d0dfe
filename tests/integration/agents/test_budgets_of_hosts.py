"""Budgets of hosts that share a database, with more questions at once than they allow."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from agents import ASK, agent
from hosts import fake_host
from wardian import Host
from wardian.errors import BudgetExceeded

pytestmark = pytest.mark.anyio

Hosts = list[Host]

ASKS = 1_000
LIMIT = 150.0


async def _answer(arguments: Mapping[str, Any], answer: Any) -> Any:
    """Answer with the question, and use as many units as it says."""
    text = arguments["question"]["input"]
    await asyncio.sleep(0)
    return {"output": text, "units": int(text), "confidence": None, "cacheable": False}


PACKAGE = agent("one", per_unit=0.1, limits="units = 10\nconcurrent = 10000")
"""A question may cost 1."""


async def _hosts(stack: AsyncExitStack, *folders: Path, answer: Any = None, **more: Any) -> Hosts:
    """Open hosts, the first of which installs the agent; the others find it when they start."""
    found = []
    for folder in folders:
        made = fake_host(folder, {ASK: answer or _answer}, **more)
        found.append((await stack.enter_async_context(made)).host)
        if len(found) == 1:
            await found[0].install(PACKAGE)
    return found


async def test_no_budget_is_exceeded_by_a_thousand_questions_at_once_on_one_host(
    tmp_path: Path,
) -> None:
    async with AsyncExitStack() as stack:
        await _check_never_exceeded(await _hosts(stack, tmp_path))


async def test_no_budget_is_exceeded_by_a_thousand_questions_at_once_on_two_hosts(
    tmp_path: Path, postgres_url: str
) -> None:
    async with AsyncExitStack() as stack:
        folders = tmp_path / "one", tmp_path / "other"
        await _check_never_exceeded(await _hosts(stack, *folders, database_url=postgres_url))


async def _check_never_exceeded(hosts: Hosts) -> None:
    await hosts[0].agents.budgets.set("default", "summarize", "day", LIMIT)
    seen: list[float] = []

    async def ask(number: int) -> float | None:
        agents = hosts[number % len(hosts)].agents
        if number % 100 == 99:
            [budget] = await agents.budgets.get()
            seen.append(budget.spent + budget.held)
        try:
            return (await agents.ask("summarize", number % 10)).cost
        except BudgetExceeded:
            return None

    ended = await asyncio.gather(*(ask(number) for number in range(ASKS)))
    costs = [cost for cost in ended if cost is not None]
    [budget] = await hosts[0].agents.budgets.get()

    assert round(sum(costs), 6) == round(budget.spent, 6) <= LIMIT
    assert LIMIT <= len(costs) < ASKS // 2, "as many as there was room for, and most were refused"
    assert budget.held == 0
    assert seen
    assert max(seen) <= LIMIT


async def test_budget_set_on_one_host_holds_for_the_next_question_on_another(
    tmp_path: Path, postgres_url: str
) -> None:
    async with AsyncExitStack() as stack:
        folders = tmp_path / "one", tmp_path / "other"
        one, other = await _hosts(stack, *folders, database_url=postgres_url)
        await other.agents.ask("summarize", 1)
        await one.agents.budgets.set("default", "*", "day", 0.05)

        with pytest.raises(BudgetExceeded):
            await other.agents.ask("summarize", 1)


async def test_first_budget_holds_what_is_under_way_on_two_hosts_and_nothing_begins_beyond_it(
    tmp_path: Path, postgres_url: str
) -> None:
    begun, going_on = asyncio.Semaphore(0), asyncio.Event()

    async def waits(arguments: Mapping[str, Any], answer: Any) -> Any:
        begun.release()
        await going_on.wait()
        return await _answer(arguments, answer)

    async with AsyncExitStack() as stack:
        folders = tmp_path / "one", tmp_path / "other"
        hosts = await _hosts(stack, *folders, answer=waits, database_url=postgres_url)
        asked = [asyncio.create_task(hosts[n % 2].agents.ask("summarize", 4)) for n in range(50)]
        for _ in asked:
            await begun.acquire()
        budget = await hosts[0].agents.budgets.set("default", "*", "day", 20)
        for host in hosts:
            with pytest.raises(BudgetExceeded):
                await host.agents.ask("summarize", 1)
        going_on.set()
        costs = [(await each).cost for each in asked]
        [after] = await hosts[0].agents.budgets.get()
        with pytest.raises(BudgetExceeded):
            await hosts[1].agents.ask("summarize", 1)

    assert (budget.spent, budget.held) == (0.0, 50.0)
    assert (round(sum(costs), 6), after.held) == (round(after.spent, 6), 0.0) == (20.0, 0.0)
