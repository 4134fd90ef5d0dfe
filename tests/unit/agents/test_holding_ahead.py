"""What a host holds ahead of questions: most wait for nothing, and nobody is kept from the rest."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from itertools import count

import pytest

from purses import ONE, budgets_of_hosts
from schedules import Clock
from wardian.agents.budgets import budgets as holding
from wardian.agents.budgets.periods import EVER
from wardian.agents.money import NANOS
from wardian.agents.ports import Spending
from wardian.errors import BudgetExceeded, Unavailable
from wardian.storage import Connection, Database
from wardian.storage.agent_budgets import BudgetRepository

pytestmark = pytest.mark.anyio


def _counted(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """How many transactions are begun from now on."""
    begun, transaction = count(), database.transaction

    @asynccontextmanager
    async def counted() -> AsyncIterator[Connection]:
        next(begun)
        async with transaction() as connection:
            yield connection

    monkeypatch.setattr(database, "transaction", counted)
    return begun


@pytest.mark.parametrize("limit", [None, 1_000_000])
@pytest.mark.parametrize("hosts", [1, 2])
async def test_most_of_many_questions_wait_for_no_transaction(
    database: Database, monkeypatch: pytest.MonkeyPatch, hosts: int, limit: float | None
) -> None:
    [budgets, *_] = await budgets_of_hosts(database, hosts=hosts)
    if limit is not None:
        await budgets.set("default", "*", "day", limit)
    loop = asyncio.get_running_loop()
    begun, began = _counted(database, monkeypatch), loop.time()
    for _ in range(500):
        await (await budgets.reserve("default", "summarize", ONE)).settle(ONE)
    transactions, seconds = next(begun), loop.time() - began

    assert transactions <= 20 + 15 * seconds, "as many as there are tenths of a second, and a few"
    await budgets.set("default", "summarize", "ever", 1_000)
    assert {budget.spent for budget in await budgets.get()} == {500.0}


async def test_question_is_not_refused_while_another_host_has_what_nobody_asks_it_for(
    database: Database,
) -> None:
    """Also in the order in which one host has just answered what the other is asked next."""
    one, other = await budgets_of_hosts(database, hosts=2)
    await one.set("default", "*", "day", 100)
    for _ in range(60):
        await (await one.reserve("default", "summarize", ONE)).settle(ONE // 10)
    spent = 60 * ONE // 10
    while spent + 20 * ONE < 100 * ONE:
        await (await other.reserve("default", "translate", 20 * ONE)).settle(20 * ONE)
        spent += 20 * ONE
    await (await other.reserve("default", "translate", 100 * ONE - spent)).settle(ONE)

    [budget] = await other.get()
    assert (budget.spent, budget.held) == (round(spent / NANOS + 1, 6), 0.0)


async def test_last_of_a_budget_is_for_whoever_asks_and_nothing_is_held_ahead_of_it(
    database: Database,
) -> None:
    one, other = await budgets_of_hosts(database, hosts=2)
    await one.set("default", "*", "day", 40)
    granted = [0, 0]

    async def ask(host: int) -> None:
        try:
            while True:
                await (await [one, other][host].reserve("default", "summarize", ONE)).settle(ONE)
                granted[host] += 1
                await asyncio.sleep(0)
        except BudgetExceeded:
            return

    await asyncio.gather(ask(0), ask(1))

    [budget] = await one.get()
    assert (budget.spent, budget.held, sum(granted)) == (40.0, 0.0, 40)
    assert min(granted) >= 5, "both had a part of it"


async def test_what_a_killed_host_held_ahead_is_a_part_of_what_was_left(
    database: Database,
) -> None:
    clock = Clock()
    alive, killed = await budgets_of_hosts(database, clock, hosts=2)
    await alive.set("default", "*", "ever", 800)
    for _ in range(200):
        await (await killed.reserve("default", "summarize", ONE)).settle(ONE)
    killed._holds._draw = lambda tenant: None  # type: ignore[method-assign]
    clock.goes_on(seconds=31)
    await alive.tend()

    [budget] = await alive.get()
    assert budget.held == 0
    assert 200 <= budget.spent <= 200 + 800 / 8 + 1


class _Weather:
    """Has transactions fail at random, before they begin or at their end."""

    def __init__(self, database: Database, chosen: random.Random) -> None:
        self.is_bad = True
        self._chosen = chosen
        self._transaction = database.transaction

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        self._strike()
        async with self._transaction() as connection:
            yield connection
            self._strike()

    def _strike(self) -> None:
        if self.is_bad and self._chosen.random() < 0.1:
            raise Unavailable


async def test_hosts_whose_transactions_fail_at_random_never_exceed_a_budget(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "CHANGES_SECONDS", 0.0)
    clock, chosen = Clock(), random.Random(11)
    hosts = await budgets_of_hosts(database, clock, hosts=3)
    await hosts[0].set("default", "*", "ever", 30)
    await hosts[0].set("default", "summarize", "hour", 12)
    weather = _Weather(database, chosen)
    monkeypatch.setattr(database, "transaction", weather.transaction)
    under_way: list[tuple[Spending, int]] = []
    known = 0
    for number in range(180):
        most = chosen.randrange(1, ONE)
        with suppress(BudgetExceeded, Unavailable):
            spending = await chosen.choice(hosts).reserve("default", "summarize", most)
            under_way.append((spending, most // 20))
        if under_way and chosen.random() < 0.55:
            ended, cost = under_way.pop(chosen.randrange(len(under_way)))
            await ended.settle(cost)
            known += cost
        if number % 60 == 59:
            clock.goes_on(seconds=20)
            await asyncio.gather(*(each.tend() for each in hosts))
        await _check_within(database, 30)
    weather.is_bad = False
    for ended, _ in under_way:
        await ended.settle(0)
    for each in hosts:
        await each.tend()
        await each.get()

    everything, _ = await hosts[0].get()
    assert known > ONE
    assert everything.spent <= 30
    assert everything.held == 0


async def _check_within(database: Database, limit: float) -> None:
    async with database.reading() as connection:
        repository = BudgetRepository(connection, "default")
        spent = [each for each in await repository.spent([EVER]) if each.capability == "*"]
        held = sum(hold.nanos for hold in await repository.holds())
    assert sum(each.nanos for each in spent) + held <= limit * NANOS


async def test_questions_of_two_hours_are_charged_to_theirs(database: Database) -> None:
    clock = Clock()
    [budgets] = await budgets_of_hosts(database, clock)
    await budgets.set("default", "*", "hour", 100)
    for _ in range(30):
        await (await budgets.reserve("default", "summarize", ONE)).settle(ONE)
    late = await budgets.reserve("default", "summarize", ONE)
    clock.goes_on(hours=1)
    for _ in range(20):
        await (await budgets.reserve("default", "summarize", ONE)).settle(ONE)
    await late.settle(ONE)
    [budget] = await budgets.get()
    clock.goes_on(hours=-1)
    [before] = await budgets.get()

    assert (budget.spent, budget.held) == (20.0, 0.0)
    assert (before.spent, before.held) == (31.0, 0.0)
