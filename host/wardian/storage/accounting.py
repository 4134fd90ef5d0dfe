"""What calls used and what tenants may use, over one open transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    bindparam,
    cast,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)

from wardian.storage.database import Connection
from wardian.storage.rows import now
from wardian.storage.statements import AT, IN_TENANT, OF_ID, mine
from wardian.storage.tables import (
    config_scopes,
    kv_usage,
    packages,
    tenant_quotas,
    usage,
    usage_days,
    usage_ledgers,
)

ROWS_MAX = 50_000
"""As many are looked at for one answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRow:
    """What calls of one series used in one span of time.

    Attributes:
        grain: ``minute``, ``hour`` or ``day``; ``start`` is its begin, in UTC.
        series: a digest of what follows it up to ``prices``.
        latency: a sketch (`wardian.policy.sketch`).
    """

    tenant: str
    grain: str
    start: datetime
    series: str
    plugin: str
    version: str
    function: str
    outcome: str
    prices: str
    calls: int
    asked: int
    wall_us: int
    fuel: int
    memory_bytes: int
    memory_kib_ms: int
    host_calls: int
    http_requests: int
    sent: int
    received: int
    latency: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class DayRow:
    """What a tenant used of its quotas in a day.

    Attributes:
        told: which events were, a bit each.
    """

    tenant: str
    day: int
    calls: int
    fuel: int
    egress_bytes: int
    told: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageQuery:
    """Which rows are asked for: from ``start`` on, before ``end``."""

    grain: str
    start: datetime
    end: datetime
    plugin: str | None = None


_USAGE = tuple(usage.c[each.name] for each in fields(UsageRow))
_DAY = tuple(usage_days.c[each.name] for each in fields(DayRow))
_IS_OF_DAY = usage_days.c.day == bindparam("of_day")

_FIND_LEDGER = select(usage_ledgers.c.segment, usage_ledgers.c.position).where(
    usage_ledgers.c.id == OF_ID
)
_HOLD_LEDGER = _FIND_LEDGER.with_for_update()
_ADD_LEDGER = insert(usage_ledgers)
_MOVE_LEDGER = update(usage_ledgers).where(usage_ledgers.c.id == OF_ID)
_FIND_SPAN = select(*_USAGE).where(
    mine(usage, usage.c.grain == bindparam("of_grain"), usage.c.start == AT)
)
_ADD_USAGE = insert(usage)
_CHANGE_USAGE = update(usage).where(
    mine(
        usage,
        usage.c.grain == bindparam("of_grain"),
        usage.c.start == AT,
        usage.c.series == bindparam("of_series"),
    )
)
_PLACE = {"tenant": "in_tenant", "grain": "of_grain", "start": "at", "series": "of_series"}
_ADD_DAY = insert(usage_days)
_COUNT_DAY = (
    update(usage_days)
    .where(mine(usage_days, _IS_OF_DAY))
    .values(
        calls=usage_days.c.calls + bindparam("more_calls"),
        fuel=usage_days.c.fuel + bindparam("more_fuel"),
        egress_bytes=usage_days.c.egress_bytes + bindparam("more_egress"),
    )
)
_FIND_DAY = select(*_DAY).where(mine(usage_days, _IS_OF_DAY))
_FIND_DAYS = select(*_DAY).where(_IS_OF_DAY)
_TELL = (
    update(usage_days)
    .where(
        mine(usage_days, _IS_OF_DAY, usage_days.c.told.op("&")(bindparam("of_bit")) == literal(0))
    )
    .values(told=usage_days.c.told.op("|")(bindparam("of_bit")))
)
_FIND_QUOTAS = select(tenant_quotas.c.tenant, tenant_quotas.c.overrides)
_FIND_QUOTA = select(tenant_quotas.c.overrides).where(tenant_quotas.c.tenant == IN_TENANT)
_STORED = select(
    select(func.coalesce(func.sum(kv_usage.c.used_bytes), 0))
    .where(kv_usage.c.tenant == IN_TENANT)
    .scalar_subquery(),
    select(func.coalesce(func.sum(func.length(cast(config_scopes.c.layers, Text))), 0))
    .where(config_scopes.c.tenant == IN_TENANT)
    .scalar_subquery(),
    select(func.coalesce(func.sum(packages.c.size_bytes), 0))
    .where(packages.c.tenant == IN_TENANT)
    .scalar_subquery(),
)


class UsageRepository:
    """What the calls of one tenant used."""

    def __init__(self, connection: Connection, tenant: str) -> None:
        self._connection = connection.of(tenant)
        self._tenant = tenant

    async def span(self, grain: str, start: datetime) -> dict[str, UsageRow]:
        """Return the rows of one span of time, by series; nobody else changes them meanwhile."""
        given = {"in_tenant": self._tenant, "of_grain": grain, "at": start}
        found = await self._connection.execute(_FIND_SPAN, given)
        return {row.series: UsageRow(**row._mapping) for row in found}

    async def add(self, rows: Sequence[UsageRow]) -> None:
        """Add rows that are not there."""
        if rows:
            await self._connection.execute(_ADD_USAGE, [asdict(row) for row in rows])

    async def change(self, rows: Sequence[UsageRow]) -> None:
        """Put rows in the places of those that were there."""
        if rows:
            await self._connection.execute(_CHANGE_USAGE, [_changed(row) for row in rows])

    async def count_day(self, row: DayRow) -> DayRow:
        """Add to what was used of a day's quotas; return the sum over all hosts."""
        place = {"in_tenant": self._tenant, "of_day": row.day}
        more = {
            "more_calls": row.calls,
            "more_fuel": row.fuel,
            "more_egress": row.egress_bytes,
        }
        changed = await self._connection.execute(_COUNT_DAY, {**place, **more})
        if not changed.rowcount:
            await self._connection.execute(_ADD_DAY, asdict(row))
        found = await self._connection.execute(_FIND_DAY, place)
        return DayRow(**found.one()._mapping)

    async def day(self, day: int) -> DayRow:
        """Return what was used of a day's quotas."""
        found = await self._connection.execute(
            _FIND_DAY, {"in_tenant": self._tenant, "of_day": day}
        )
        row = found.one_or_none()
        if row is None:
            return DayRow(tenant=self._tenant, day=day, calls=0, fuel=0, egress_bytes=0)
        return DayRow(**row._mapping)

    async def tell(self, day: int, bit: int) -> bool:
        """Set a bit of a day's ``told``; return whether it was this that did."""
        place = {"in_tenant": self._tenant, "of_day": day, "of_bit": bit}
        return bool((await self._connection.execute(_TELL, place)).rowcount)

    async def rows(self, query: UsageQuery) -> list[UsageRow]:
        """Return what was used in a range of time; one more than `ROWS_MAX` at the most."""
        found = await self._connection.execute(_asked_for(query, usage.c.tenant == self._tenant))
        return [UsageRow(**row._mapping) for row in found]

    async def overrides(self) -> dict[str, int | None]:
        """Return the tenant's own quotas, where they are not the host's."""
        found = await self._connection.execute(_FIND_QUOTA, {"in_tenant": self._tenant})
        return dict(found.scalar_one_or_none() or {})

    async def set_overrides(self, overrides: Mapping[str, int | None], actor: str) -> None:
        """Set the tenant's own quotas."""
        values = {"overrides": dict(overrides), "changed_at": now(), "changed_by": actor}
        changed = await self._connection.execute(
            update(tenant_quotas).where(tenant_quotas.c.tenant == self._tenant).values(values)
        )
        if not changed.rowcount:
            await self._connection.execute(
                insert(tenant_quotas).values(tenant=self._tenant, **values)
            )

    async def stored(self) -> StoredBytes:
        """Return what the tenant keeps."""
        return await stored_bytes(self._connection, self._tenant)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBytes:
    """What a tenant keeps: entries of plugins, configurations, components of packages."""

    kv: int
    config: int
    packages: int

    @property
    def total(self) -> int:
        """All of it."""
        return sum(astuple(self))


async def stored_bytes(connection: Connection, tenant: str, part: str | None = None) -> StoredBytes:
    """Return what a tenant keeps, also to one who writes to a part of it."""
    scoped = connection.of(tenant, part)
    found = (await scoped.execute(_STORED, {"in_tenant": tenant})).one()
    kv, config, package = (int(each) for each in found)
    return StoredBytes(kv=kv, config=config, packages=package)


class LedgerRepository:
    """Up to where one ledger is folded; a ledger is a host's, and no tenant's."""

    def __init__(self, connection: Connection, ledger_id: str) -> None:
        self._connection = connection
        self._id = ledger_id

    async def find(self) -> tuple[int, int]:
        """Return the segment and the position in it."""
        return await self._found(_FIND_LEDGER)

    async def hold(self) -> tuple[int, int]:
        """Return the same; it stays so until the end of the transaction."""
        return await self._found(_HOLD_LEDGER)

    async def _found(self, statement: Any) -> tuple[int, int]:
        row = (await self._connection.execute(statement, {"of_id": self._id})).one_or_none()
        return (-1, 0) if row is None else (row.segment, row.position)

    async def move(self, segment: int, position: int) -> None:
        """Say that everything before a place is folded."""
        values = {"segment": segment, "position": position, "folded_at": now()}
        changed = await self._connection.execute(_MOVE_LEDGER, {"of_id": self._id, **values})
        if not changed.rowcount:
            await self._connection.execute(_ADD_LEDGER, {"id": self._id, **values})


async def days_of_all(connection: Connection, day: int) -> list[DayRow]:
    """Return what every tenant used of a day's quotas: quotas are kept by the host."""
    found = await connection.of_every_tenant().execute(_FIND_DAYS, {"of_day": day})
    return [DayRow(**row._mapping) for row in found]


async def overrides_of_all(connection: Connection) -> dict[str, dict[str, int | None]]:
    """Return every tenant's own quotas."""
    found = await connection.of_every_tenant().execute(_FIND_QUOTAS)
    return {row.tenant: dict(row.overrides) for row in found}


async def usage_of_all(connection: Connection, query: UsageQuery) -> list[UsageRow]:
    """Return what every tenant used: for those who run the host."""
    found = await connection.of_every_tenant().execute(_asked_for(query))
    return [UsageRow(**row._mapping) for row in found]


async def forget_usage(connection: Connection, before: Mapping[str, datetime], day: int) -> None:
    """Remove rows of each grain from before a moment, and days before one, of every tenant."""
    everybody = connection.of_every_tenant()
    for grain, moment in before.items():
        await everybody.execute(delete(usage).where(usage.c.grain == grain, usage.c.start < moment))
    await everybody.execute(delete(usage_days).where(usage_days.c.day < day))
    await everybody.execute(delete(usage_ledgers).where(usage_ledgers.c.folded_at < before["day"]))


def _changed(row: UsageRow) -> dict[str, Any]:
    values = asdict(row)
    place = {_PLACE[name]: values.pop(name) for name in _PLACE}
    return values | place


def _asked_for(query: UsageQuery, *whose: ColumnElement[bool]) -> Select[Any]:
    conditions = [
        *whose,
        usage.c.grain == query.grain,
        usage.c.start >= query.start,
        usage.c.start < query.end,
        *([] if query.plugin is None else [usage.c.plugin == query.plugin]),
    ]
    return select(*_USAGE).where(*conditions).order_by(usage.c.start).limit(ROWS_MAX + 1)
