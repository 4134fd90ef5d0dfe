"""The database: one engine, its transactions, its schema."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, nullcontext
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, CursorResult, Executable, event, make_url, text
from sqlalchemy import Connection as SyncConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from wardian.errors import HostUnusable, WardianError
from wardian.storage import postgres
from wardian.storage.postgres import Entered, Scope, reason_of
from wardian.storage.schema import SchemaFound, bring_up_to_date, look_up
from wardian.storage.sqlite_driver import sqlite_driver

T = TypeVar("T")

BUSY_SECONDS = 10.0
"""How long a transaction waits for another process's lock before it fails."""

_WAL = "PRAGMA journal_mode = WAL"
_WAL_RETRY_SECONDS = 0.02

_PRAGMAS = (
    "PRAGMA synchronous = FULL",  # because a committed install or kv write must survive power loss
    "PRAGMA foreign_keys = ON",
    f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}",
    "PRAGMA trusted_schema = OFF",
)


class Connection:
    """One open transaction. What it has begun to do it does to the end, also when cancelled.

    Because: a statement that is abandoned half-way would leave its connection, and with it the
    write lock, with a thread that nobody waits for.
    """

    def __init__(self, connection: AsyncConnection, *, writes: bool = False) -> None:
        self._opened = _Opened(connection, Entered(connection, writes=writes))
        self._scope: Scope | None = None

    @property
    def committed(self) -> bool:
        """Whether the transaction is durable."""
        return self._opened.committed

    @property
    def is_alone(self) -> bool:
        """Whether no other transaction can write before the end of this one, if it writes."""
        return self._opened.connection.dialect.name == "sqlite"

    def of(self, tenant: str, part: str | None = None) -> Connection:
        """Return this transaction, for statements about one tenant's rows.

        On PostgreSQL they see no others' rows, and the first of them waits, in a transaction that
        writes, for those who write to the same tenant; or, if a ``part`` of it is named, to the
        same part or the whole.
        """
        if self.is_alone:
            return self
        scoped = copy(self)
        scoped._scope = Scope(tenant, part)
        return scoped

    def of_every_tenant(self) -> Connection:
        """Return this transaction, for statements about the rows of all tenants.

        For the named functions of this package that are the host's own, and nobody else.
        """
        return self.of(postgres.EVERY_TENANT)

    async def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        """Run one statement."""
        return await _whole(self._execute(statement, parameters))

    async def _execute(self, statement: Executable, parameters: Any) -> CursorResult[Any]:
        if self._scope is not None:
            await self._opened.entered.enter(self._scope)
        return await self._opened.connection.execute(statement, parameters)

    async def run_sync(self, function: Callable[[SyncConnection], T]) -> T:
        """Run a synchronous function of SQLAlchemy's over this transaction."""
        return await _whole(self._opened.connection.run_sync(function))

    async def commit(self) -> None:
        """Make the transaction durable; `committed` tells, also after a cancellation."""
        await _whole(self._commit())

    async def _commit(self) -> None:
        await self._opened.connection.commit()
        self._opened.committed = True


@dataclass(slots=True)
class _Opened:
    """What a transaction's views have in common."""

    connection: AsyncConnection
    entered: Entered
    committed: bool = False


class Database:
    """Transactions on one database.

    Writers of this process take turns in front of SQLite's single write lock, because its own
    waiting is a poll that starves the unlucky.
    """

    def __init__(self, engines: Engines) -> None:
        self._engines = engines
        self._is_sqlite = engines.writer.dialect.name == "sqlite"
        self._turn = asyncio.Lock()

    @classmethod
    @asynccontextmanager
    async def open(cls, location: str | Path) -> AsyncIterator[Database]:
        """Connect, bring the schema up to date, and close at the end.

        ``location`` is the path of an SQLite file, or a URL as text.

        Raises:
            HostUnusable: no such driver, no connection, or a schema newer than this program.
        """
        engines = _engines(location)
        try:
            await bring_up_to_date(engines.migrating)
            yield cls(engines)
        finally:
            await engines.dispose()

    @staticmethod
    async def survey(location: str | Path) -> SchemaFound:
        """Tell which schema a database has, and change nothing.

        Raises:
            HostUnusable: no such driver, or no connection.
        """
        engines = _engines(location)
        try:
            return await look_up(engines.migrating)
        finally:
            await engines.dispose()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """One atomic write: commits at the end, rolls back on any exception.

        Inside it no other writer of this database runs, on SQLite; on PostgreSQL no other writer
        to the same tenant does, from its first statement about that tenant on.

        Raises:
            WardianError: the database did not answer, or refused (full disk, lock, lost server).
        """
        turn = self._turn if self._is_sqlite else nullcontext()
        async with turn, self._opened(self._engines.writer, writes=True) as connection:
            yield connection
            await connection.commit()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        """One consistent view to read from.

        Raises:
            WardianError: the database did not answer.
        """
        async with self._opened(self._engines.reader) as connection:
            yield connection

    @asynccontextmanager
    async def _opened(
        self, engine: AsyncEngine, *, writes: bool = False
    ) -> AsyncIterator[Connection]:
        raw = engine.connect()
        async with _translated():
            try:
                await _whole(raw.start())
                yield Connection(raw, writes=writes)
            finally:
                if raw.sync_connection is not None:
                    await _whole(raw.close())

    async def answers(self) -> bool:
        """Tell whether the database takes a write transaction now."""
        try:
            async with self.transaction() as connection:
                await connection.execute(text("SELECT 1"))
        except WardianError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Engines:
    """The ways to one database; on SQLite they share one pool."""

    writer: AsyncEngine
    reader: AsyncEngine
    migrating: AsyncEngine

    async def dispose(self) -> None:
        """Close every connection."""
        for engine in (self.writer, self.reader, self.migrating):
            await engine.dispose()


def _engines(location: str | Path) -> Engines:
    try:
        parsed = _url(location)
        if parsed.get_backend_name() in ("postgresql", "postgres"):
            return _postgres_engines(parsed)
        if parsed.drivername == "sqlite":
            parsed = parsed.set(drivername="sqlite+aiosqlite")
        if parsed.drivername == "sqlite+aiosqlite":
            engine = create_async_engine(parsed, module=sqlite_driver())
        else:
            engine = create_async_engine(parsed)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as exc:
        raise HostUnusable(f"The database URL cannot be used: {exc}.") from exc
    if engine.dialect.name != "sqlite":
        raise HostUnusable(
            "The database URL cannot be used: Wardian speaks to SQLite and to PostgreSQL "
            "(postgresql://…)."
        )
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return Engines(engine.execution_options(wardian_writes=True), engine, engine)


def _postgres_engines(url: URL) -> Engines:
    url = url.set(drivername="postgresql+asyncpg")
    try:
        return Engines(
            postgres.writer_engine(url), postgres.reader_engine(url), postgres.migrating_engine(url)
        )
    except ModuleNotFoundError as exc:
        raise HostUnusable(
            "The database URL cannot be used: PostgreSQL takes the package asyncpg; install "
            "wardian[postgres]."
        ) from exc


def _url(location: str | Path) -> URL:
    if isinstance(location, Path):
        return URL.create("sqlite+aiosqlite", database=str(location))
    return make_url(location)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver would otherwise begin and commit by its own rules, and break transactional DDL.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    _enter_wal(cursor)
    cursor.close()


def _enter_wal(cursor: Any) -> None:
    """Write ahead, from the first moment of a file on.

    SQLite does not wait for others who turn the same new file to it, whatever `busy_timeout` says.
    """
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            cursor.execute(_WAL)
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(_WAL_RETRY_SECONDS)
        else:
            return


def _begin_sqlite(connection: SyncConnection) -> None:
    options = connection.get_execution_options()
    if options.get("wardian_migrates", False):
        # SQLite changes a table by making another and dropping the old one, and its dependents
        # would go with that. Whether references hold is looked at before the commit.
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
    writes = options.get("wardian_writes", False)
    # IMMEDIATE, because a transaction that reads first and then writes would see a stale quota.
    raw: Any = connection.connection.dbapi_connection
    raw.begin_with("BEGIN IMMEDIATE" if writes else "BEGIN")


async def _whole(step: Coroutine[Any, Any, T]) -> T:
    """Run one step to its end; a cancellation is raised after it, not within it."""
    task = asyncio.ensure_future(step)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await _settled(task)
        raise


async def _settled(task: asyncio.Future[Any]) -> None:
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            continue  # once is enough: whoever cancels twice still must not leave a lock behind
    if not task.cancelled():
        task.exception()  # looked at, so that asyncio does not report it as forgotten


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    try:
        yield
    except (DBAPIError, PoolTimeout, sqlite3.Error, OSError) as exc:
        cause = reason_of(exc)
        raise WardianError(f"The database did not answer as it should: {cause}.") from exc
