"""SQLite through aiosqlite, with one visit to its thread for each statement.

SQLAlchemy's own adapter goes to a connection's thread and back for each of cursor, execute,
fetchall and close, and each way wakes the event loop. All of that is known beforehand, so here it
is one function on that thread. BEGIN goes with the first statement, and ending a transaction in
which nothing was done takes no visit. Decision 20 tells what this relies on.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Iterable
from typing import Any, NamedTuple

import aiosqlite
from sqlalchemy.dialects.sqlite.aiosqlite import (
    AsyncAdapt_aiosqlite_connection,
    AsyncAdapt_aiosqlite_cursor,
    AsyncAdapt_aiosqlite_dbapi,
    AsyncAdapt_aiosqlite_ss_cursor,
)
from sqlalchemy.util.concurrency import await_


def sqlite_driver() -> OneVisitDriver:
    """Return the driver that an engine for SQLite takes as its ``module``."""
    return OneVisitDriver(aiosqlite, sqlite3)


class OneVisitDriver(AsyncAdapt_aiosqlite_dbapi):
    """The adapted driver, whose connections are `OneVisitConnection`."""

    def connect(self, *arguments: Any, **options: Any) -> OneVisitConnection:
        """Connect; in a greenlet of SQLAlchemy's, as all that follows."""
        return OneVisitConnection(self, super().connect(*arguments, **options).driver_connection)


class _Answer(NamedTuple):
    """All that a statement left; nothing of it is asked of the database again."""

    rows: Iterable[Any] = ()
    description: Any = None
    rowcount: int = -1
    lastrowid: Any = None


def _run(
    connection: aiosqlite.Connection, begin: str | None, statement: str, given: Any, many: bool
) -> _Answer:
    """Run a statement to its end, on the connection's thread."""
    cursor = connection._conn.cursor()
    try:
        if begin is not None:
            cursor.execute(begin)
        if many:
            cursor.executemany(statement, given)
        else:
            cursor.execute(statement, () if given is None else given)
        rows = cursor.fetchall() if cursor.description else ()
        return _Answer(rows, cursor.description, cursor.rowcount, cursor.lastrowid)
    finally:
        cursor.close()


class _OneVisitCursor(AsyncAdapt_aiosqlite_cursor):
    """A cursor that has its whole answer when `execute` returns.

    The fetching methods are SQLAlchemy's, which take rows from memory. It has no cursor of the
    driver's: a method that wants one fails.
    """

    __slots__ = ("_answer",)

    arraysize = 1

    def __init__(self, adapt_connection: Any) -> None:
        self._adapt_connection: OneVisitConnection = adapt_connection
        self._rows = deque()
        self._answer = _Answer()

    @property
    def description(self) -> Any:
        """The columns of the answer; None for a statement that answers no rows."""
        return self._answer.description

    @property
    def rowcount(self) -> int:
        """How many rows the statement changed; -1 where that is not known."""
        return self._answer.rowcount

    @property
    def lastrowid(self) -> Any:
        """The row that was inserted last."""
        return self._answer.lastrowid

    def execute(self, operation: Any, parameters: Any = None) -> None:
        """Run one statement."""
        self._take(self._adapt_connection.visit(operation, parameters))

    def executemany(self, operation: Any, seq_of_parameters: Any) -> None:
        """Run one statement for each of several sets of parameters."""
        self._take(self._adapt_connection.visit(operation, seq_of_parameters, many=True))

    def _take(self, answer: _Answer) -> None:
        self._answer, self._rows = answer, deque(answer.rows)

    async def _async_soft_close(self) -> None:
        """Keep the answer: nothing is open that could be closed."""

    def close(self) -> None:
        """Forget the rows."""
        self._rows.clear()


class _StreamingCursor(AsyncAdapt_aiosqlite_ss_cursor):
    """SQLAlchemy's own streaming cursor, after the BEGIN that waits for it."""

    __slots__ = ()

    def execute(self, operation: Any, parameters: Any = None) -> Any:
        """Run one statement, whose rows are asked for later."""
        connection: Any = self._adapt_connection
        connection.begin_now()
        return super().execute(operation, parameters)


class OneVisitConnection(AsyncAdapt_aiosqlite_connection):
    """A connection that remembers whether it may be in a transaction.

    It errs on one side only: what it is not sure of, it asks the database to end.
    """

    __slots__ = ("_begin", "_touched")

    _cursor_cls = _OneVisitCursor
    _ss_cursor_cls = _StreamingCursor

    def __init__(self, dbapi: Any, connection: Any) -> None:
        super().__init__(dbapi, connection)
        self._begin: str | None = None
        self._touched = False

    def begin_with(self, statement: str) -> None:
        """Begin a transaction by ``statement`` as soon as there is something to do in it."""
        self._begin = statement

    def begin_now(self) -> None:
        """Begin the transaction that waits for something to do, if one does."""
        self._touched = True
        if self._begin is not None:
            self.visit("SELECT 1", None)

    def visit(self, statement: str, parameters: Any, *, many: bool = False) -> _Answer:
        """Run one statement, and the BEGIN that waits for it, on the connection's thread."""
        begin, self._begin, self._touched = self._begin, None, True
        connection = self._connection
        try:
            answer: _Answer = await_(
                connection._execute(_run, connection, begin, statement, parameters, many)
            )
        except Exception as error:  # noqa: BLE001 -- the adapter's own table decides what it becomes
            self._handle_exception(error)
        return answer

    def commit(self) -> None:
        """Commit, if there is anything to commit; what cannot be committed is rolled back.

        Because: SQLAlchemy takes a transaction whose commit failed for ended, and would give the
        connection to the next with it, and with the lock of writers.
        """
        self._begin = None
        if not self._touched:
            return
        try:
            super().commit()
        except Exception:
            super().rollback()
            raise
        self._touched = False

    def rollback(self) -> None:
        """Roll back, if there is anything to roll back."""
        self._begin = None
        if self._touched:
            super().rollback()
            self._touched = False
