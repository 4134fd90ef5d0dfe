"""Which of a driver's errors say that the database is away, and what of them strangers are told.

A driver's own words have the server's address in them, the role's name, or what was in a row. They
are for the operator's log; whoever asks for something over the network is told a reason of ours.
"""

from __future__ import annotations

import os
import sqlite3

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

_OF_SQLITE = {
    sqlite3.SQLITE_BUSY: "somebody else has locked it",
    sqlite3.SQLITE_LOCKED: "somebody else has locked it",
    sqlite3.SQLITE_READONLY: "it can only be read",
    sqlite3.SQLITE_IOERR: "its file cannot be read or written",
    sqlite3.SQLITE_FULL: "there is no room for more",
    sqlite3.SQLITE_CANTOPEN: "its file cannot be opened",
}
_PRIMARY = 0xFF

_OF_POSTGRES = {
    "08": "it cannot be reached",
    "25006": "it can only be read",
    "40": "others are changing the same",
    "53": "there is no room for more, or no connection",
    "55P03": "others hold what this waits for",
    "57014": "it took too long",
    "57": "its server is stopped, or starts",
}
"""Of SQLSTATEs, or of classes of them: transactions, connections, resources, locks, a server that
is stopped or starts; a state before its class.

https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

_UNTOLD = "the log of the host says why"


def is_away(error: BaseException) -> bool:
    """Tell whether the database is away, or has no room; the same may succeed later."""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    return _reason(_raised(error)) is not None


def told_of(error: BaseException) -> str:
    """Return what may be told of an error, whoever hears it."""
    return _reason(_raised(error)) or _UNTOLD


def _raised(error: BaseException) -> BaseException:
    """Return what the driver raised, without what SQLAlchemy put around it."""
    return error.orig if isinstance(error, DBAPIError) and error.orig is not None else error


def _reason(error: BaseException) -> str | None:
    if isinstance(error, sqlite3.Error):
        return _OF_SQLITE.get(getattr(error, "sqlite_errorcode", 0) & _PRIMARY)
    if isinstance(error, PoolTimeout):
        return "every connection to it is in use"
    if isinstance(error, OSError):
        # Its own text may have an address or a path in it, and that of its number has none.
        return os.strerror(error.errno) if error.errno else "it cannot be reached"
    state = getattr(error, "sqlstate", None) or ""
    return next((text for start, text in _OF_POSTGRES.items() if state.startswith(start)), None)
