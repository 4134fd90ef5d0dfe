"""What tenants asked agents: who answered, how, and for how much; not what was asked."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, delete, insert, select

from wardian.storage.database import Connection
from wardian.storage.statements import OF_ID, mine
from wardian.storage.tables import asks

PART = "asks"
"""Who writes these waits for nobody who writes anything else of the tenant's."""

_A = asks.c


@dataclass(frozen=True, slots=True, kw_only=True)
class AskRow:
    """One question.

    Attributes:
        agent, plugin_id, version: who answered, or was asked last; empty if nobody was.
        ending: ``answered``, the type of the error, or ``lost`` with its host.
        cost_nanos: of all attempts.
        arm: the version that a trial chose; None if there was none.
        attempts: as objects, in order.
    """

    id: str
    at: datetime
    capability: str
    subject: str
    ending: str
    agent: str = ""
    plugin_id: str = ""
    version: str = ""
    capability_version: str = ""
    strategy: str = ""
    rule: str | None = None
    cost_nanos: int = 0
    units: int = 0
    latency_ms: float = 0.0
    cached: bool = False
    arm: str | None = None
    attempts: Sequence[dict[str, Any]] = field(default_factory=list)
    position: int = 0


_ROW = tuple(_A[name] for name in AskRow.__dataclass_fields__)
_GIVEN = tuple(name for name in AskRow.__dataclass_fields__ if name != "position")
_ADD = insert(asks)
_KNOWN = select(_A.id).where(mine(asks, _A.id.in_(bindparam("ids", expanding=True))))
_FIND = select(*_ROW).where(mine(asks, _A.id == OF_ID))


class AskRepository:
    """The questions of one tenant, over one open transaction."""

    def __init__(self, connection: Connection, tenant: str) -> None:
        self._connection = connection.of(tenant, PART)
        self._tenant = tenant

    async def add(self, rows: Sequence[AskRow]) -> None:
        """Write down questions that have ended."""
        values = [_values(row) | {"tenant": self._tenant} for row in rows]
        await self._connection.execute(_ADD, values)

    async def known(self, ids: Collection[str]) -> set[str]:
        """Return which of these questions are written down."""
        given = {"in_tenant": self._tenant, "ids": list(ids)}
        return set((await self._connection.execute(_KNOWN, given)).scalars())

    async def find(self, ask_id: str) -> AskRow | None:
        """Return one question."""
        given = {"in_tenant": self._tenant, "of_id": ask_id}
        row = (await self._connection.execute(_FIND, given)).mappings().one_or_none()
        return None if row is None else AskRow(**row)

    async def page(
        self,
        *,
        limit: int,
        before: int | None = None,
        agent: str | None = None,
        capability: str | None = None,
        subject: str | None = None,
    ) -> list[AskRow]:
        """Return questions, the newest first, those ``before`` a position if that is given."""
        chosen: list[ColumnElement[bool]] = [_A.tenant == self._tenant]
        if before is not None:
            chosen.append(_A.position < before)
        wanted = ((_A.agent, agent), (_A.capability, capability), (_A.subject, subject))
        chosen += [column == value for column, value in wanted if value is not None]
        found = await self._connection.execute(
            select(*_ROW).where(*chosen).order_by(_A.position.desc()).limit(limit)
        )
        return [AskRow(**row) for row in found.mappings()]

    async def forget_old(self, before: datetime, at_once: int) -> int:
        """Remove questions from before a moment; return how many."""
        old = (
            select(_A.position)
            .where(_A.tenant == self._tenant, _A.at < before)
            .order_by(_A.position)
            .limit(at_once)
        )
        gone = await self._connection.execute(
            delete(asks).where(_A.tenant == self._tenant, _A.position.in_(old))
        )
        return gone.rowcount

    async def forget_beyond(self, kept: int) -> None:
        """Remove the oldest questions, beyond so many."""
        last = (
            select(_A.position)
            .where(_A.tenant == self._tenant)
            .order_by(_A.position.desc())
            .offset(kept)
            .limit(1)
        )
        await self._connection.execute(
            delete(asks).where(
                and_(_A.tenant == self._tenant, _A.position <= last.scalar_subquery())
            )
        )


def _values(row: AskRow) -> dict[str, Any]:
    # Not `asdict`, which copies what attempts are made of and takes as long as the statement.
    return {name: getattr(row, name) for name in _GIVEN}
