"""Questions that have ended become rows: behind their answers, many in one transaction."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from functools import partial

from wardian.agents.asking.jottings import Jottings, Note
from wardian.agents.together import Together
from wardian.errors import Unavailable, WardianError
from wardian.storage import Database
from wardian.storage.asks import AskRepository, AskRow

PAUSE_SECONDS = 0.1
"""How long a question waits for others to be written down with."""

WAITING_MAX = 2_000
"""Of a tenant; who asks more than can be written waits until they are. As many are kept while the
database does not answer."""

ELSEWHERE_SECONDS = 0.4
"""After so long what another host has answered can be read here, unless its database is slow."""

_log = logging.getLogger("wardian.agents")


class AskRows:
    """Writes questions down."""

    def __init__(self, database: Database, jottings: Jottings | None = None) -> None:
        """Without ``jottings`` each question is a row before `add` returns."""
        self._database = database
        self._jottings = jottings
        self._together: Together[AskRow, None] = Together(self._write, pause=PAUSE_SECONDS)
        self._put_off: dict[str, list[tuple[AskRow, Note | None]]] = {}

    def begun(self, tenant: str, row: AskRow) -> Note | None:
        """Note a question that begins, as what it is if this host is killed before its end."""
        return None if self._jottings is None else self._jottings.note(tenant, row)

    async def add(self, tenant: str, row: AskRow, begun: Note | None = None) -> None:
        """Have a question written down, in place of what was ``begun``: a kill of the host loses it
        no more.

        One that cannot be is logged, and its asker has the answer.
        """
        self._write_put_off(tenant)
        note = None if self._jottings is None else self._jottings.note(tenant, row)
        is_noted = note is not None and self._together.waiting(tenant) < WAITING_MAX
        future = self._submit(tenant, row, note, may_wait=is_noted)
        if not is_noted:
            await asyncio.wait([future])  # which, unlike awaiting it, does not cancel it
        if begun is not None:
            begun.done()

    async def caught_up(self, tenant: str) -> None:
        """Wait until a tenant's questions that have ended here are rows."""
        self._write_put_off(tenant)
        await self._together.caught_up(tenant)

    async def elsewhere(self) -> bool:
        """Wait for questions that have just ended on other hosts; False if there are none."""
        if self._database.is_shared:
            await asyncio.sleep(ELSEWHERE_SECONDS)
        return self._database.is_shared

    async def recover(self) -> None:
        """Write down what a host before this one has noted, and has not written."""
        if self._jottings is None:
            return
        left = list(self._jottings.left())
        rows: dict[str, dict[str, AskRow]] = {}
        for _, contents in left:
            for tenant, row in contents:
                rows.setdefault(tenant, {})[row.id] = row  # how it ended is after that it began
        written = [
            await self._is_written(tenant, list(some.values())) for tenant, some in rows.items()
        ]
        if all(written):
            for path, _ in left:
                path.unlink(missing_ok=True)

    async def close(self) -> None:
        """Have all written; what cannot be is left to the next host, where it was noted."""
        for tenant in list(self._put_off):
            self._write_put_off(tenant)
        await self._together.idle()
        if self._jottings is not None:
            self._jottings.close()

    async def idle(self) -> None:
        """Wait until all is written."""
        await self._together.idle()

    def _submit(
        self, tenant: str, row: AskRow, note: Note | None, *, may_wait: bool
    ) -> asyncio.Future[None]:
        future = self._together.submit(tenant, row, may_wait=may_wait)
        future.add_done_callback(partial(self._ended, tenant, row, note))
        return future

    def _write_put_off(self, tenant: str) -> None:
        """Try again with what came while the database did not answer."""
        for row, note in self._put_off.pop(tenant, ()):
            self._submit(tenant, row, note, may_wait=True)

    def _ended(
        self, tenant: str, row: AskRow, note: Note | None, future: asyncio.Future[None]
    ) -> None:
        error = None if future.cancelled() else future.exception()
        if isinstance(error, Unavailable) and self._may_put_off(tenant):
            self._put_off.setdefault(tenant, []).append((row, note))
            return
        if note is not None:
            note.done()
        if isinstance(error, WardianError):
            _log.warning("The question %s was not written down: %s", row.id, error)
        elif error is not None:
            _log.error("The question %s was not written down.", row.id, exc_info=error)

    def _may_put_off(self, tenant: str) -> bool:
        return len(self._put_off.get(tenant, ())) < WAITING_MAX

    async def _write(self, tenant: str, rows: Sequence[AskRow]) -> Sequence[Exception | None]:
        """Write questions down, all but those that cannot be: of many that came together, one must
        not take the others along."""
        try:
            async with self._database.transaction() as connection:
                await AskRepository(connection, tenant).add(rows)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 -- also what a driver says of a value
            if len(rows) == 1:
                return [error]
            half = len(rows) // 2
            former = await self._write(tenant, rows[:half])
            return [*former, *await self._write(tenant, rows[half:])]
        return [None] * len(rows)

    async def _is_written(self, tenant: str, rows: Sequence[AskRow]) -> bool:
        """Write what was left, and tell whether there is no more to be done about it."""
        try:
            there = await self._known(tenant, rows)
            missing = [row for row in rows if row.id not in there]
            failed = (
                [each for each in await self._write(tenant, missing) if each] if missing else []
            )
        except WardianError as error:
            _log.warning("Questions of %s from before are not written down: %s", tenant, error)
            return not isinstance(error, Unavailable)
        if failed:
            _log.warning(
                "%d questions of %s are not written down: %s", len(failed), tenant, *failed[:1]
            )
        return True

    async def _known(self, tenant: str, rows: Sequence[AskRow]) -> set[str]:
        async with self._database.reading() as connection:
            return await AskRepository(connection, tenant).known([row.id for row in rows])
