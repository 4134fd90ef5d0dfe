"""Questions written down: read in pages, and kept within bounds of age and number."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from schedules import Clock
from wardian.agents.asking.ask_rows import AskRows
from wardian.agents.asking.records import AskRecords, RecordNeeds
from wardian.agents.budgets.periods import EVER
from wardian.agents.views import AskAttemptView
from wardian.errors import InvalidArguments, NotFound
from wardian.events import Events
from wardian.runtime.journal import Journal
from wardian.storage import Database
from wardian.storage.agent_budgets import BudgetRepository, BudgetRow, SpentRow
from wardian.storage.asks import AskRow
from wardian.tenants import Tenants, bootstrap

pytestmark = pytest.mark.anyio


async def _records(database: Database, clock: Clock, **needs: Any) -> AskRecords:
    journal = Journal(database, Events(database))
    for tenant in ("default", "other"):
        await bootstrap(journal, tenant=tenant)
    tenants = Tenants(database, journal, default_tenant="default")
    wanted = {"kept": 1_000, "age": timedelta(days=30)} | needs
    return AskRecords(
        RecordNeeds(database=database, rows=AskRows(database), tenants=tenants, now=clock, **wanted)
    )


def _row(clock: Clock, name: str, **more: Any) -> AskRow:
    return AskRow(
        id=name, at=clock.now, capability="summarize", subject="me", ending="answered", **more
    )


async def test_question_is_known_as_it_was_written_down(database: Database) -> None:
    clock = Clock()
    records = await _records(database, clock)
    attempt = AskAttemptView(
        agent="one", version="1.0.0", ending="failed", reason="it trapped", latency_ms=1.5, cost=0.5
    )
    fields = {name: getattr(attempt, name) for name in attempt.__struct_fields__}
    await records.add(
        "default",
        _row(clock, "a", agent="one", cost_nanos=500_000_000, units=7, attempts=[fields]),
    )

    found = await records.find("default", "a")

    assert (found.agent, found.cost, found.units, found.at) == ("one", 0.5, 7, clock.now)
    assert found.attempts == [attempt]
    with pytest.raises(NotFound):
        await records.find("other", "a")


async def test_many_questions_that_end_at_once_are_all_written(database: Database) -> None:
    clock = Clock()
    records = await _records(database, clock)

    await asyncio.gather(*(records.add("default", _row(clock, f"{n:03}")) for n in range(200)))

    page = await records.page("default", limit=500)
    assert [each.id for each in page.asks] == [f"{n:03}" for n in reversed(range(200))]


async def test_pages_are_of_what_was_asked_for(database: Database) -> None:
    clock = Clock()
    records = await _records(database, clock)
    for name, agent in (("a", "one"), ("b", "two"), ("c", "one")):
        await records.add("default", _row(clock, name, agent=agent))

    assert [each.id for each in (await records.page("default", agent="one")).asks] == ["c", "a"]
    assert (await records.page("default", capability="translate")).asks == []
    assert (await records.page("other")).asks == []


async def test_old_questions_go_and_those_beyond_what_is_kept(database: Database) -> None:
    clock = Clock()
    records = await _records(database, clock, kept=3, age=timedelta(days=2))
    await records.add("default", _row(clock, "old"))
    clock.goes_on(days=1)
    for name in "abcd":
        await records.add("default", _row(clock, name))
    await records.add("other", _row(clock, "theirs"))

    await records.prune()
    newest = [each.id for each in (await records.page("default")).asks]
    clock.goes_on(days=3)
    await records.prune()

    assert newest == ["d", "c", "b"]
    assert (await records.page("default")).asks == (await records.page("other")).asks == []


async def test_question_that_cannot_be_written_down_is_no_fault_of_its_asker(
    sqlite_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    records = await _records(sqlite_database, clock)
    await records.add("default", _row(clock, "a"))

    await records.add("default", _row(clock, "a"))

    assert "was not written down" in caplog.text


async def test_asker_without_questions_costs_no_look_at_those_of_others(
    sqlite_database: Database,
) -> None:
    plan = "EXPLAIN QUERY PLAN SELECT id FROM asks WHERE tenant = 'a' AND subject = 'b'"
    async with sqlite_database.reading() as connection:
        found = await connection.of("default").execute(
            text(f"{plan} ORDER BY position DESC LIMIT 20")
        )
        [row] = found.all()

    assert "ix_asks_tenant_subject_position (tenant=? AND subject=?)" in row.detail


async def test_what_no_page_has_answered_is_no_end_of_one(sqlite_database: Database) -> None:
    records = await _records(sqlite_database, Clock())
    for before in ("", "0x1", "+1", "1_0", "-1", "\N{FULLWIDTH DIGIT ONE}", "f" * 16):
        with pytest.raises(InvalidArguments):
            await records.page("default", before=before)


async def test_clock_that_was_wrong_for_a_while_renews_no_budget(database: Database) -> None:
    clock = Clock()
    records = await _records(database, clock)
    starts = [clock.now - timedelta(hours=number) for number in range(60)]
    async with database.transaction() as connection:
        budgets = BudgetRepository(connection, "default")
        for of, period in (("*", "hour"), ("one", "hour"), ("*", "ever")):
            await budgets.set(BudgetRow(of, period, 60), "ada")
        await budgets.charge(
            [SpentRow(of, "hour", each, 1) for of in ("*", "one") for each in starts]
        )
        await budgets.charge([SpentRow("*", "ever", EVER, 60)])

    clock.now += timedelta(days=1_000)
    await records.prune()
    clock.now -= timedelta(days=1_000)
    await records.prune()

    async with database.reading() as connection:
        spent = await BudgetRepository(connection, "default").spent([*starts, EVER])
    assert sorted({row.start for row in spent if row.period == "hour"}) == sorted(starts[:48])
    assert len(spent) == 2 * 48 + 1
