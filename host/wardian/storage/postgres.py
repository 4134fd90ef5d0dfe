"""PostgreSQL through asyncpg: its engines, and whose rows a transaction is about.

A writing transaction enters a tenant before its first statement about that tenant's rows, and
holds the tenant's lock from then to its end. So everything that reads and then writes is as safe
as under SQLite's single writer, and writers of other tenants go on. Decision 28 tells why.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import URL, NullPool, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

EVERY_TENANT = "*"
"""Entered by the few functions that are about all tenants; no tenant can have this name."""

LOCK_SECONDS = 10.0
"""How long a statement waits for another transaction's lock before it fails."""

STATEMENT_SECONDS = 30.0
"""How long a statement may run, waiting included."""

IDLE_SECONDS = 60.0
"""How long a transaction may do nothing, before the server ends it and frees its locks."""

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = STATEMENT_SECONDS + 5.0
"""How long a server is waited for that may be gone without a word."""

CONNECTIONS_MAX = 10
"""For writers, and as many for readers: one who writes never waits for those who wait for it."""

_SETTINGS = {
    "application_name": "wardian",
    "statement_timeout": str(int(STATEMENT_SECONDS * 1000)),
    "lock_timeout": str(int(LOCK_SECONDS * 1000)),
    "idle_in_transaction_session_timeout": str(int(IDLE_SECONDS * 1000)),
    "row_security": "on",
    "timezone": "UTC",
}

_SET = "set_config('wardian.tenant', :tenant, true)"
_ALONE = "pg_advisory_xact_lock(hashtextextended(:whole, 0))"
_BESIDE = "pg_advisory_xact_lock_shared(hashtextextended(:whole, 0))"
_PART = "pg_advisory_xact_lock(hashtextextended(:part, 0))"

_ENTER = text(f"SELECT {_SET}")
_ENTER_ALONE = text(f"SELECT {_SET}, {_ALONE}")
_ENTER_PART = text(f"SELECT {_SET}, {_BESIDE}, {_PART}")


def writer_engine(url: URL) -> AsyncEngine:
    """Return the engine of transactions that write; each statement sees what was committed."""
    return _engine(url, _SETTINGS)


def reader_engine(url: URL) -> AsyncEngine:
    """Return the engine of transactions that see one moment, and cannot write."""
    engine = _engine(url, _SETTINGS)
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def migrating_engine(url: URL) -> AsyncEngine:
    """Return an engine whose statements may take their time, each connection for one use."""
    patient = {name: value for name, value in _SETTINGS.items() if not name.endswith("timeout")}
    return create_async_engine(
        url,
        poolclass=NullPool,
        connect_args={"server_settings": patient, "timeout": CONNECT_SECONDS},
    )


def _engine(url: URL, settings: dict[str, str]) -> AsyncEngine:
    return create_async_engine(
        url,
        pool_pre_ping=True,  # a server that was restarted is found again without an error
        pool_size=CONNECTIONS_MAX,
        max_overflow=0,
        pool_timeout=LOCK_SECONDS,
        connect_args={
            "server_settings": settings,
            "timeout": CONNECT_SECONDS,
            "command_timeout": ANSWER_SECONDS,
        },
    )


_NOT_TEXT = "22021"  # character_not_in_repertoire


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose rows statements are about.

    Attributes:
        part: what of the tenant's they are about; who writes to another part goes on meanwhile.
    """

    tenant: str
    part: str | None = None


class Entered:
    """Which scopes a transaction has entered, and which locks it holds."""

    def __init__(self, connection: AsyncConnection, *, writes: bool) -> None:
        self._connection = connection
        self._writes = writes
        self._now: Scope | None = None
        self._held: set[Scope] = set()

    async def enter(self, scope: Scope) -> None:
        """Have the statements that follow be about ``scope``; writers wait for its lock.

        Raises:
            RuntimeError: of a part to the whole of its tenant, in a transaction that writes. Two
                that did so would wait for each other for ever, so none may.
        """
        if scope == self._now:
            return
        self._check(scope)
        given = {"tenant": scope.tenant}
        if not self._writes or self._holds(scope):
            await self._connection.execute(_ENTER, given)
        elif scope.part is None:
            whole = _key(scope.tenant)
            await self._connection.execute(_ENTER_ALONE, {**given, "whole": whole})
        else:
            keys = {"whole": _key(scope.tenant), "part": _key(scope.tenant, scope.part)}
            await self._connection.execute(_ENTER_PART, {**given, **keys})
        self._held.add(scope)
        self._now = scope

    def _check(self, scope: Scope) -> None:
        whole = Scope(scope.tenant)
        if self._writes and scope == whole and whole not in self._held:
            part = next((each.part for each in self._held if each.tenant == scope.tenant), None)
            if part is not None:
                raise RuntimeError(
                    f"A transaction about {part!r} of {scope.tenant!r} wants it all."
                )

    def _holds(self, scope: Scope) -> bool:
        return scope in self._held or Scope(scope.tenant) in self._held


def _key(*words: str) -> str:
    return "/".join(("wardian", *words))


def is_of_nul(error: BaseException) -> bool:
    """Tell whether a text was not taken because it has a NUL (or is not UTF-8 at all)."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) == _NOT_TEXT


def reason_of(error: BaseException) -> str:
    """Return what the database said, without the names of the classes that brought it."""
    told = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    if type(told.__cause__).__module__.startswith("asyncpg"):
        told = told.__cause__ or told
    return str(told) or type(told).__name__
