"""Questions that were asked, written down; and read, in pages."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from wardian.agents.asking.ask_rows import AskRows
from wardian.agents.asking.jottings import Note
from wardian.agents.money import amount
from wardian.agents.views import AskAttemptView, AskView, FeedbackView
from wardian.errors import InvalidArguments, NotFound, WardianError
from wardian.runtime.flushing import flushed
from wardian.storage import Database
from wardian.storage.agent_budgets import BudgetRepository
from wardian.storage.asks import AskRepository, AskRow
from wardian.storage.rows import now
from wardian.tenants import Tenants

PAGE_MAX = 1_000
PRUNES_SECONDS = 60.0
AT_ONCE = 1_000
"""Rows that one transaction removes: nobody else can write meanwhile."""

_POSITIONS_MAX = 2**63
_CURSOR = re.compile(r"[0-9a-f]{1,16}")
_PERIODS_KEPT = {"hour": 48, "day": 93, "month": 26}
"""Of how many periods it is known what was spent in them, the newest."""

_log = logging.getLogger("wardian.agents")


class AsksPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some questions, the newest first; ``next`` asks for those before them."""

    asks: list[AskView]
    next: str | None


Feedback = Callable[[str, Sequence[str]], Awaitable[list[FeedbackView]]]
"""Returns what a tenant's people think of the answers to these questions."""


async def no_feedback(tenant: str, asks: Sequence[str]) -> list[FeedbackView]:
    """Return nothing: nobody can say."""
    return []


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordNeeds:
    """What questions are written down with.

    Attributes:
        rows: writes them.
        kept: so many of a tenant.
        age: for so long.
    """

    database: Database
    rows: AskRows
    tenants: Tenants
    kept: int
    age: timedelta
    feedback: Feedback = no_feedback
    now: Callable[[], datetime] = now


class AskRecords:
    """The questions of every tenant that have ended."""

    def __init__(self, needs: RecordNeeds) -> None:
        self._needs = needs
        self._later: set[asyncio.Future[None]] = set()

    def begun(self, tenant: str, row: AskRow) -> Note | None:
        """Note what a question is to be if this host is killed before it has ended."""
        return self._needs.rows.begun(tenant, row)

    async def add(self, tenant: str, row: AskRow, begun: Note | None = None) -> None:
        """Write a question down; one that cannot be is logged, and its asker has the answer."""
        await self._needs.rows.add(tenant, row, begun)

    async def find(self, tenant: str, ask_id: str) -> AskView:
        """Return one question.

        Raises:
            NotFound: the tenant has not asked it, or it is not kept any more.
        """
        row = await self._find(tenant, ask_id)
        if row is None and await self._needs.rows.elsewhere():
            row = await self._find(tenant, ask_id)
        if row is None:
            raise NotFound(f"There is no question {ask_id[:80]!r}, or it is not kept any more.")
        return (await self._views(tenant, [row]))[0]

    async def page(
        self,
        tenant: str,
        *,
        limit: int = 50,
        before: str | None = None,
        agent: str | None = None,
        capability: str | None = None,
        subject: str | None = None,
    ) -> AsksPage:
        """Return a page of questions, the newest first.

        Raises:
            InvalidArguments: no page of this size, or ``before`` is no `AsksPage.next`.
        """
        if not 1 <= limit <= PAGE_MAX:
            raise InvalidArguments(f"A page has 1 to {PAGE_MAX} questions.", path="limit")
        start = None if before is None else _read_cursor(before)
        await self._needs.rows.caught_up(tenant)
        async with self._needs.database.reading() as connection:
            rows = await AskRepository(connection, tenant).page(
                limit=limit + 1,
                before=start,
                agent=agent,
                capability=capability,
                subject=subject,
            )
        return AsksPage(
            asks=await self._views(tenant, rows[:limit]),
            next=f"{rows[limit - 1].position:x}" if len(rows) > limit else None,
        )

    def later(self, work: Awaitable[None]) -> asyncio.Future[None]:
        """Have something be done to its end, whoever stops waiting for it."""
        future = asyncio.ensure_future(work)
        self._later.add(future)
        future.add_done_callback(self._later.discard)
        return future

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Remove old questions now and then while this is open; at the end have all written."""
        await self._needs.rows.recover()
        async with flushed(self.prune, seconds=PRUNES_SECONDS, name="wardian-asks"):
            yield
        await self.idle()
        await self._needs.rows.close()

    async def idle(self) -> None:
        """Wait until all is done that was to be done later, and written."""
        while self._later:
            await asyncio.wait(list(self._later))
        await self._needs.rows.idle()

    async def prune(self) -> None:
        """Remove what is old, or too many; what goes wrong can wait, and is logged."""
        try:
            for tenant in await self._needs.tenants.list():
                await self._prune(tenant.name)
        except WardianError as error:
            _log.warning("Old questions were not removed: %s", error)

    async def _prune(self, tenant: str) -> None:
        at = self._needs.now()
        gone = AT_ONCE
        while gone >= AT_ONCE:
            async with self._needs.database.transaction() as connection:
                repository = AskRepository(connection, tenant)
                gone = await repository.forget_old(at - self._needs.age, AT_ONCE)
                await repository.forget_beyond(self._needs.kept)
        async with self._needs.database.transaction() as connection:
            budgets = BudgetRepository(connection, tenant)
            for period, kept in _PERIODS_KEPT.items():
                await budgets.forget_old(period, kept)

    async def _find(self, tenant: str, ask_id: str) -> AskRow | None:
        await self._needs.rows.caught_up(tenant)
        async with self._needs.database.reading() as connection:
            return await AskRepository(connection, tenant).find(ask_id)

    async def _views(self, tenant: str, rows: Sequence[AskRow]) -> list[AskView]:
        said: dict[str, list[FeedbackView]] = {row.id: [] for row in rows}
        for each in await self._needs.feedback(tenant, list(said)) if rows else []:
            said[each.ask].append(each)
        return [_view(row, said[row.id]) for row in rows]


def _view(row: AskRow, feedback: list[FeedbackView]) -> AskView:
    return AskView(
        id=row.id,
        at=row.at,
        capability=row.capability,
        subject=row.subject,
        agent=row.agent,
        version=row.version,
        ending=row.ending,
        strategy=row.strategy,
        rule=row.rule,
        cost=amount(row.cost_nanos),
        units=row.units,
        latency_ms=round(row.latency_ms, 3),
        cached=row.cached,
        attempts=msgspec.convert(list(row.attempts), list[AskAttemptView]),
        feedback=feedback,
    )


def _read_cursor(text: str) -> int:
    position = int(text, 16) if _CURSOR.fullmatch(text) else _POSITIONS_MAX
    if position >= _POSITIONS_MAX:
        raise InvalidArguments("This is not where a page ends.", path="before")
    return position
