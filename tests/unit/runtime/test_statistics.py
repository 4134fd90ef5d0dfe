"""What calls add up to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rows import add_plugin, plugin_row
from wardian.errors import WardianError
from wardian.runtime.statistics import Statistics
from wardian.storage import Database
from wardian.storage.health import HealthRepository
from wardian.storage.rows import CallTotals, TotalsRow

pytestmark = pytest.mark.anyio


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with Database.open(tmp_path / "wardian.db") as opened:
        yield opened


async def test_calls_that_are_not_written_down_yet_are_told_too(database: Database) -> None:
    row = await add_plugin(database)
    statistics = Statistics(database)
    for number in range(4):
        statistics.record("default", row.id, failed=number == 0, seconds=0.25)
        totals = (await statistics.vitals("default", row.id)).totals
        assert totals.total_requests == number + 1
        if number % 2:
            await statistics.flush()

    assert totals.error_count == 1
    assert totals.avg_response_time == pytest.approx(0.25)
    assert totals.success_rate == pytest.approx(0.75)
    assert (await statistics.all_vitals("default"))[row.id].totals == totals
    async with database.reading() as connection:
        assert (await HealthRepository(connection, "default").of(row.id))[1] == totals


async def test_hosts_add_up_on_one_row(database: Database) -> None:
    row = await add_plugin(database)
    hosts = [Statistics(database) for _ in range(4)]
    for statistics in hosts:
        for number in range(10):
            statistics.record("default", row.id, failed=number < 2, seconds=0.1)

    await asyncio.gather(*(statistics.flush() for statistics in hosts))

    totals = (await hosts[0].vitals("default", row.id)).totals
    assert (totals.total_requests, totals.error_count) == (40, 8)
    assert totals.avg_response_time == pytest.approx(0.1)
    assert totals.success_rate == pytest.approx(0.8)


async def test_a_reader_beside_a_flush_misses_nothing_and_sees_nothing_twice(
    database: Database,
) -> None:
    row = await add_plugin(database)
    statistics = Statistics(database)
    seen = []

    async def read() -> None:
        while len(seen) < 20:
            seen.append((await statistics.vitals("default", row.id)).totals.total_requests)

    reading = asyncio.create_task(read())
    for number in range(5):
        statistics.record("default", row.id, failed=False, seconds=0.1)
        before = len(seen)
        while len(seen) == before:
            await asyncio.sleep(0)
        await statistics.flush()
        assert (await statistics.vitals("default", row.id)).totals.total_requests == number + 1
    await reading

    assert seen == sorted(seen)
    assert set(seen) <= set(range(6))


async def test_what_cannot_be_written_stays_counted(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = await add_plugin(database)
    statistics = Statistics(database)
    statistics.record("default", row.id, failed=True, seconds=0.5)

    async def refuse(*arguments: object) -> None:
        raise WardianError("The disk is full.")

    monkeypatch.setattr(HealthRepository, "count", refuse)
    await statistics.flush()
    monkeypatch.undo()
    statistics.record("default", row.id, failed=False, seconds=0.5)
    await statistics.flush()

    assert (await statistics.vitals("default", row.id)).totals.total_requests == 2


async def test_a_flush_that_is_cancelled_loses_no_call(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = await add_plugin(database)
    statistics = Statistics(database)
    statistics.record("default", row.id, failed=False, seconds=0.5)
    reached = asyncio.Event()

    async def hang(*arguments: object) -> None:
        reached.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(HealthRepository, "count", hang)
    flushing = asyncio.create_task(statistics.flush())
    await reached.wait()
    flushing.cancel()
    await asyncio.gather(flushing, return_exceptions=True)
    monkeypatch.undo()
    await statistics.flush()

    assert (await statistics.vitals("default", row.id)).totals.total_requests == 1


async def test_calls_of_a_plugin_that_was_uninstalled_meanwhile_are_nobody_s(
    database: Database,
) -> None:
    row = await add_plugin(database)
    statistics = Statistics(database)
    statistics.record("default", "gone", failed=False, seconds=0.5)
    statistics.record("default", row.id, failed=False, seconds=0.5)
    await statistics.flush()

    assert (await statistics.vitals("default", "gone")).totals == TotalsRow()
    assert (await statistics.vitals("default", row.id)).totals.total_requests == 1


async def test_calls_add_up_to_averages(database: Database) -> None:
    row = await add_plugin(database)

    async with database.transaction() as connection:
        repository = HealthRepository(connection, "default")
        await repository.count(row.id, CallTotals(requests=3, errors=0, seconds=0.3))
        await repository.count(row.id, CallTotals(requests=1, errors=1, seconds=0.5))
        _, totals = await repository.of(row.id)

    assert totals.total_requests == 4
    assert totals.error_count == 1
    assert totals.avg_response_time == pytest.approx(0.2)
    assert totals.success_rate == pytest.approx(0.75)


async def test_another_tenant_s_plugins_are_neither_counted_nor_told(database: Database) -> None:
    mine = await add_plugin(database)
    theirs = await add_plugin(database, plugin_row(tenant="other"))
    statistics = Statistics(database)
    statistics.record("other", mine.id, failed=True, seconds=9.0)
    await statistics.flush()

    assert (await statistics.vitals("default", mine.id)).totals == TotalsRow()
    assert set(await statistics.all_vitals("default")) == {mine.id}
    assert set(await statistics.all_vitals("other")) == {theirs.id}
