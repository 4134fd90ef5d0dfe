"""The driver for SQLite: how often it visits a connection's thread, and that nothing else changes.

All on a file, because the thread, its locks and its log of writes are what is tested.
"""

from __future__ import annotations

import asyncio
import inspect
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiosqlite
import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, func, insert, select, text, update
from sqlalchemy.connectors.asyncio import AsyncAdapt_dbapi_connection, AsyncAdapt_dbapi_cursor
from sqlalchemy.dialects.sqlite.aiosqlite import AsyncAdapt_aiosqlite_connection
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine

from wardian.storage import engines as engines_module
from wardian.storage.sqlite_driver import OneVisitConnection, OneVisitDriver

pytestmark = pytest.mark.anyio

things = Table(
    "things", MetaData(), Column("id", Integer, primary_key=True), Column("name", String(20))
)

ADD = insert(things).values(name="one")
SLOW = text(
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000)"
    " INSERT INTO things (name) SELECT max(i) FROM n"
)


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    """An engine as `Database` makes it, whose database has one table."""
    engine = engines_module.engines_of(tmp_path / "driven.db").reader
    async with engine.begin() as connection:
        await connection.run_sync(things.create)
        await connection.execute(text("CREATE UNIQUE INDEX named ON things (name)"))
    yield engine
    await engine.dispose()


@pytest.fixture
def writer(engine: AsyncEngine) -> AsyncEngine:
    """The same engine, whose transactions take the lock of writers at once."""
    return engine.execution_options(wardian_writes=True)


@contextmanager
def visits(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[object]]:
    """Collect what wakes the event loop from another thread."""
    woken: list[object] = []
    loop = asyncio.get_running_loop()
    wake = loop.call_soon_threadsafe

    def count(callback: Any, *arguments: Any, **named: Any) -> asyncio.Handle:
        woken.append(callback)
        return wake(callback, *arguments, **named)

    with monkeypatch.context() as patched:
        patched.setattr(loop, "call_soon_threadsafe", count)
        yield woken


async def names(engine: AsyncEngine) -> list[str]:
    async with engine.connect() as connection:
        return list((await connection.execute(select(things.c.name))).scalars())


async def test_a_statement_is_one_visit_with_begin_in_the_first(
    writer: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with visits(monkeypatch) as seen:
        async with writer.connect() as connection:
            await connection.execute(ADD)
            assert len(seen) == 1
            found = await connection.execute(select(things.c.name))
            assert found.scalars().all() == ["one"]
            assert len(seen) == 2
            await connection.commit()
            assert len(seen) == 3
        assert len(seen) == 3  # nothing is left to roll back


async def test_a_reading_transaction_is_ended_by_one_more_visit(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with visits(monkeypatch) as seen:
        assert await names(engine) == []
        assert len(seen) == 2


async def test_a_transaction_that_does_nothing_visits_nobody(
    writer: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with visits(monkeypatch) as seen:
        async with writer.begin():
            pass
        async with writer.connect() as connection:
            await connection.begin()
            await connection.rollback()
    assert seen == []


async def test_a_begin_that_was_not_needed_does_not_wait_for_the_next_transaction(
    engine: AsyncEngine, writer: AsyncEngine, tmp_path: Path
) -> None:
    async with writer.begin():
        pass

    other = sqlite3.connect(tmp_path / "driven.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert await names(engine) == []  # a reader waits for no writer
    other.close()


async def test_a_transaction_holds_the_lock_of_writers_from_its_first_statement(
    writer: AsyncEngine, tmp_path: Path
) -> None:
    other = sqlite3.connect(tmp_path / "driven.db", isolation_level=None, timeout=0)
    async with writer.begin() as connection:
        await connection.execute(select(things.c.id))
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
    other.execute("BEGIN IMMEDIATE")
    other.close()


async def test_a_reading_transaction_sees_one_state_of_the_database(
    engine: AsyncEngine, writer: AsyncEngine
) -> None:
    async with engine.connect() as reader:
        count = select(func.count()).select_from(things)
        assert (await reader.execute(count)).scalar_one() == 0
        async with writer.begin() as connection:
            await connection.execute(ADD)
        assert (await reader.execute(count)).scalar_one() == 0
    assert await names(engine) == ["one"]


async def test_what_a_statement_tells_is_told(writer: AsyncEngine) -> None:
    async with writer.begin() as connection:
        added = await connection.execute(ADD)
        assert added.inserted_primary_key == (1,)
        assert added.lastrowid == 1

        several = [{"name": f"thing-{number}"} for number in range(3)]
        assert (await connection.execute(insert(things), several)).rowcount == 3

        returned = await connection.execute(
            insert(things).returning(things.c.id, things.c.name),
            [{"name": "a"}, {"name": "b"}],
        )
        assert returned.keys() == ["id", "name"]
        assert [tuple(row) for row in returned] == [(5, "a"), (6, "b")]

        changed = await connection.execute(
            update(things).where(things.c.id > 4).values(name=things.c.name + "!")
        )
        assert changed.rowcount == 2
        changed = await connection.execute(
            update(things).where(things.c.id == 6).values(name="c").returning(things.c.id)
        )
        assert changed.scalar_one() == 6


async def test_many_rows_come_whole_in_parts_and_as_a_stream(
    engine: AsyncEngine, writer: AsyncEngine
) -> None:
    many = [{"name": f"thing-{number}"} for number in range(5000)]
    async with writer.begin() as connection:
        await connection.execute(insert(things), many)

    query = select(things.c.name).order_by(things.c.id)
    async with engine.connect() as connection:
        found = await connection.execute(query)
        assert found.fetchone() == ("thing-0",)
        assert len(found.fetchmany(10)) == 10
        assert len(found.fetchmany()) == 1
        assert len(found.fetchall()) == 5000 - 12
        parts = [len(part) async for part in (await connection.stream(query)).partitions(2000)]
        assert parts == [2000, 2000, 1000]


async def test_a_stream_begins_the_transaction_that_it_is_read_in(
    writer: AsyncEngine, tmp_path: Path
) -> None:
    async with writer.begin() as connection:
        await connection.execute(ADD)

    other = sqlite3.connect(tmp_path / "driven.db", isolation_level=None, timeout=0)
    async with writer.connect() as connection:
        streamed = await connection.stream(select(things.c.name))
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        assert [row.name async for row in streamed] == ["one"]
    other.execute("BEGIN IMMEDIATE")
    other.close()


async def test_errors_are_what_they_were_and_end_nothing_but_the_transaction(
    writer: AsyncEngine,
) -> None:
    async with writer.begin() as connection:
        await connection.execute(ADD)

    async with writer.connect() as connection:
        await connection.execute(insert(things).values(name="two"))
        with pytest.raises(IntegrityError, match="UNIQUE"):
            await connection.execute(ADD)
        with pytest.raises(OperationalError, match="syntax"):
            await connection.execute(text("SELEKT 1"))
        with pytest.raises(ProgrammingError, match="binding"):
            await connection.exec_driver_sql("SELECT ?", (1, 2))
        await connection.rollback()
    assert await names(writer) == ["one"]


async def test_an_error_in_the_first_statement_leaves_no_transaction_behind(
    writer: AsyncEngine, tmp_path: Path
) -> None:
    async with writer.connect() as connection:
        with pytest.raises(OperationalError, match="syntax"):
            await connection.execute(text("SELEKT 1"))

    other = sqlite3.connect(tmp_path / "driven.db", isolation_level=None, timeout=0)
    other.execute("BEGIN IMMEDIATE")
    other.close()


async def test_a_locked_database_is_told_by_the_first_statement_and_can_be_tried_again(
    tmp_path: Path, writer: AsyncEngine
) -> None:
    other = sqlite3.connect(tmp_path / "driven.db", isolation_level=None)
    async with writer.connect() as connection:
        await connection.execute(text("PRAGMA busy_timeout = 10"))
        await connection.rollback()
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(OperationalError, match="locked"):
            await connection.execute(ADD)
        await connection.rollback()

        other.execute("ROLLBACK")
        await connection.execute(ADD)
        await connection.commit()
    other.close()
    assert await names(writer) == ["one"]


async def test_a_connection_that_was_closed_says_so_as_a_lost_one(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        await connection.execute(select(things.c.id))
        raw: Any = (await connection.get_raw_connection()).driver_connection
        await raw.close()
        with pytest.raises(OperationalError, match=r"closed|no active") as caught:
            await connection.execute(select(things.c.id))
        assert caught.value.connection_invalidated
    assert await names(engine) == []


async def test_a_statement_cancelled_half_way_leaves_neither_row_nor_lock(
    writer: AsyncEngine, tmp_path: Path
) -> None:
    begun = asyncio.Event()

    async def write() -> None:
        async with writer.begin() as connection:
            await connection.execute(ADD)
            begun.set()
            await connection.execute(SLOW)

    task = asyncio.create_task(write())
    await begun.wait()
    for _ in range(5):  # the slow statement is on its thread
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    async with writer.begin() as connection:
        await connection.execute(insert(things).values(name="after"))
    assert await names(writer) == ["after"]


async def test_a_commit_that_fails_is_rolled_back(writer: AsyncEngine) -> None:
    async with writer.begin() as connection:
        await connection.execute(text("CREATE TABLE parents (id INTEGER PRIMARY KEY)"))
        await connection.execute(
            text(
                "CREATE TABLE children (of INTEGER REFERENCES parents (id)"
                " DEFERRABLE INITIALLY DEFERRED)"
            )
        )

    async with writer.connect() as connection:
        await connection.execute(text("INSERT INTO children VALUES (7)"))
        with pytest.raises(IntegrityError, match="FOREIGN KEY"):
            await connection.commit()

    async with writer.connect() as connection:
        found = await connection.execute(text("SELECT count(*) FROM children"))
        assert found.scalar_one() == 0


def test_the_private_names_of_the_drivers_are_what_they_were() -> None:
    """What a newer SQLAlchemy or aiosqlite must still have; decision 20 lists it."""

    def parameters(function: Any) -> list[str]:
        return list(inspect.signature(function).parameters)

    assert parameters(aiosqlite.Connection._execute) == ["self", "fn", "args", "kwargs"]
    assert isinstance(aiosqlite.Connection._conn, property)
    assert parameters(AsyncAdapt_dbapi_connection.cursor) == ["self", "server_side"]
    assert parameters(AsyncAdapt_dbapi_connection.__init__) == ["self", "dbapi", "connection"]
    assert parameters(AsyncAdapt_aiosqlite_connection._handle_exception) == ["self", "error"]
    assert parameters(OneVisitDriver.__init__) == ["self", "aiosqlite", "sqlite"]
    assert OneVisitConnection.__slots__ == ("_begin", "_touched")
    # Each of these either works on the rows in memory, or is ours. A new one has to be looked at.
    public = {name for name in vars(AsyncAdapt_dbapi_cursor) if not name.startswith("_")}
    assert public == {
        "arraysize", "close", "description", "execute", "executemany", "fetchall", "fetchmany",
        "fetchone", "lastrowid", "nextset", "rowcount", "server_side", "setinputsizes",
    }  # fmt: skip
