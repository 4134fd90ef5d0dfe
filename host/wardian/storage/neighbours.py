"""Other hosts on the same database: what they say, and what is theirs to do.

On SQLite there are none: a data directory belongs to one host.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from wardian.errors import WardianError
from wardian.storage.database import Connection, Database, translated

CHANNEL = "wardian"

HEARTBEAT_SECONDS = 3.0
"""How often a server that says nothing is asked whether it is there; and how long for."""

_TELL = text("SELECT pg_notify('wardian', :tenant)")
_CLAIM = text("SELECT pg_advisory_lock(hashtextextended(:name, 0))")
_TRY = text("SELECT pg_try_advisory_lock(hashtextextended(:name, 0))")


async def tell(connection: Connection, tenant: str) -> None:
    """Have the other hosts look at a tenant's outbox, as soon as this transaction is committed."""
    if not connection.is_alone:
        await connection.execute(_TELL, {"tenant": tenant})


class Notices:
    """The tenants whose outboxes others have written to."""

    def __init__(self, driver: Any) -> None:
        self._driver = driver
        self._told: set[str] = set()
        self._something = asyncio.Event()

    def hear(self, _driver: object, _process: int, _channel: str, tenant: str) -> None:
        """Remember a notice; many of one tenant are one."""
        self._told.add(tenant)
        self._something.set()

    def end(self, _driver: object) -> None:
        """Wake who waits, because nothing will be heard any more."""
        self._something.set()

    async def next(self) -> set[str]:
        """Wait for notices, and return the tenants that they name.

        Raises:
            WardianError: the connection is gone, or the server does not answer.
        """
        while not self._told:
            try:
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    await self._something.wait()
            except TimeoutError:
                await self._ask()
            if self._driver.is_closed():
                raise WardianError("The connection to the database was lost.")
            self._something.clear()
        told, self._told = self._told, set()
        return told

    async def _ask(self) -> None:
        try:
            await self._driver.execute("SELECT 1", timeout=HEARTBEAT_SECONDS)
        except Exception as exc:  # whatever the driver calls it
            raise WardianError("The database does not answer any more.") from exc


@asynccontextmanager
async def listening(database: Database) -> AsyncIterator[Notices]:
    """Listen for what other hosts say; the connection is this block's own.

    Raises:
        WardianError: the database cannot be reached.
    """
    async with _own(database.engines.migrating) as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        notices = Notices(driver)
        driver.add_termination_listener(notices.end)
        async with translated():
            await driver.add_listener(CHANNEL, notices.hear)
        yield notices


@asynccontextmanager
async def claimed(database: Database, *names: str) -> AsyncIterator[None]:
    """Wait until no other host holds any of ``names``, and hold them while the block runs.

    A host that is killed, or loses the database, holds nothing any more.

    Raises:
        WardianError: the database cannot be reached.
    """
    if not database.is_shared:
        yield
        return
    async with _own(database.engines.migrating) as connection:
        for name in sorted(set(names)):
            async with translated():
                await connection.execute(_CLAIM, {"name": name})
        yield


async def is_claimed(database: Database, name: str) -> bool:
    """Tell whether another host holds ``name``.

    Raises:
        WardianError: the database cannot be reached.
    """
    if not database.is_shared:
        return False
    async with _own(database.engines.migrating) as connection, translated():
        return not (await connection.execute(_TRY, {"name": name})).scalar_one()


@asynccontextmanager
async def _own(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Lend a connection that nobody uses afterwards: what it holds ends with it."""
    connection = engine.connect()
    async with translated():
        await connection.start()
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        driver: Any = (await connection.get_raw_connection()).driver_connection
    try:
        yield connection
    finally:
        # Its server may be gone without a word: nothing is said, and nobody waited for.
        driver.terminate()
        if not connection.invalidated:  # as a statement that was cancelled leaves it
            await connection.invalidate()
        await connection.close()
