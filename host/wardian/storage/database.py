"""The database: one engine, its transactions, its schema."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, nullcontext
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection as SyncConnection
from sqlalchemy import CursorResult, Executable, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from wardian.errors import InvalidArguments, Unavailable, WardianError
from wardian.storage import postgres
from wardian.storage.away import is_away, told_of
from wardian.storage.engines import Engines, engines_of
from wardian.storage.postgres import Entered, Scope, is_of_nul, reason_of
from wardian.storage.schema import SchemaFound, bring_up_to_date, look_up, root_keys_of

T = TypeVar("T")

_log = logging.getLogger("wardian.storage")


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
        self.engines = engines
        self._is_sqlite = engines.writer.dialect.name == "sqlite"
        self._turn = asyncio.Lock()

    @property
    def is_shared(self) -> bool:
        """Whether other hosts may be working on the same database."""
        return not self._is_sqlite

    @classmethod
    @asynccontextmanager
    async def open(cls, location: str | Path) -> AsyncIterator[Database]:
        """Connect, bring the schema up to date, and close at the end.

        ``location`` is the path of an SQLite file, or a URL as text.

        Raises:
            HostUnusable: no such driver, no connection, or a schema newer than this program.
        """
        engines = engines_of(location)
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
        engines = engines_of(location)
        try:
            return await look_up(engines.migrating)
        finally:
            await engines.dispose()

    @staticmethod
    async def root_keys(location: str | Path) -> frozenset[str]:
        """Return which root keys the data keys of a database are wrapped by; change nothing.

        Raises:
            HostUnusable: no such driver, no connection, or a schema without data keys.
        """
        engines = engines_of(location)
        try:
            return await root_keys_of(engines.migrating)
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
        async with turn, self._opened(self.engines.writer, writes=True) as connection:
            yield connection
            await connection.commit()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        """One consistent view to read from.

        Raises:
            WardianError: the database did not answer.
        """
        async with self._opened(self.engines.reader) as connection:
            yield connection

    @asynccontextmanager
    async def _opened(
        self, engine: AsyncEngine, *, writes: bool = False
    ) -> AsyncIterator[Connection]:
        raw = engine.connect()
        async with translated():
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
async def translated() -> AsyncIterator[None]:
    """Raise what drivers raise as errors of ours."""
    try:
        yield
    except (DBAPIError, PoolTimeout, sqlite3.Error, OSError) as exc:
        if is_of_nul(exc):
            # SQLite finds nothing by such a name, and PostgreSQL does not look.
            raise InvalidArguments("A name or id has a NUL, which none can have.") from exc
        # Who waits for a database that is away has met no fault of the host's.
        kind = Unavailable if is_away(exc) else WardianError
        _log.warning("The database did not answer as it should: %s", reason_of(exc))
        raise kind(f"The database did not answer as it should: {told_of(exc)}.") from exc
