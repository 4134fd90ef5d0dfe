"""Which of a driver's errors say that the database is away, and not that it was asked wrongly."""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

_OF_SQLITE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
    }
)
_PRIMARY = 0xFF

_OF_POSTGRES = ("08", "53", "57")
"""Classes of SQLSTATE: connections, resources, and a server that is stopped or starts.

https://www.postgresql.org/docs/current/errcodes-appendix.html
"""


def is_away(error: BaseException) -> bool:
    """Tell whether the database is away, or has no room; the same may succeed later."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or (error.orig is not None and is_away(error.orig))
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", 0) & _PRIMARY in _OF_SQLITE
    state = getattr(error, "sqlstate", None) or ""
    return isinstance(error, (OSError, PoolTimeout)) or state.startswith(_OF_POSTGRES)
