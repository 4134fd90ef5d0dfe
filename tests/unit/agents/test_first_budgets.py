"""Budgets that are set while questions are under way that nobody had to hold anything for."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from purses import ONE, budgets_of_hosts
from schedules import Clock
from wardian.agents.budgets import budget_book
from wardian.agents.budgets import budgets as holding
from wardian.agents.budgets.budget_book import AgentBudgets
from wardian.agents.money import NANOS
from wardian.agents.ports import Spending
from wardian.errors import BudgetExceeded, InvalidArguments, NotFound
from wardian.storage import Database

pytestmark = pytest.mark.anyio

ASKS = 50


async def _under_way(hosts: Sequence[AgentBudgets]) -> list[Spending]:
    return [
        await hosts[number % len(hosts)].reserve("default", "summarize", ONE)
        for number in range(ASKS)
    ]


@pytest.mark.parametrize(("hosts", "hears"), [(1, True), (2, True), (2, False)])
async def test_first_budget_holds_what_is_under_way_on_every_host(
    database: Database, monkeypatch: pytest.MonkeyPatch, hosts: int, hears: bool
) -> None:
    """A host that hears nothing of it looks by itself."""
    monkeypatch.setattr(holding, "OPEN_SECONDS", 0.1)
    every = await budgets_of_hosts(database, hosts=hosts, hears=hears)
    under_way = await _under_way(every)

    view = await every[0].set("default", "*", "day", 60)

    assert (view.spent, view.held) == (0.0, 50.0)
    more = [await every[-1].reserve("default", "summarize", ONE) for _ in range(10)]
    for host in every:
        with pytest.raises(BudgetExceeded):
            await host.reserve("default", "summarize", 1)
    for spending in [*under_way, *more]:
        await spending.settle(ONE // 2)
    for host in every:
        [budget] = await host.get()
        assert (budget.spent, budget.held) == (30.0, 0.0)


async def test_first_budget_that_is_less_than_what_is_under_way_lets_nothing_begin(
    database: Database,
) -> None:
    one, other = await budgets_of_hosts(database, hosts=2)
    under_way = await _under_way([one, other])

    view = await one.set("default", "summarize", "month", 20)

    assert view.held == 50.0
    for spending in under_way[:30]:
        await spending.settle(ONE // 10)
    for host in (one, other):
        with pytest.raises(BudgetExceeded):
            await host.reserve("default", "summarize", 1)
    for spending in under_way[30:]:
        await spending.settle(ONE // 10)
    [budget] = await one.get()
    assert (budget.spent, budget.held) == (5.0, 0.0)
    await other.reserve("default", "summarize", 15 * ONE)


@asynccontextmanager
async def _asking(hosts: Sequence[AgentBudgets], spent: list[int]) -> AsyncIterator[None]:
    """Have questions come and go on every host, with a cost each."""
    chosen, ending = random.Random(7), asyncio.Event()

    async def ask(host: AgentBudgets) -> None:
        while not ending.is_set():
            try:
                spending = await host.reserve("default", "summarize", ONE)
            except BudgetExceeded:
                return
            await asyncio.sleep(0.001)
            spent.append(chosen.randrange(ONE))
            await spending.settle(spent[-1])

    tasks = [asyncio.create_task(ask(hosts[number % len(hosts)])) for number in range(20)]
    yield
    ending.set()
    await asyncio.gather(*tasks)


async def test_no_cost_is_lost_or_counted_twice_while_a_first_budget_is_set(
    database: Database,
) -> None:
    hosts = await budgets_of_hosts(database, hosts=2)
    spent: list[int] = []
    async with _asking(hosts, spent):
        while len(spent) < 100:
            await asyncio.sleep(0)
        await hosts[0].set("default", "*", "ever", 1_000_000)
        await hosts[1].set("default", "summarize", "month", 1_000_000)
        begun = len(spent)
        while len(spent) < begun + 100:
            await asyncio.sleep(0)

    for budget in await hosts[0].get():
        assert (budget.spent, budget.held) == (sum(spent) / NANOS, 0.0)


async def test_budget_is_paid_from_once_a_host_that_is_gone_can_have_nothing_under_way(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "AWAITED_SECONDS", 0.1)
    clock = Clock()
    alive, killed = await budgets_of_hosts(database, clock, hosts=2, hears=False)
    await killed.reserve("default", "summarize", ONE)
    monkeypatch.setattr(killed._holds, "_draw", lambda tenant: None)

    await alive.set("default", "*", "day", 5)
    with pytest.raises(BudgetExceeded, match="another host has not said yet"):
        await alive.reserve("default", "summarize", ONE)
    clock.goes_on(seconds=31)

    await alive.tend()
    await alive.reserve("default", "summarize", ONE)


async def test_host_that_lost_the_database_begins_nothing_that_a_budget_might_not_allow(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    alive, away = await budgets_of_hosts(database, clock, hosts=2, hears=False)
    await (await away.reserve("default", "summarize", ONE)).settle(ONE)
    monkeypatch.setattr(away._holds, "_draw", lambda tenant: None)
    clock.goes_on(seconds=31)
    await alive.set("default", "*", "day", 5)

    with pytest.raises(BudgetExceeded):
        await away.reserve("default", "summarize", 5 * ONE)
    [budget] = await alive.get()
    assert budget.spent == 1.0


async def test_budget_that_was_not_set_after_all_bounds_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget_book, "BUDGETS_MAX", 1)
    [budgets] = await budgets_of_hosts(database, hosts=1)
    under_way = await budgets.reserve("default", "summarize", ONE)
    await budgets.set("default", "translate", "ever", 1)

    with pytest.raises(InvalidArguments):
        await budgets.set("default", "summarize", "ever", 0)

    await (await budgets.reserve("default", "summarize", 9 * ONE)).settle(ONE)
    await under_way.settle(ONE)
    await budgets.remove("default", "translate", "ever")
    assert (await budgets.set("default", "summarize", "ever", 5)).spent == 2.0


async def test_first_budget_is_set_whatever_is_under_way_may_cost(database: Database) -> None:
    one, other = await budgets_of_hosts(database, hosts=2)
    under_way = [await other.reserve("default", "summarize", 10**18) for _ in range(20)]

    view = await one.set("default", "*", "ever", 1e9)

    assert view.held > view.limit
    with pytest.raises(BudgetExceeded):
        await one.reserve("default", "summarize", 1)
    for spending in under_way:
        await spending.settle(1)
    [budget] = await one.get()
    assert (budget.spent, budget.held) == (20 / NANOS, 0.0)


async def test_budget_that_somebody_removes_while_it_is_being_set_is_not_there(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = await budgets_of_hosts(database, hosts=2)

    async def removed(tenant: str, capability: str) -> None:
        await other.remove(tenant, capability, "day")

    monkeypatch.setattr(one._holds, "heard_of", removed)

    with pytest.raises(NotFound):
        await one.set("default", "summarize", "day", 1)
