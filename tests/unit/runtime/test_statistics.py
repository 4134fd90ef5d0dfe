"""What calls add up to."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from accounts import accounts_of, count, finished, series
from rows import add_plugin, plugin_row
from wardian.errors import WardianError
from wardian.storage import Database
from wardian.storage.health import HealthRepository
from wardian.storage.rows import CallTotals, TotalsRow

pytestmark = pytest.mark.anyio


async def test_calls_that_are_not_written_down_yet_are_told_too(
    database: Database, tmp_path: Path
) -> None:
    row = await add_plugin(database)
    accounts, statistics = accounts_of(database, tmp_path / "a")
    for number in range(4):
        count(accounts, series(row.id, outcome="ok" if number else "trap"))
        totals = (await statistics.vitals("default", row.id)).totals
        assert totals.total_requests == number + 1
        if number % 2:
            await accounts.folding.fold()

    assert totals.error_count == 1
    assert totals.avg_response_time == pytest.approx(0.25)
    assert totals.success_rate == pytest.approx(0.75)
    assert (await statistics.all_vitals("default"))[row.id].totals == totals
    async with database.reading() as connection:
        assert (await HealthRepository(connection, "default").of(row.id))[1] == totals


async def test_hosts_add_up_on_one_row(database: Database, tmp_path: Path) -> None:
    row = await add_plugin(database)
    hosts = [accounts_of(database, tmp_path / str(number)) for number in range(4)]
    for accounts, _ in hosts:
        for number in range(10):
            outcome = "trap" if number < 2 else "ok"
            count(accounts, series(row.id, outcome=outcome), finished(seconds=0.1))

    await asyncio.gather(*(accounts.folding.fold() for accounts, _ in hosts))

    totals = (await hosts[0][1].vitals("default", row.id)).totals
    assert (totals.total_requests, totals.error_count) == (40, 8)
    assert totals.avg_response_time == pytest.approx(0.1)
    assert totals.success_rate == pytest.approx(0.8)


async def test_a_reader_beside_a_fold_misses_nothing_and_sees_nothing_twice(
    database: Database, tmp_path: Path
) -> None:
    row = await add_plugin(database)
    accounts, statistics = accounts_of(database, tmp_path / "a")
    seen = []

    async def read() -> None:
        while len(seen) < 20:
            seen.append((await statistics.vitals("default", row.id)).totals.total_requests)

    reading = asyncio.create_task(read())
    for number in range(5):
        count(accounts, series(row.id))
        before = len(seen)
        while len(seen) == before:
            await asyncio.sleep(0)
        await accounts.folding.fold()
        assert (await statistics.vitals("default", row.id)).totals.total_requests == number + 1
    await reading

    assert seen == sorted(seen)
    assert set(seen) <= set(range(6))


async def test_what_cannot_be_written_stays_counted(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = await add_plugin(database)
    accounts, statistics = accounts_of(database, tmp_path / "a")
    count(accounts, series(row.id, outcome="trap"))

    async def refuse(*arguments: object) -> None:
        raise WardianError("The disk is full.")

    monkeypatch.setattr(HealthRepository, "count", refuse)
    await accounts.folding.flush()
    monkeypatch.undo()
    count(accounts, series(row.id))
    assert (await statistics.vitals("default", row.id)).totals.total_requests == 2
    await accounts.folding.fold()
    await accounts.folding.fold()

    assert (await statistics.vitals("default", row.id)).totals.total_requests == 2


async def test_a_fold_that_is_cancelled_loses_no_call(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = await add_plugin(database)
    accounts, statistics = accounts_of(database, tmp_path / "a")
    count(accounts, series(row.id))
    reached = asyncio.Event()

    async def hang(*arguments: object) -> None:
        reached.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(HealthRepository, "count", hang)
    folding = asyncio.create_task(accounts.folding.fold())
    await reached.wait()
    folding.cancel()
    await asyncio.gather(folding, return_exceptions=True)
    monkeypatch.undo()
    await accounts.folding.fold()

    assert (await statistics.vitals("default", row.id)).totals.total_requests == 1


async def test_calls_of_a_plugin_that_was_uninstalled_meanwhile_are_nobody_s(
    database: Database, tmp_path: Path
) -> None:
    row = await add_plugin(database)
    accounts, statistics = accounts_of(database, tmp_path / "a")
    count(accounts, series("gone"))
    count(accounts, series(row.id))
    await accounts.folding.fold()

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


async def test_another_tenant_s_plugins_are_neither_counted_nor_told(
    database: Database, tmp_path: Path
) -> None:
    mine = await add_plugin(database)
    theirs = await add_plugin(database, plugin_row(tenant="other"))
    accounts, statistics = accounts_of(database, tmp_path / "a")
    count(accounts, series(mine.id, tenant="other", outcome="trap"))
    await accounts.folding.fold()

    assert (await statistics.vitals("default", mine.id)).totals == TotalsRow()
    assert set(await statistics.all_vitals("default")) == {mine.id}
    assert set(await statistics.all_vitals("other")) == {theirs.id}
