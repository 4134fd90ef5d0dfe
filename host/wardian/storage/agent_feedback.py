"""What askers think of answers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, bindparam, delete, func, insert, select, update

from wardian.storage.database import Connection
from wardian.storage.statements import OF_PLUGIN, mine
from wardian.storage.tables import agent_feedback, asks, plugins

PART = "feedback"
"""Who writes this waits for nobody who writes anything else of the tenant's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackRow:
    """What one asker thinks of one answer.

    Attributes:
        ask: the question's id.
        score: 0 to 1; None if only something was said.
        counts: whether it is a part of what is known of the agent.
        halvings: how often half of that had made room for what is newer, when it was given.
    """

    id: str
    ask: str
    plugin_id: str
    version: str
    capability: str
    score: float | None
    label: str
    comment: str
    by: str
    at: datetime
    counts: bool
    halvings: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredRow:
    """What of a question matters to whoever judges its answer.

    Attributes:
        subject: who asked.
        agent, plugin_id, version: who answered.
        ending: `answered`, or how it went wrong.
    """

    id: str
    at: datetime
    capability: str
    subject: str
    agent: str
    plugin_id: str
    version: str
    ending: str


_F = agent_feedback.c
_ROW = tuple(_F[name] for name in FeedbackRow.__dataclass_fields__)
_OF_ASK: BindParameter[Any] = bindparam("of_ask")
_OF_ASKER: BindParameter[Any] = bindparam("of_asker")

_ASK = select(*(asks.c[name] for name in AnsweredRow.__dataclass_fields__)).where(
    mine(asks, asks.c.id == _OF_ASK)
)
_AGENT = select(plugins.c.id).where(mine(plugins, plugins.c.id == OF_PLUGIN))
_FIND = select(*_ROW).where(mine(agent_feedback, _F.ask == _OF_ASK, _F.by == _OF_ASKER))
_FORGET = delete(agent_feedback).where(mine(agent_feedback, _F.ask == _OF_ASK, _F.by == _OF_ASKER))
_BEYOND = (
    select(*_ROW)
    .where(
        mine(
            agent_feedback,
            _F.plugin_id == OF_PLUGIN,
            _F.version == bindparam("of_version"),
            _F.capability == bindparam("of_capability"),
            _F.by == _OF_ASKER,
            _F.counts,
        )
    )
    .order_by(_F.at.desc(), _F.id.desc())
    .offset(bindparam("of_most"))
)
_MEAN = select(func.avg(_F.score)).where(mine(agent_feedback, _F.ask == _OF_ASK))
_LAST = (
    select(_F.at)
    .where(mine(agent_feedback))
    .order_by(_F.at.desc())
    .offset(bindparam("of_kept"))
    .limit(1)
)


class FeedbackRepository:
    """The feedback of one tenant, over one open transaction."""

    def __init__(self, connection: Connection, tenant: str) -> None:
        self._connection = connection.of(tenant, PART)
        self._tenant = tenant

    async def answered(self, ask: str) -> AnsweredRow | None:
        """Return a question."""
        found = await self._execute(_ASK, of_ask=ask)
        row = found.mappings().one_or_none()
        return None if row is None else AnsweredRow(**row)

    async def agent_exists(self, plugin_id: str) -> bool:
        """Tell whether an agent is installed."""
        return (await self._execute(_AGENT, of_plugin=plugin_id)).first() is not None

    async def put(self, row: FeedbackRow) -> FeedbackRow | None:
        """Write down an opinion; return the one of the same asker that it takes the place of."""
        values = {"of_ask": row.ask, "of_asker": row.by}
        found = (await self._execute(_FIND, **values)).mappings().one_or_none()
        if found is not None:
            await self._execute(_FORGET, **values)
        await self._connection.execute(
            insert(agent_feedback).values(tenant=self._tenant, **asdict(row))
        )
        return None if found is None else FeedbackRow(**found)

    async def count_newest(self, like: FeedbackRow, most: int) -> list[FeedbackRow]:
        """Have no more judgements count of who gave this one, of the same version of an agent for
        the same capability, than so many, the newest; return those that count no longer."""
        found = await self._execute(
            _BEYOND,
            of_plugin=like.plugin_id,
            of_version=like.version,
            of_capability=like.capability,
            of_asker=like.by,
            of_most=most,
        )
        rows = [FeedbackRow(**row) for row in found.mappings()]
        if rows:
            ids = [row.id for row in rows]
            await self._connection.execute(
                update(agent_feedback)
                .where(_F.tenant == self._tenant, _F.id.in_(ids))
                .values(counts=False)
            )
        return rows

    async def mean_of_ask(self, ask: str) -> float | None:
        """Return the mean of the scores of an answer; None if it has none."""
        found = await self._execute(_MEAN, of_ask=ask)
        mean: float | None = found.scalar_one()
        return mean

    async def number_of_ask(self, ask: str) -> int:
        """Return how many have said something of an answer."""
        found = await self._connection.execute(
            select(func.count()).where(_F.tenant == self._tenant, _F.ask == ask)
        )
        return int(found.scalar_one())

    async def of_asks(self, asks: list[str]) -> list[FeedbackRow]:
        """Return what was said of these answers, the oldest first."""
        found = await self._connection.execute(
            select(*_ROW).where(_F.tenant == self._tenant, _F.ask.in_(asks)).order_by(_F.at, _F.id)
        )
        return [FeedbackRow(**row) for row in found.mappings()]

    async def forget_beyond(self, kept: int) -> None:
        """Remove the oldest beyond so many."""
        last = (await self._execute(_LAST, of_kept=kept)).scalar_one_or_none()
        if last is not None:
            await self._connection.execute(
                delete(agent_feedback).where(_F.tenant == self._tenant, _F.at <= last)
            )

    async def _execute(self, statement: Any, **values: Any) -> Any:
        return await self._connection.execute(statement, {"in_tenant": self._tenant, **values})
