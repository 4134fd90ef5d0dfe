"""Transactions."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text

from rows import add_plugin, add_tenant, plugin_row
from wardian.errors import Conflict, WardianError
from wardian.storage import Database
from wardian.storage import engines as engines_module
from wardian.storage.plugins import PluginRepository
from wardian.storage.tenants import TenantRepository

pytestmark = pytest.mark.anyio


async def test_commits_survive_power_loss_by_setting(sqlite_database: Database) -> None:
    async with sqlite_database.reading() as connection:
        assert (await connection.execute(text("PRAGMA synchronous"))).scalar() == 2
        assert (await connection.execute(text("PRAGMA journal_mode"))).scalar() == "wal"
        assert (await connection.execute(text("PRAGMA foreign_keys"))).scalar() == 1


async def test_an_exception_rolls_everything_back(database: Database) -> None:
    async def fail() -> None:
        async with database.transaction() as connection:
            await TenantRepository(connection).add("acme")
            raise KeyError

    with pytest.raises(KeyError):
        await fail()

    async with database.reading() as connection:
        assert await TenantRepository(connection).all() == []


async def test_writers_take_turns(database: Database) -> None:
    async def add(number: int) -> None:
        async with database.transaction() as connection:
            await TenantRepository(connection).hold()
            names = [name for name, _ in await TenantRepository(connection).all()]
            await TenantRepository(connection).add(f"tenant-{len(names)}")

    await asyncio.gather(*(add(number) for number in range(20)))

    async with database.reading() as connection:
        assert len(await TenantRepository(connection).all()) == 20


async def test_a_cancelled_writer_leaves_nothing_and_blocks_nobody(database: Database) -> None:
    entered = asyncio.Event()

    async def write() -> None:
        async with database.transaction() as connection:
            await TenantRepository(connection).add("acme")
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(write())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await add_tenant(database, "other")
    async with database.reading() as connection:
        assert [name for name, _ in await TenantRepository(connection).all()] == ["other"]


async def test_writers_cancelled_at_any_moment_block_nobody(database: Database) -> None:
    async def write(number: int) -> None:
        async with database.transaction() as connection:
            await TenantRepository(connection).add(f"tenant-{number}")

    for number in range(40):
        task = asyncio.create_task(write(number))
        for _ in range(number):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    await add_tenant(database, "last")
    assert await database.answers()


async def test_a_broken_rule_of_the_schema_is_an_error_of_ours(database: Database) -> None:
    with pytest.raises(WardianError, match="did not answer"):
        async with database.transaction() as connection:
            await connection.execute(
                text(
                    "INSERT INTO api_keys VALUES ('nobody','i','n','p','d','[]','2020-01-01',NULL)"
                )
            )


async def test_a_plugin_can_be_installed_once_in_a_tenant(database: Database) -> None:
    await add_plugin(database)

    with pytest.raises(Conflict, match="installed already"):
        await add_plugin(database, plugin_row())
    await add_plugin(database, plugin_row(tenant="other"))


async def test_what_a_guest_says_can_be_written_down_whatever_it_is(database: Database) -> None:
    row = await add_plugin(database)

    async with database.transaction() as connection:
        plugins = PluginRepository(connection, "default")
        await plugins.set_state(row.id, "quarantined", "it said 'a\0b\U0001f331\x7f'")
        found = await plugins.find(row.name)

    assert found is not None
    assert found.state_reason == "it said 'a\ufffdb\U0001f331\x7f'"


async def test_a_repository_sees_its_own_tenant_only(database: Database) -> None:
    row = await add_plugin(database)
    await add_tenant(database, "other")

    async with database.transaction() as connection:
        other = PluginRepository(connection, "other")
        assert await other.find(row.name) is None
        assert await other.all() == []
        await other.set_state(row.id, "disabled", "by a stranger")
        await other.remove(row.id)
        assert await PluginRepository(connection, "default").find(row.name) == row


async def test_f3_a_full_disk_fails_the_write_and_nothing_else(sqlite_database: Database) -> None:
    async def fill() -> None:
        async with sqlite_database.transaction() as connection:
            await connection.execute(text("PRAGMA max_page_count = 1"))
            for number in range(1000):
                await TenantRepository(connection).add(f"tenant-{number}")

    with pytest.raises(WardianError, match="no room for more"):
        await fill()

    async with sqlite_database.transaction() as connection:
        await connection.execute(text("PRAGMA max_page_count = 1000000"))
        assert await TenantRepository(connection).all() == []
    assert await sqlite_database.answers()


async def test_f4_a_database_locked_by_another_does_not_answer_until_it_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient = (*engines_module._PRAGMAS, "PRAGMA busy_timeout = 20")
    monkeypatch.setattr(engines_module, "_PRAGMAS", impatient)
    async with Database.open(tmp_path / "locked.db") as database:
        other = sqlite3.connect(tmp_path / "locked.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        assert not await database.answers()
        with pytest.raises(WardianError, match="locked"):
            await add_tenant(database)

        other.execute("ROLLBACK")
        other.close()
        assert await database.answers()
        await add_tenant(database)
