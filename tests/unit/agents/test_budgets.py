"""Budgets: nothing is ever spent beyond them, whoever asks, and whatever becomes of hosts."""

from __future__ import annotations

import asyncio
import random
from contextlib import AbstractAsyncContextManager, nullcontext
from itertools import count

import pytest

from purses import ONE, budgets_of_hosts
from schedules import Clock
from wardian.agents.budgets.budget_book import AgentBudgets
from wardian.agents.money import amount
from wardian.agents.ports import Spending
from wardian.agents.views import BudgetView
from wardian.errors import BudgetExceeded, InvalidArguments, NotFound
from wardian.events import Events
from wardian.runtime.journal import Journal
from wardian.storage import Connection, Database
from wardian.tenants import bootstrap

pytestmark = pytest.mark.anyio


async def _only(budgets: AgentBudgets) -> BudgetView:
    [budget] = await budgets.get()
    return budget


async def test_question_is_refused_that_could_cost_more_than_is_left(database: Database) -> None:
    [budgets] = await budgets_of_hosts(database)
    await budgets.set("default", "summarize", "day", 2.5)
    first = await budgets.reserve("default", "summarize", 2 * ONE)

    with pytest.raises(BudgetExceeded, match=r"summarize.*0\.5 left"):
        await budgets.reserve("default", "summarize", ONE)
    await first.settle(ONE // 2)
    second = await budgets.reserve("default", "summarize", 2 * ONE)

    budget = await _only(budgets)
    assert (budget.limit, budget.spent, budget.held) == (2.5, 0.5, 2.0)
    await second.release()
    assert (await _only(budgets)).held == 0


async def test_question_is_paid_from_each_budget_that_it_is_for(database: Database) -> None:
    [budgets] = await budgets_of_hosts(database)
    await budgets.set("default", "*", "ever", 3)
    await budgets.set("default", "summarize", "hour", 2)
    await (await budgets.reserve("default", "summarize", ONE)).settle(ONE)
    await (await budgets.reserve("default", "translate", ONE)).settle(ONE)

    everything, summaries = await budgets.get()
    assert (everything.capability, everything.spent) == ("*", 2.0)
    assert (summaries.capability, summaries.spent) == ("summarize", 1.0)
    with pytest.raises(BudgetExceeded, match="all capabilities"):
        await budgets.reserve("default", "translate", 2 * ONE)
    with pytest.raises(BudgetExceeded, match="for summarize"):
        await budgets.reserve("default", "summarize", 2 * ONE)


async def test_question_that_costs_nothing_needs_no_budget(database: Database) -> None:
    [budgets] = await budgets_of_hosts(database)
    await budgets.set("default", "*", "day", 0)

    await (await budgets.reserve("default", "summarize", 0)).settle(0)
    with pytest.raises(BudgetExceeded):
        await budgets.reserve("default", "summarize-0", 1)


async def test_thousand_questions_at_once_on_two_hosts_never_spend_more_than_the_budget(
    database: Database,
) -> None:
    hosts = await budgets_of_hosts(database, hosts=2)
    await hosts[0].set("default", "*", "day", 100)
    chosen = random.Random(9)
    seen: list[float] = []

    async def ask(number: int) -> bool:
        host, cost = hosts[number % 2], chosen.randrange(ONE)
        if number % 50 == 0:
            budget = await _only(host)
            seen.append(budget.spent + budget.held)
        try:
            spending = await host.reserve("default", "summarize", ONE)
        except BudgetExceeded:
            return False
        if number % 7:
            await spending.settle(cost)
        else:
            await spending.release()
        return True

    answered = await asyncio.gather(*(ask(number) for number in range(1_000)))

    budget = await _only(hosts[1])
    assert budget.held == 0
    assert budget.spent <= 100
    assert seen
    assert max(seen) <= 100
    assert 100 <= sum(answered) < 1_000


async def test_every_amount_is_charged_once_however_many_are_at_once(database: Database) -> None:
    hosts = await budgets_of_hosts(database, hosts=2)
    await hosts[0].set("default", "*", "month", 1_000)

    async def ask(number: int) -> None:
        spending = await hosts[number % 2].reserve("default", "summarize", ONE)
        await spending.settle(number)
        await spending.settle(ONE)

    await asyncio.gather(*(ask(number) for number in range(300)))

    assert (await _only(hosts[0])).spent == amount(sum(range(300)))


async def test_what_a_killed_host_held_is_spent_once_nobody_renews_it(database: Database) -> None:
    clock = Clock()
    alive, killed = await budgets_of_hosts(database, clock, hosts=2)
    await alive.set("default", "*", "ever", 3)
    await killed.reserve("default", "summarize", ONE)
    mine = await alive.reserve("default", "summarize", ONE)

    clock.goes_on(seconds=15)
    await alive.tend()
    assert (await _only(alive)).held == 2.0, "it may still be answering"
    clock.goes_on(seconds=30)
    await alive.tend()
    await alive.tend()

    budget = await _only(alive)
    assert (budget.spent, budget.held) == (1.0, 1.0)
    await mine.settle(0)
    assert (await _only(alive)).spent == 1.0


async def test_host_that_was_away_for_long_corrects_what_was_charged_for_it(
    database: Database,
) -> None:
    clock = Clock()
    alive, away = await budgets_of_hosts(database, clock, hosts=2)
    await alive.set("default", "*", "ever", 3)
    spending = await away.reserve("default", "summarize", 2 * ONE)
    clock.goes_on(seconds=60)
    await alive.tend()
    assert (await _only(alive)).spent == 2.0

    await spending.settle(ONE)

    for budget in (await _only(away), await _only(alive)):
        assert (budget.spent, budget.held) == (1.0, 0.0)


async def test_host_that_is_alone_knows_what_is_left_as_the_database_does(
    sqlite_database: Database,
) -> None:
    clock, chosen = Clock(), random.Random(3)
    [budgets] = await budgets_of_hosts(sqlite_database, clock)
    under_way: list[Spending] = []
    answers: list[bool] = []
    for number in range(400):
        if number % 40 == 0:
            await budgets.set("default", "*", "hour", chosen.choice([3, 5, 8]))
        if number % 25 == 0:
            clock.goes_on(minutes=17)
        if number % 90 == 0:
            clock.goes_on(seconds=40)
            await budgets.tend()  # what was held until now is taken for lost, and corrected later
        if under_way and chosen.random() < 0.5:
            ended = under_way.pop(chosen.randrange(len(under_way)))
            await ended.settle(chosen.randrange(2 * ONE))
        budget, wanted = await _only(budgets), chosen.randrange(1, 2 * ONE)
        is_left = budget.limit - budget.spent - budget.held >= amount(wanted)
        with nullcontext() if is_left else pytest.raises(BudgetExceeded):
            under_way.append(await budgets.reserve("default", "summarize", wanted))
        answers.append(is_left)

    assert 50 < sum(answers) < 350


async def test_host_that_is_alone_charges_many_that_have_ended_at_once(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    [budgets] = await budgets_of_hosts(sqlite_database)
    await budgets.set("default", "*", "day", 100)
    await (await budgets.reserve("default", "summarize", ONE)).settle(ONE)
    begun, transaction = count(), sqlite_database.transaction

    def counted() -> AbstractAsyncContextManager[Connection]:
        next(begun)
        return transaction()

    monkeypatch.setattr(sqlite_database, "transaction", counted)
    for _ in range(20):
        await (await budgets.reserve("default", "summarize", ONE)).settle(ONE)
    spent = (await _only(budgets)).spent

    assert spent == 21.0
    assert next(begun) <= 30, "that is once for most questions, and not twice"


async def test_host_that_is_alone_lets_the_next_question_have_what_the_last_one_left(
    sqlite_database: Database,
) -> None:
    [budgets] = await budgets_of_hosts(sqlite_database)
    await budgets.set("default", "*", "day", 1)

    for _ in range(9):
        await (await budgets.reserve("default", "summarize", ONE)).settle(0)
    await (await budgets.reserve("default", "summarize", ONE)).settle(ONE // 2)

    with pytest.raises(BudgetExceeded, match=r"0\.5 left"):
        await budgets.reserve("default", "summarize", ONE)


async def test_new_period_begins_with_nothing_spent(database: Database) -> None:
    clock = Clock()
    [budgets] = await budgets_of_hosts(database, clock)
    await budgets.set("default", "*", "hour", 1)
    late = await budgets.reserve("default", "summarize", ONE)
    with pytest.raises(BudgetExceeded):
        await budgets.reserve("default", "summarize", ONE)

    clock.goes_on(hours=1)
    await (await budgets.reserve("default", "summarize", ONE)).settle(ONE // 2)
    await late.settle(ONE)

    budget = await _only(budgets)
    assert budget.spent == 0.5, "what began in the hour before is of that one"


async def test_asker_that_goes_away_while_it_is_held_leaves_nothing_held(
    database: Database,
) -> None:
    [budgets] = await budgets_of_hosts(database)
    await budgets.set("default", "*", "day", 1)

    cancelled = 0
    for _ in range(20):
        asking = asyncio.create_task(budgets.reserve("default", "summarize", ONE))
        await asyncio.sleep(0)
        asking.cancel()
        try:
            await (await asking).release()
        except asyncio.CancelledError:
            cancelled += 1
    assert cancelled
    async with budgets.kept():
        pass

    assert (await _only(budgets)).held == 0
    await budgets.reserve("default", "summarize", ONE)


async def test_budget_that_another_host_has_just_been_told_holds_at_once(
    database: Database,
) -> None:
    one, other = await budgets_of_hosts(database, hosts=2)
    await (await other.reserve("default", "summarize", ONE)).settle(ONE)
    await one.set("default", "*", "day", 0.5)

    with pytest.raises(BudgetExceeded):
        await other.reserve("default", "summarize", ONE)


async def test_lowered_budget_lets_what_is_under_way_end_and_nothing_begin(
    database: Database,
) -> None:
    [budgets] = await budgets_of_hosts(database)
    await budgets.set("default", "*", "day", 5)
    under_way = await budgets.reserve("default", "summarize", 4 * ONE)
    await budgets.set("default", "*", "day", 1)

    with pytest.raises(BudgetExceeded):
        await budgets.reserve("default", "summarize-0", 1)
    await under_way.settle(ONE)

    assert (await _only(budgets)).spent == 1.0


async def test_removed_budget_bounds_nothing_and_one_set_again_knows_what_was_spent_meanwhile(
    database: Database,
) -> None:
    [budgets] = await budgets_of_hosts(database)
    await budgets.set("default", "summarize", "ever", 1)
    await (await budgets.reserve("default", "summarize", ONE)).settle(ONE)
    await budgets.remove("default", "summarize", "ever")

    await (await budgets.reserve("default", "summarize", 9 * ONE)).settle(9 * ONE)
    with pytest.raises(NotFound):
        await budgets.remove("default", "summarize", "ever")
    assert (await budgets.set("default", "summarize", "ever", 1)).spent == 10.0
    assert (await budgets.set("default", "*", "hour", 1)).spent == 10.0
    await budgets.remove("default", "*", "hour")
    assert (await budgets.set("default", "*", "hour", 1)).spent == 10.0


@pytest.mark.parametrize(
    ("capability", "period", "limit"),
    [
        ("Summarize", "day", 1.0),
        ("**", "day", 1.0),
        ("summarize", "week", 1.0),
        ("summarize", "day", -1.0),
        ("summarize", "day", float("nan")),
        ("summarize", "day", float("inf")),
        ("summarize", "day", 1e12),
    ],
)
async def test_what_is_no_budget_is_refused(
    sqlite_database: Database, capability: str, period: str, limit: float
) -> None:
    [budgets] = await budgets_of_hosts(sqlite_database)

    with pytest.raises(InvalidArguments):
        await budgets.set("default", capability, period, limit)
    assert await budgets.get() == []


async def test_budgets_are_of_one_tenant(database: Database) -> None:
    [budgets] = await budgets_of_hosts(database)
    await bootstrap(Journal(database, Events(database)), tenant="other")
    await budgets.set("default", "*", "day", 0)

    await (await budgets.reserve("other", "summarize", ONE)).settle(ONE)

    assert await budgets.get("other") == []


async def test_budget_is_set_however_much_was_spent_before_there_was_one(
    database: Database,
) -> None:
    [budgets] = await budgets_of_hosts(database)
    for number in range(10):
        spending = await budgets.reserve("default", f"summarize-{number % 2}", 10**18 + 1)
        await spending.settle(10**18 + 1)
        await budgets.get()

    view = await budgets.set("default", "*", "ever", 1.0)

    assert view.spent >= view.limit
    with pytest.raises(BudgetExceeded):
        await budgets.reserve("default", "summarize-0", 1)
