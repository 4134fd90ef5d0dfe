"""Folding: what the ledger has is in the database once, whoever fails when."""

from __future__ import annotations

import asyncio
import shutil
import time
from datetime import timedelta
from pathlib import Path

import pytest

from accounts import accounts_of, count, finished, series
from rows import add_tenant
from wardian.errors import WardianError
from wardian.runtime.accounting import Accounts, folding
from wardian.runtime.accounting.segments import segment_path, segments_in
from wardian.runtime.accounting.writing import EPOCH
from wardian.runtime.steps import Steps
from wardian.storage import Connection, Database
from wardian.storage.accounting import UsageQuery, UsageRepository, UsageRow, days_of_all

pytestmark = pytest.mark.anyio


@pytest.fixture
async def default(database: Database) -> Database:
    await add_tenant(database)
    return database


async def rows(database: Database, grain: str = "day", tenant: str = "default") -> list[UsageRow]:
    query = UsageQuery(grain=grain, start=EPOCH, end=EPOCH + timedelta(days=100_000))
    async with database.reading() as connection:
        return await UsageRepository(connection, tenant).rows(query)


async def calls(database: Database) -> int:
    return sum(row.calls for row in await rows(database))


async def test_sums_are_kept_by_minute_hour_and_day(default: Database, tmp_path: Path) -> None:
    accounts, _ = accounts_of(default, tmp_path / "a")
    midnight = time.time() // 86_400 * 86_400
    for second in (0, 59, 60, 3_600):
        count(accounts, call=finished(at=midnight + second, fuel=10, sent=3, received=5))
        await accounts.folding.fold()

    assert [row.calls for row in await rows(default, "minute")] == [2, 1, 1]
    assert [row.calls for row in await rows(default, "hour")] == [3, 1]
    (day,) = await rows(default)
    assert (day.calls, day.asked, day.fuel, day.sent, day.received) == (4, 4, 40, 12, 20)
    async with default.reading() as connection:
        (spent,) = await days_of_all(connection, int(midnight // 86_400))
    assert (spent.calls, spent.fuel, spent.egress_bytes) == (4, 40, 32)


async def test_hosts_that_fold_at_once_add_up(default: Database, tmp_path: Path) -> None:
    hosts = [accounts_of(default, tmp_path / str(number))[0] for number in range(4)]
    for number in range(5):
        for accounts in hosts:
            count(accounts, series(function=f"f{number % 2}"))
            await asyncio.gather(*(each.folding.fold() for each in hosts))

    found = await rows(default)
    assert {row.function: row.calls for row in found} == {"f0": 12, "f1": 8}


async def test_a_fold_whose_commit_nobody_confirmed_is_not_made_twice(
    default: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts, _ = accounts_of(default, tmp_path / "a")
    count(accounts)
    commit = Connection.commit

    async def commits_and_loses_the_server(connection: Connection) -> None:
        await commit(connection)
        raise WardianError("The server closed the connection.")

    monkeypatch.setattr(Connection, "commit", commits_and_loses_the_server)
    await accounts.folding.flush()
    monkeypatch.undo()
    count(accounts)
    await accounts.folding.fold()
    await accounts.folding.fold()

    assert await calls(default) == 2
    assert accounts.ledger.spent("default", int(time.time() // 86_400)).calls == 0


async def test_what_a_process_left_is_folded_by_the_next_one(
    default: Database, tmp_path: Path
) -> None:
    for _ in range(3):
        accounts, _ = accounts_of(default, tmp_path / "a")
        count(accounts)
        await accounts.folding.fold()
        count(accounts)

    after, _ = accounts_of(default, tmp_path / "a")
    await after.folding.fold()

    assert await calls(default) == 6
    assert segments_in(after.ledger.folder) == []


async def test_a_torn_record_costs_nothing_before_it(default: Database, tmp_path: Path) -> None:
    accounts, _ = accounts_of(default, tmp_path / "a")
    for _ in range(3):
        count(accounts)
    place = accounts.ledger.position()
    assert place is not None
    with segment_path(accounts.ledger.folder, place.segment).open("r+b") as file:
        file.seek(place.offset - 1)
        file.write(b"\xff")

    after, _ = accounts_of(default, tmp_path / "a")
    await after.folding.fold()

    assert await calls(default) == 2


async def test_a_stop_leaves_no_segment_and_a_kept_ledger_folds_by_itself(
    default: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folding, "FOLD_SECONDS", 0.01)
    accounts, _ = accounts_of(default, tmp_path / "a")
    async with accounts.kept():
        count(accounts)
        while not await calls(default):
            await asyncio.sleep(0.01)
        count(accounts)

    assert await calls(default) == 2
    assert segments_in(accounts.ledger.folder) == []


async def test_a_copy_of_a_data_directory_goes_on_under_another_name(
    default: Database, tmp_path: Path
) -> None:
    accounts, _ = accounts_of(default, tmp_path / "a")
    count(accounts)
    await accounts.folding.fold()
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    copy, _ = accounts_of(default, tmp_path / "b")
    await copy.folding.fold()

    for _ in range(3):
        for each in (accounts, copy):
            count(each)
            await each.folding.fold()

    assert await calls(default) == 7


async def test_calls_of_a_tenant_that_there_is_not_stop_nobody_s_fold(
    default: Database, tmp_path: Path
) -> None:
    accounts, _ = accounts_of(default, tmp_path / "a")
    count(accounts, series(tenant="gone"))
    count(accounts)
    await accounts.folding.fold()

    assert await calls(default) == 1


async def test_what_is_kept_no_longer_is_removed(default: Database, tmp_path: Path) -> None:
    accounts, _ = accounts_of(
        default,
        tmp_path / "a",
        analytics_minutes_kept_hours=1,
        analytics_hours_kept_days=1,
        analytics_days_kept_days=31,
    )
    days = 86_400
    for age in (0, 2 * 3_600, 2 * days, 40 * days):
        count(accounts, call=finished(at=time.time() - age))
    await accounts.folding.flush()

    assert len(await rows(default, "minute")) == 1
    assert len(await rows(default, "hour")) == 2
    assert await calls(default) == 3


async def test_a_fold_says_where_it_is(default: Database, tmp_path: Path) -> None:
    steps, reached = Steps(), []
    steps.watch(lambda change, step: reached.append(step))
    accounts: Accounts = accounts_of(default, tmp_path / "a", steps)[0]
    count(accounts)
    await accounts.folding.fold()

    assert reached == ["cut", "begun", "written", "committed", "dropped"]
