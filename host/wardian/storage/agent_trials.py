"""Trials of two versions of an agent, and what came of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, delete, insert, select, update

from wardian.storage.database import Connection
from wardian.storage.statements import AT, OF_ID, OF_PLUGIN, mine
from wardian.storage.tables import agent_trial_arms, agent_trials, plugins

ACTIVE = "active"
OTHER = "other"
ARMS = (ACTIVE, OTHER)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRow:
    """A trial.

    Attributes:
        share: of questions that go to the other version.
        confidence: with which it is decided.
        ends: whether it ends by itself as soon as it is.
        ended_at, why: of one that has ended; it stays to be looked at.
        decided_at, better: when it was plain first which arm is better; it stays so.
    """

    id: str
    plugin_id: str
    active_version: str
    active_package: str
    other_version: str
    other_package: str
    share: float
    confidence: float
    ends: bool
    since: datetime
    by: str
    ended_at: datetime | None = None
    why: str = ""
    decided_at: datetime | None = None
    better: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmSums:
    """What came of the questions to one version, or is to be added to that.

    Attributes:
        weight, total: of askers' scores, and the sum of the scores by their weights.
        latency_ms, cost_nanos: the sums of those that were answered.
    """

    asked: int = 0
    answered: int = 0
    weight: float = 0.0
    total: float = 0.0
    latency_ms: float = 0.0
    cost_nanos: float = 0.0

    def plus(self, other: ArmSums) -> ArmSums:
        """Return the two together."""
        names = ArmSums.__dataclass_fields__
        return replace(self, **{each: getattr(self, each) + getattr(other, each) for each in names})


_T, _A = agent_trials.c, agent_trial_arms.c
_TRIAL = tuple(_T[name] for name in TrialRow.__dataclass_fields__)
_SUMS = tuple(_A[name] for name in ArmSums.__dataclass_fields__)

_RUNNING = (
    select(_T.tenant, plugins.c.name, *_TRIAL)
    .join(plugins, and_(plugins.c.tenant == _T.tenant, plugins.c.id == _T.plugin_id))
    .where(_T.ended_at.is_(None))
)
_FIND = select(*_TRIAL).where(mine(agent_trials, _T.plugin_id == OF_PLUGIN))
_ARMS = select(_A.arm, *_SUMS).where(mine(agent_trial_arms, _A.plugin_id == OF_PLUGIN))
_IS_THE_TRIAL = (
    select(_T.id)
    .where(mine(agent_trials, _T.plugin_id == OF_PLUGIN, _T.id == OF_ID, _T.ended_at.is_(None)))
    .exists()
)
_ADD = (
    update(agent_trial_arms)
    .where(
        mine(agent_trial_arms, _A.plugin_id == OF_PLUGIN, _A.arm == bindparam("of_arm")),
        _IS_THE_TRIAL,
    )
    .values({_A[name]: _A[name] + bindparam(f"by_{name}") for name in ArmSums.__dataclass_fields__})
)
_END = (
    update(agent_trials)
    .where(mine(agent_trials, _T.plugin_id == OF_PLUGIN, _T.id == OF_ID, _T.ended_at.is_(None)))
    .values(ended_at=AT, why=bindparam("of_why"))
)
_DECIDE = (
    update(agent_trials)
    .where(
        mine(
            agent_trials,
            _T.plugin_id == OF_PLUGIN,
            _T.id == OF_ID,
            _T.ended_at.is_(None),
            _T.decided_at.is_(None),
        )
    )
    .values(decided_at=AT, better=bindparam("of_arm"))
)


class TrialRepository:
    """The trials of one tenant, over one open transaction."""

    def __init__(self, connection: Connection, tenant: str) -> None:
        self._connection = connection.of(tenant)
        self._tenant = tenant

    async def find(self, plugin_id: str) -> TrialRow | None:
        """Return an agent's trial, also one that has ended."""
        row = (await self._execute(_FIND, of_plugin=plugin_id)).mappings().one_or_none()
        return None if row is None else TrialRow(**row)

    async def arms(self, plugin_id: str) -> Mapping[str, ArmSums]:
        """Return what came of each arm."""
        found = await self._execute(_ARMS, of_plugin=plugin_id)
        return {row["arm"]: _sums(row) for row in found.mappings()}

    async def begin(self, row: TrialRow) -> None:
        """Begin a trial, in the place of the one before."""
        await self.remove(row.plugin_id)
        values = {"tenant": self._tenant}
        await self._connection.execute(insert(agent_trials).values(**values, **asdict(row)))
        nothing = values | {"plugin_id": row.plugin_id} | asdict(ArmSums())
        for arm in ARMS:
            await self._connection.execute(insert(agent_trial_arms).values(**nothing, arm=arm))

    async def add(self, trial: TrialRow, arm: str, sums: ArmSums) -> None:
        """Add to what came of an arm, unless the trial has ended."""
        by = {f"by_{name}": value for name, value in asdict(sums).items()}
        await self._execute(_ADD, of_plugin=trial.plugin_id, of_id=trial.id, of_arm=arm, **by)

    async def decide(self, trial: TrialRow, better: str, at: datetime) -> bool:
        """Write down which arm of a trial is better, and tell whether it was open before."""
        values = {"of_plugin": trial.plugin_id, "of_id": trial.id, "at": at, "of_arm": better}
        return bool((await self._execute(_DECIDE, **values)).rowcount == 1)

    async def end(self, trial: TrialRow, at: datetime, why: str) -> bool:
        """End a trial, and tell whether it had not ended before."""
        values = {"of_plugin": trial.plugin_id, "of_id": trial.id, "at": at, "of_why": why}
        return bool((await self._execute(_END, **values)).rowcount == 1)

    async def remove(self, plugin_id: str) -> None:
        """Remove an agent's trial, if there is one."""
        chosen = self._of(agent_trials.c, plugin_id)
        await self._connection.execute(delete(agent_trials).where(chosen))

    def _of(self, columns: Any, plugin_id: str) -> ColumnElement[bool]:
        return and_(columns.tenant == self._tenant, columns.plugin_id == plugin_id)

    async def _execute(self, statement: Any, **values: Any) -> Any:
        return await self._connection.execute(statement, {"in_tenant": self._tenant, **values})


async def running(connection: Connection) -> dict[tuple[str, str], tuple[str, TrialRow]]:
    """Return the trials of every tenant that have not ended, by tenant and the agent's id; each
    with the agent's name."""
    found = await connection.of_every_tenant().execute(_RUNNING)
    return {
        (row["tenant"], row["plugin_id"]): (
            row["name"],
            TrialRow(**{name: row[name] for name in TrialRow.__dataclass_fields__}),
        )
        for row in found.mappings()
    }


def _sums(row: Any) -> ArmSums:
    return ArmSums(**{name: row[name] for name in ArmSums.__dataclass_fields__})
