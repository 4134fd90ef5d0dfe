"""Circuit breakers of agents, as far as hosts that share a database have to agree.

Whoever writes to a tenant has the tenant's lock, so what a transaction reads here is so until it
ends. Who may try an agent whose breaker is open is decided by one conditional UPDATE.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, and_, bindparam, insert, or_, select, update

from wardian.storage.database import Connection
from wardian.storage.statements import AT, OF_PLUGIN, mine
from wardian.storage.tables import agent_breakers, plugins

CLOSED = "closed"
HALF_OPEN = "half-open"


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerRow:
    """What is known of one agent.

    Attributes:
        failures: in a row, when it opened.
        opens: in a row, without an answer between.
        since: when it came into its state.
        ill_since: when it first opened, with no answer since; None if it is closed.
        open_until: from when on one question may try it.
        trial_by, trial_until: who alone may put that question, and until when.
        heard_at: when somebody's question to it last ended, about.
        probed_at: when it was last asked by the host itself.
        probe: what came of that, as a sentence; empty if it is well.
    """

    plugin_id: str
    state: str = CLOSED
    reason: str = ""
    failures: int = 0
    opens: int = 0
    since: datetime | None = None
    ill_since: datetime | None = None
    open_until: datetime | None = None
    trial_by: str | None = None
    trial_until: datetime | None = None
    heard_at: datetime | None = None
    probed_at: datetime | None = None
    probe: str = ""


_B = agent_breakers.c
_ROW = tuple(_B[name] for name in BreakerRow.__dataclass_fields__)
_MINE = mine(agent_breakers, _B.plugin_id == OF_PLUGIN)
_BY: BindParameter[Any] = bindparam("of_holder")
_UNTIL: BindParameter[Any] = bindparam("of_until")

_FIND = select(*_ROW).where(_MINE)
_NAME = select(plugins.c.name).where(mine(plugins, plugins.c.id == OF_PLUGIN))
_ALL = select(*_ROW).where(mine(agent_breakers))
_NOT_CLOSED = (
    select(_B.tenant, plugins.c.name, *_ROW)
    .join(plugins, and_(plugins.c.tenant == _B.tenant, plugins.c.id == _B.plugin_id))
    .where(_B.state != CLOSED)
)
_CLAIM = (
    update(agent_breakers)
    .where(
        _MINE,
        _B.state != CLOSED,
        _B.open_until <= AT,
        or_(_B.trial_until.is_(None), _B.trial_until <= AT),
    )
    .values(state=HALF_OPEN, trial_by=_BY, trial_until=_UNTIL)
)
_RENEW = update(agent_breakers).where(_MINE, _B.trial_by == _BY).values(trial_until=_UNTIL)
_HEARD = (
    update(agent_breakers)
    .where(_MINE, or_(_B.heard_at.is_(None), _B.heard_at < AT))
    .values(heard_at=AT)
)
_BEFORE: BindParameter[Any] = bindparam("of_before")
_BEGIN_PROBE = (
    update(agent_breakers)
    .where(
        _MINE,
        or_(_B.probed_at.is_(None), _B.probed_at <= _BEFORE),
        or_(_B.heard_at.is_(None), _B.heard_at <= _BEFORE),
    )
    .values(probed_at=AT)
)
_END_PROBE = update(agent_breakers).where(_MINE).values(probe=bindparam("of_probe"), probed_at=AT)


class BreakerRepository:
    """The breakers of one tenant, over one open transaction."""

    def __init__(self, connection: Connection, tenant: str) -> None:
        self._connection = connection.of(tenant)
        self._tenant = tenant

    async def find(self, plugin_id: str) -> BreakerRow | None:
        """Return an agent's."""
        found = await self._execute(_FIND, of_plugin=plugin_id)
        row = found.mappings().one_or_none()
        return None if row is None else BreakerRow(**row)

    async def agent(self, plugin_id: str) -> str | None:
        """Return an agent's name; None if it is not installed any more."""
        found = await self._execute(_NAME, of_plugin=plugin_id)
        name: str | None = found.scalar_one_or_none()
        return name

    async def all(self) -> dict[str, BreakerRow]:
        """Return all of the tenant's, by the agent's id."""
        found = await self._execute(_ALL)
        return {row["plugin_id"]: BreakerRow(**row) for row in found.mappings()}

    async def set(self, plugin_id: str, **values: Any) -> None:
        """Set some columns, of a row that is made if it is not there."""
        if await self.find(plugin_id) is None:
            row = {"state": CLOSED, **values, "tenant": self._tenant, "plugin_id": plugin_id}
            await self._connection.execute(insert(agent_breakers).values(row))
            return
        chosen = and_(_B.tenant == self._tenant, _B.plugin_id == plugin_id)
        await self._connection.execute(update(agent_breakers).where(chosen).values(values))

    async def claim(self, plugin_id: str, holder: str, at: datetime, until: datetime) -> bool:
        """Have ``holder`` alone try an agent whose breaker is open, and tell whether it may."""
        values = {"of_plugin": plugin_id, "of_holder": holder, "at": at, "of_until": until}
        found = await self._execute(_CLAIM, **values)
        return bool(found.rowcount == 1)

    async def renew(self, plugin_id: str, holder: str, until: datetime) -> bool:
        """Have ``holder`` alone try it for longer; False if another may by now."""
        found = await self._execute(_RENEW, of_plugin=plugin_id, of_holder=holder, of_until=until)
        return bool(found.rowcount == 1)

    async def heard(self, plugin_id: str, at: datetime) -> None:
        """Note that somebody asked an agent, of which there may be a row or not."""
        await self._execute(_HEARD, of_plugin=plugin_id, at=at)

    async def begin_probe(self, plugin_id: str, before: datetime, at: datetime) -> bool:
        """Begin a probe, and tell whether nobody has asked it, or begun one, since ``before``."""
        if await self.find(plugin_id) is None:
            await self.set(plugin_id)
        values = {"of_plugin": plugin_id, "of_before": before, "at": at}
        found = await self._execute(_BEGIN_PROBE, **values)
        return bool(found.rowcount == 1)

    async def end_probe(self, plugin_id: str, probe: str, at: datetime) -> None:
        """Note what came of one."""
        await self._execute(_END_PROBE, of_plugin=plugin_id, of_probe=probe, at=at)

    async def _execute(self, statement: Any, **values: Any) -> Any:
        return await self._connection.execute(statement, {"in_tenant": self._tenant, **values})


async def not_closed(connection: Connection) -> dict[tuple[str, str], tuple[str, BreakerRow]]:
    """Return the breakers of every tenant that are not closed, by tenant and the agent's id; each
    with the agent's name."""
    found = await connection.of_every_tenant().execute(_NOT_CLOSED)
    return {
        (row["tenant"], row["plugin_id"]): (
            row["name"],
            BreakerRow(**{name: row[name] for name in BreakerRow.__dataclass_fields__}),
        )
        for row in found.mappings()
    }
