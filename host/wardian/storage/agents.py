"""What is known of agents, over one open transaction: settings, measures, loads and rules."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from sqlalchemy import BindParameter, Select, bindparam, delete, insert, select, text, update

from wardian.storage.database import Connection
from wardian.storage.rows import now
from wardian.storage.statements import IN_TENANT, OF_PLUGIN, mine
from wardian.storage.tables import agent_loads, agent_measures, agent_rules, agents, plugins

MEASURES = "agent measures"
"""The part of a tenant's rows that measures and loads are, for those who write them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRow:
    """What an operator has set of an agent.

    Attributes:
        overrides: what is not as the manifest says.
    """

    plugin_id: str
    overrides: Mapping[str, Any]
    paused: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureRow:
    """What was seen of one version of an agent, for one capability: sums, decayed to ``as_of``.

    Attributes:
        as_of: by the clocks of those who saw it.
        written_at: by the database's, so that nothing is overlooked where clocks are apart.
    """

    tenant: str
    plugin_id: str
    version: str
    capability: str
    as_of: float
    good: float
    bad: float
    answered: float
    failed: float
    units: float
    timed: float
    latency_ms: float
    asked: int
    halvings: float
    written_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRow:
    """How many questions an agent answers on one host.

    Attributes:
        at: when the host last said so, by the database's clock.
    """

    tenant: str
    plugin_id: str
    host: str
    in_flight: int
    at: float


_M = agent_measures.c
_MEASURE = tuple(_M[each.name] for each in fields(MeasureRow))
_LOAD = tuple(agent_loads.c[each.name] for each in fields(LoadRow))
_HOST: BindParameter[Any] = bindparam("of_host")

_FIND_SETTINGS = select(agents.c.plugin_id, agents.c.overrides, agents.c.paused).where(mine(agents))
_FIND_SETTING = _FIND_SETTINGS.where(agents.c.plugin_id == OF_PLUGIN)
_ADD_SETTING = insert(agents)
_CHANGE_SETTING = update(agents).where(mine(agents, agents.c.plugin_id == OF_PLUGIN))
_DROP_SETTING = delete(agents).where(mine(agents, agents.c.plugin_id == OF_PLUGIN))

_FIND_MEASURES = select(*_MEASURE).where(mine(agent_measures))
_FIND_SOME = _FIND_MEASURES.where(_M.plugin_id.in_(bindparam("plugin_ids", expanding=True)))
_FIND_NEWER = select(*_MEASURE).where(_M.written_at > bindparam("moment"))
_ADD_MEASURE = insert(agent_measures)
_IS_MEASURE = mine(
    agent_measures,
    _M.plugin_id == OF_PLUGIN,
    _M.version == bindparam("of_version"),
    _M.capability == bindparam("of_capability"),
)
_CHANGE_MEASURE = update(agent_measures).where(_IS_MEASURE)
_DROP_MEASURE = delete(agent_measures).where(_IS_MEASURE)
_FIND_PLUGINS = select(plugins.c.id).where(mine(plugins))

_L = agent_loads.c
_FIND_LOADS = select(*_LOAD).where(_L.host != _HOST, _L.at > bindparam("moment"))
_ADD_LOAD = insert(agent_loads)
_DROP_LOADS = delete(agent_loads).where(mine(agent_loads, _L.host == _HOST))
_DROP_LOADS_OF = delete(agent_loads).where(_L.host == _HOST)
_FORGET_LOADS = delete(agent_loads).where(_L.at < bindparam("moment"))
_CLOCK = text("SELECT CAST(extract(epoch FROM clock_timestamp()) AS double precision)")

_FIND_RULES = select(agent_rules.c.rules).where(agent_rules.c.tenant == IN_TENANT)
_ADD_RULES = insert(agent_rules)
_CHANGE_RULES = update(agent_rules).where(agent_rules.c.tenant == IN_TENANT)
_DROP_RULES = delete(agent_rules).where(agent_rules.c.tenant == IN_TENANT)


class AgentRepository:
    """What the operators of one tenant have set: of agents, and the rules that choose them."""

    def __init__(self, connection: Connection, tenant: str) -> None:
        self._connection = connection.of(tenant)
        self._tenant = tenant

    async def all(self) -> dict[str, AgentRow]:
        """Return the agents of which something is set, by plugin id."""
        found = await self._connection.execute(_FIND_SETTINGS, {"in_tenant": self._tenant})
        return {row.plugin_id: AgentRow(**row._mapping) for row in found}

    async def find(self, plugin_id: str) -> AgentRow | None:
        """Return what is set of one agent."""
        given = {"in_tenant": self._tenant, "of_plugin": plugin_id}
        row = (await self._connection.execute(_FIND_SETTING, given)).one_or_none()
        return None if row is None else AgentRow(**row._mapping)

    async def write(self, row: AgentRow, by: str) -> None:
        """Write what is set of an agent; of one of which nothing is, there is no row."""
        given = {"in_tenant": self._tenant, "of_plugin": row.plugin_id}
        if not row.overrides and not row.paused:
            await self._connection.execute(_DROP_SETTING, given)
            return
        values = {
            "overrides": dict(row.overrides),
            "paused": row.paused,
            "changed_at": now(),
            "changed_by": by,
        }
        changed = await self._connection.execute(_CHANGE_SETTING, {**given, **values})
        if not changed.rowcount:
            key = {"tenant": self._tenant, "plugin_id": row.plugin_id}
            await self._connection.execute(_ADD_SETTING, {**key, **values})

    async def rules(self) -> Any:
        """Return the tenant's rules as they were given; None if it has none of its own."""
        found = await self._connection.execute(_FIND_RULES, {"in_tenant": self._tenant})
        return found.scalar_one_or_none()

    async def write_rules(self, rules: Any, by: str) -> None:
        """Write the tenant's rules; None removes them."""
        given = {"in_tenant": self._tenant}
        if rules is None:
            await self._connection.execute(_DROP_RULES, given)
            return
        values = {"rules": rules, "changed_at": now(), "changed_by": by}
        changed = await self._connection.execute(_CHANGE_RULES, {**given, **values})
        if not changed.rowcount:
            await self._connection.execute(_ADD_RULES, {"tenant": self._tenant, **values})


class MeasureRepository:
    """What was seen of the agents of one tenant, and how much they do on each host.

    Nobody else writes these of the tenant's from the first statement on to the end of the
    transaction; who writes other things of it goes on.
    """

    def __init__(self, connection: Connection, tenant: str) -> None:
        self._connection = connection.of(tenant, MEASURES)
        self._tenant = tenant

    async def all(self) -> list[MeasureRow]:
        """Return what was seen of every agent, in every version that there is a row of."""
        return await self._found(_FIND_MEASURES, {})

    async def of(self, plugin_ids: Iterable[str]) -> list[MeasureRow]:
        """Return what was seen of some agents, in every version that there is a row of."""
        return await self._found(_FIND_SOME, {"plugin_ids": list(plugin_ids)})

    async def _found(self, statement: Select[Any], given: Mapping[str, Any]) -> list[MeasureRow]:
        found = await self._connection.execute(statement, {"in_tenant": self._tenant, **given})
        return [MeasureRow(**row._mapping) for row in found]

    async def plugins(self) -> set[str]:
        """Return the ids of the plugins that are installed."""
        found = await self._connection.execute(_FIND_PLUGINS, {"in_tenant": self._tenant})
        return set(found.scalars())

    async def add(self, rows: Sequence[MeasureRow]) -> None:
        """Add rows that are not there, of plugins that are."""
        if rows:
            await self._connection.execute(_ADD_MEASURE, [asdict(row) for row in rows])

    async def change(self, rows: Sequence[MeasureRow]) -> None:
        """Put rows in the places of those that were there."""
        if rows:
            given = [{**asdict(row), **_place(row)} for row in rows]
            await self._connection.execute(_CHANGE_MEASURE, given)

    async def remove(self, rows: Sequence[MeasureRow]) -> None:
        """Remove rows."""
        if rows:
            await self._connection.execute(_DROP_MEASURE, [_place(row) for row in rows])

    async def write_loads(self, host: str, loads: Mapping[str, int]) -> None:
        """Write how many questions agents answer on a host, by plugin id, in place of what was."""
        given = {"in_tenant": self._tenant, "of_host": host}
        await self._connection.execute(_DROP_LOADS, given)
        there = await self.plugins() if loads else set()
        at = await clock(self._connection)
        rows = [
            LoadRow(tenant=self._tenant, plugin_id=each, host=host, in_flight=loads[each], at=at)
            for each in sorted(there & loads.keys())
        ]
        if rows:
            await self._connection.execute(_ADD_LOAD, [asdict(row) for row in rows])


async def clock(connection: Connection) -> float:
    """Return seconds since 1970, by the clock that all hosts on a database have in common."""
    if connection.is_alone:
        return time.time()
    return float((await connection.execute(_CLOCK)).scalar_one())


async def measures_after(connection: Connection, moment: float) -> list[MeasureRow]:
    """Return what was written of any tenant's agents after a moment: agents are the host's own."""
    found = await connection.of_every_tenant().execute(_FIND_NEWER, {"moment": moment})
    return [MeasureRow(**row._mapping) for row in found]


async def loads_of_others(connection: Connection, host: str, after: float) -> list[LoadRow]:
    """Return how many questions any tenant's agents answer on other hosts that have said so
    after a moment."""
    given = {"of_host": host, "moment": after}
    found = await connection.of_every_tenant().execute(_FIND_LOADS, given)
    return [LoadRow(**row._mapping) for row in found]


async def forget_loads(connection: Connection, host: str, before: float) -> None:
    """Remove a host's loads of every tenant, and what hosts have left that are gone."""
    everybody = connection.of_every_tenant()
    await everybody.execute(_DROP_LOADS_OF, {"of_host": host})
    await everybody.execute(_FORGET_LOADS, {"moment": before})


def _place(row: MeasureRow) -> dict[str, str]:
    return {
        "in_tenant": row.tenant,
        "of_plugin": row.plugin_id,
        "of_version": row.version,
        "of_capability": row.capability,
    }
