"""Where events wait for those who receive them: plugins, and endpoints of host apps.

Both kinds have the same two tables, one of receivers and one of deliveries, and the same statements
over them, which are built once for each kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    FromClause,
    Insert,
    Select,
    Table,
    Update,
    and_,
    bindparam,
    exists,
    insert,
    or_,
    select,
    update,
)

from wardian.storage.rows import DeliveryRow, EventRow
from wardian.storage.statements import AT, OF_ID, mine
from wardian.storage.tables import (
    deliveries,
    endpoint_deliveries,
    endpoints,
    events,
    plugins,
    subscribers,
)

PENDING = "pending"
RUNNING = "running"
"""The states of deliveries that are still to be made."""


@dataclass(frozen=True, slots=True, eq=False)
class Queues:
    """The queues of one kind of receivers.

    Attributes:
        id: whose a queue is, in ``receivers``.
        receiver: the same, in ``deliveries``.
        count, lock: statements on the row `OF_ID` of ``receivers``.
        found: deliveries with their events.
        subscribers: receivers, as `SubscriberRow` has them.
        waiting: those that have something to get `AT` a moment.
        begun: those, and others that somebody has begun to handle something for.
    """

    deliveries: Table
    receivers: Table
    id: Column[Any]
    receiver: Column[Any]
    add: Insert
    count: Update
    lock: Select[Any]
    found: Select[Any]
    subscribers: Select[Any]
    waiting: Select[Any]
    begun: Select[Any]


def _queues(
    kept: Table, receivers: Table, own_id: str, receiver: str, named: FromClause | None = None
) -> Queues:
    """``named`` has the names of receivers, where they are not called by their ids."""
    columns, is_named = receivers.c, mine(receivers, receivers.c[own_id] == OF_ID)
    event = [events.c[name] for name in EventRow.__dataclass_fields__ if name != "attempt"]
    delivery = [
        kept.c[receiver if name == "receiver_id" else name].label(f"of_{name}")
        for name in DeliveryRow.__dataclass_fields__
    ]
    subscriber = [columns[name] for name in ("tenant", "queued", "dropped", "paused")]
    name = columns[own_id] if named is None else plugins.c.name
    of_receiver = and_(kept.c.tenant == columns.tenant, kept.c[receiver] == columns[own_id])
    is_pending, is_abandoned = pending(kept, AT), abandoned(kept, AT)
    is_its_event = and_(events.c.tenant == kept.c.tenant, events.c.id == kept.c.event_id)
    found = select(*subscriber, columns[own_id].label("id"), name.label("name")).select_from(
        receivers if named is None else named
    )
    waiting = found.where(columns.queued > 0, columns.paused.is_(False))
    return Queues(
        deliveries=kept,
        receivers=receivers,
        id=columns[own_id],
        receiver=kept.c[receiver],
        add=insert(kept),
        count=update(receivers)
        .where(is_named)
        .values(
            queued=columns.queued + bindparam("more"), dropped=columns.dropped + bindparam("lost")
        ),
        lock=select(columns.paused, columns.queued).where(is_named).with_for_update(),
        found=select(*event, *delivery).select_from(kept.join(events, is_its_event)),
        subscribers=found,
        waiting=waiting.where(
            or_(exists().where(of_receiver, is_pending), exists().where(of_receiver, is_abandoned))
        ),
        begun=waiting.where(
            or_(
                exists().where(of_receiver, is_pending),
                exists().where(of_receiver, kept.c.state == RUNNING),
            )
        ),
    )


def pending(kept: Table, at: Any) -> ColumnElement[bool]:
    """What waits and may be begun."""
    return and_(kept.c.state == PENDING, kept.c.not_before <= at)


def abandoned(kept: Table, at: Any) -> ColumnElement[bool]:
    """What was leased by a host that is gone."""
    return and_(kept.c.state == RUNNING, kept.c.lease_until < at)


_NAMED = subscribers.join(
    plugins,
    and_(plugins.c.tenant == subscribers.c.tenant, plugins.c.id == subscribers.c.plugin_id),
)

OF_PLUGINS = _queues(deliveries, subscribers, "plugin_id", "plugin_id", _NAMED)
OF_ENDPOINTS = _queues(endpoint_deliveries, endpoints, "id", "endpoint_id")
