"""The ways to a database: SQLite in a file, or PostgreSQL."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, event, make_url
from sqlalchemy import Connection as SyncConnection
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from wardian.errors import HostUnusable
from wardian.storage import postgres
from wardian.storage.sqlite_driver import sqlite_driver

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


def engines_of(location: str | Path) -> Engines:
    """Return the engines for an SQLite file's path, or a URL as text.

    Raises:
        HostUnusable: no such driver, or none of the databases that Wardian knows.
    """
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
    except ValueError as exc:
        # What was taken for a port may be a part of the password, so it is not repeated.
        raise HostUnusable(
            "The database URL cannot be used: its port is no number. In a password, / : @ are "
            "written %2F %3A %40."
        ) from exc
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
