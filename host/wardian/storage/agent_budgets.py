"""What tenants may spend on agents, what they have spent, and what is set aside.

Whoever sets aside or charges has the lock of the tenant's budgets, so what a transaction reads here
is so until it ends, on whichever host. What is held of a budget is the sum of the holds that it is
for; there is no second number that could come to differ from it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    bindparam,
    case,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from wardian.storage.database import Connection
from wardian.storage.rows import now
from wardian.storage.statements import AT, mine
from wardian.storage.tables import agent_budgets, agent_holds, agent_spending

PART = "agent-budgets"
"""Who writes these waits for nobody who writes anything else of the tenant's."""

SPENT_MAX = 2 * 10**18
"""What was spent, or is held, is known up to this: twice what a budget can have, and a number that
the database still holds when it is added to itself."""

_B, _S, _H = agent_budgets.c, agent_spending.c, agent_holds.c


@dataclass(frozen=True, slots=True)
class BudgetRow:
    """One budget; ``capability`` is ``*`` for all, ``period`` hour, day, month or ever."""

    capability: str
    period: str
    limit_nanos: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRow:
    """What a host has set aside for questions.

    Attributes:
        at: when; it is held of the periods that this is in.
        nanos: 0 where the host pays for the capability without a budget, as far as it knows.
    """

    id: str
    host: str
    capability: str
    nanos: int
    at: datetime
    lease_until: datetime


@dataclass(frozen=True, slots=True)
class SpentRow:
    """What was spent of one budget in the period that begins at ``start``."""

    capability: str
    period: str
    start: datetime
    nanos: int


_OF_CAPABILITY: BindParameter[Any] = bindparam("of_capability")
_OF_PERIOD: BindParameter[Any] = bindparam("of_period")
_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_IS_BUDGET = mine(agent_budgets, _B.capability == _OF_CAPABILITY, _B.period == _OF_PERIOD)

_BUDGETS = (
    select(_B.capability, _B.period, _B.limit_nanos)
    .where(mine(agent_budgets))
    .order_by(_B.capability, _B.period)
)
_IS_BOUNDED = select(_B.capability).where(
    _B.tenant == _S.tenant, _B.capability == _S.capability, _B.period == _S.period
)
_SPENT = select(_S.capability, _S.period, _S.start, _S.spent_nanos).where(
    mine(agent_spending, _S.start.in_(bindparam("starts", expanding=True)), _IS_BOUNDED.exists())
)
_SPENT_ON_ALL = select(_S.spent_nanos).where(
    mine(agent_spending, _S.period == _OF_PERIOD, _S.start == AT, _S.capability != "*")
)
_HOLDS = select(*(_H[name] for name in HoldRow.__dataclass_fields__)).where(mine(agent_holds))
_HOLD = insert(agent_holds)
_RELEASE = delete(agent_holds).where(mine(agent_holds, _H.id.in_(_IDS))).returning(_H.id)
_RENEW = (
    update(agent_holds)
    .where(
        _H.id.in_(
            select(_H.id)
            .where(_H.id.in_(_IDS), _H.lease_until >= bindparam("of_now"))
            .with_for_update(skip_locked=True)
        )
    )
    .values(lease_until=bindparam("until"))
    .returning(_H.id)
)
_ABANDONED = select(_H.tenant).where(_H.lease_until < AT).group_by(_H.tenant)
_ABANDONED_OF = _HOLDS.where(_H.lease_until < AT)
_REMOVE = delete(agent_budgets).where(_IS_BUDGET)
_FORGET = delete(agent_spending).where(
    mine(agent_spending, _S.capability == _OF_CAPABILITY, _S.period == _OF_PERIOD)
)
_LAST_KEPT = (
    select(_S.start)
    .where(mine(agent_spending, _S.period == _OF_PERIOD))
    .distinct()
    .order_by(_S.start.desc())
    .offset(bindparam("of_kept"))
    .limit(1)
)
_FORGET_OLD = delete(agent_spending).where(
    mine(agent_spending, _S.period == _OF_PERIOD), _S.start <= _LAST_KEPT.scalar_subquery()
)

_LESS = _S.spent_nanos + bindparam("more", type_=BigInteger)
_REPAY = (
    update(agent_spending)
    .where(
        mine(
            agent_spending,
            _S.capability == _OF_CAPABILITY,
            _S.period == _OF_PERIOD,
            _S.start == AT,
        )
    )
    .values(spent_nanos=case((_LESS < 0, 0), else_=_LESS))
)


def _charging(insert_of: Any) -> Any:
    """Return the statement that adds to what was spent, in a dialect's own words."""
    statement = insert_of(agent_spending)
    more = _S.spent_nanos + statement.excluded.spent_nanos
    return statement.on_conflict_do_update(
        index_elements=["tenant", "capability", "period", "start"],
        set_={"spent_nanos": case((more > SPENT_MAX, SPENT_MAX), else_=more)},
    )


_CHARGE = {True: _charging(sqlite.insert), False: _charging(postgresql.insert)}


class BudgetRepository:
    """The budgets of one tenant, over one open transaction."""

    def __init__(self, connection: Connection, tenant: str, *, part: str | None = PART) -> None:
        """``part`` is None in a transaction that has the lock of the whole tenant, or wants it."""
        self._connection = connection.of(tenant, part)
        self._tenant = tenant

    async def all(self) -> list[BudgetRow]:
        """Return the tenant's budgets, in order."""
        found = await self._connection.execute(_BUDGETS, {"in_tenant": self._tenant})
        return [BudgetRow(row.capability, row.period, row.limit_nanos) for row in found]

    async def spent(self, starts: Collection[datetime]) -> list[SpentRow]:
        """Return what was spent of budgets in the periods that begin at these moments."""
        given = {"in_tenant": self._tenant, "starts": list(starts)}
        found = await self._connection.execute(_SPENT, given)
        return [SpentRow(row.capability, row.period, row.start, row.spent_nanos) for row in found]

    async def spent_on_all(self, period: str, start: datetime) -> int:
        """Return what was spent on all capabilities in one period, whether they have budgets."""
        given = {"in_tenant": self._tenant, "of_period": period, "at": start}
        return sum((await self._connection.execute(_SPENT_ON_ALL, given)).scalars())

    async def holds(self) -> list[HoldRow]:
        """Return all that is held, on every host."""
        found = await self._connection.execute(_HOLDS, {"in_tenant": self._tenant})
        return [HoldRow(**row) for row in found.mappings()]

    async def hold(self, rows: Sequence[HoldRow]) -> None:
        """Set aside."""
        values = [{**asdict(row), "tenant": self._tenant} for row in rows]
        await self._connection.execute(_HOLD, values)

    async def release(self, ids: Collection[str]) -> set[str]:
        """Hold these no longer; return which of them were held."""
        given = {"in_tenant": self._tenant, "ids": list(ids)}
        return set((await self._connection.execute(_RELEASE, given)).scalars())

    async def charge(self, rows: Sequence[SpentRow]) -> None:
        """Add to what was spent, or take away from it, which leaves nothing at the least."""
        for row in rows:
            if row.nanos < 0:
                await self._repay(row)
        values = [
            {
                "tenant": self._tenant,
                "capability": row.capability,
                "period": row.period,
                "start": row.start,
                "spent_nanos": min(SPENT_MAX, row.nanos),
            }
            for row in rows
            if row.nanos > 0
        ]
        if values:
            await self._connection.execute(_CHARGE[self._connection.is_alone], values)

    async def abandoned(self, at: datetime) -> list[HoldRow]:
        """Return the holds whose hosts have said nothing of them any more."""
        given = {"in_tenant": self._tenant, "at": at}
        found = await self._connection.execute(_ABANDONED_OF, given)
        return [HoldRow(**row) for row in found.mappings()]

    async def set(self, row: BudgetRow, by: str) -> None:
        """Set one budget, in place of what there was."""
        await self._remove(row.capability, row.period)
        await self._connection.execute(
            insert(agent_budgets).values(
                **asdict(row), tenant=self._tenant, changed_at=now(), changed_by=by
            )
        )

    async def remove(self, capability: str, period: str) -> bool:
        """Remove one; tell whether it was there.

        What was spent on a capability stays known; what was on all is the sum of that.
        """
        gone = await self._remove(capability, period)
        if capability == "*":
            given = {"in_tenant": self._tenant, "of_capability": "*", "of_period": period}
            await self._connection.execute(_FORGET, given)
        return gone > 0

    async def forget_old(self, period: str, kept: int) -> None:
        """Forget what was spent in such periods, all but the newest in which anything was.

        Not by what time it is: a clock that was wrong for a minute would have what is spent now
        forgotten, and spent once more.
        """
        given = {"in_tenant": self._tenant, "of_period": period, "of_kept": kept}
        await self._connection.execute(_FORGET_OLD, given)

    async def _repay(self, row: SpentRow) -> None:
        given = {
            "in_tenant": self._tenant,
            "of_capability": row.capability,
            "of_period": row.period,
            "at": row.start,
            "more": row.nanos,
        }
        await self._connection.execute(_REPAY, given)

    async def _remove(self, capability: str, period: str) -> int:
        given = {"in_tenant": self._tenant, "of_capability": capability, "of_period": period}
        return (await self._connection.execute(_REMOVE, given)).rowcount


async def renew(
    connection: Connection, ids: Collection[str], at: datetime, until: datetime
) -> list[str]:
    """Have holds, of every tenant, last longer that are not over at a moment; return which do.

    What is being charged at this moment is left alone: to wait for it, with rows of others locked
    already, would be a deadlock as soon as whoever charges it wants those.
    """
    given = {"ids": list(ids), "of_now": at, "until": until}
    return list((await connection.of_every_tenant().execute(_RENEW, given)).scalars())


async def abandoned(connection: Connection, at: datetime) -> list[str]:
    """Return the tenants that have holds whose hosts say nothing of them any more."""
    found = await connection.of_every_tenant().execute(_ABANDONED, {"at": at})
    return list(found.scalars())
