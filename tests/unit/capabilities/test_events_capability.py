"""events"""

from __future__ import annotations

from dataclasses import replace

import pytest

from callings import calling, refusing
from rows import add_tenant
from wardian.capabilities.events import EventsCapability
from wardian.events import Drop, DropReason, Events, PublishLimits, PublishPolicy
from wardian.policy.limits import Limits
from wardian.storage import Database

pytestmark = pytest.mark.anyio


@pytest.fixture
async def events(database: Database) -> Events:
    await add_tenant(database)
    return Events(database)


async def test_an_event_is_stored_in_the_plugins_name(events: Events) -> None:
    call = calling("events:publish:orders.*")

    event_id = await EventsCapability(events).publish(call, "orders.created", "[1]", "k")

    (found,) = await events.recent(10, tenant="default")
    assert (found.id, found.source, found.correlation_id) == (event_id, "plugin:counter", "c1")
    assert call.budget.usage.events == 1


async def test_a_topic_beside_the_grant_is_denied_and_not_spent(events: Events) -> None:
    call = calling("events:publish:orders.*")

    with refusing("denied", "manifest"):
        await EventsCapability(events).publish(call, "invoices.created", "1", None)
    assert call.budget.usage.events == 0


@pytest.mark.parametrize("topic", ["plugin.disabled", "host.started", "plugin"])
async def test_the_hosts_own_topics_are_denied_whatever_was_granted(
    events: Events, topic: str
) -> None:
    with refusing("denied", "host alone"):
        await EventsCapability(events).publish(calling("events:publish:*"), topic, "1", None)


@pytest.mark.parametrize(
    ("topic", "data", "key"),
    [("Orders", "1", None), ("orders.*", "1", None), ("orders", "{", None), ("orders", "1", "")],
)
async def test_what_is_malformed_is_invalid(
    events: Events, topic: str, data: str, key: str | None
) -> None:
    with refusing("invalid"):
        await EventsCapability(events).publish(calling("events:publish:*"), topic, data, key)


async def test_events_past_the_budget_are_refused(events: Events) -> None:
    call = calling("events:publish:*", limits=Limits(events=1))
    capability = EventsCapability(events)
    await capability.publish(call, "orders", "1", None)

    with refusing("exhausted", "1 events"):
        await capability.publish(call, "orders", "2", None)
    assert len(await events.recent(10, tenant="default")) == 1


async def test_events_further_than_the_limit_from_their_origin_are_refused_and_told(
    events: Events,
) -> None:
    drops: list[Drop] = []
    capability = EventsCapability(events, PublishLimits(PublishPolicy(hops_max=2)), drops.append)
    call = calling("events:publish:orders.*")
    call.facts = replace(call.facts, hops=2, origin="first")

    await capability.publish(call, "orders.created", "1", None)
    call.facts = replace(call.facts, hops=3)
    with refusing("exhausted", "3 events led to this one"):
        await capability.publish(call, "orders.created", "2", None)

    (found,) = await events.recent(10, tenant="default")
    assert (found.hops, found.origin) == (2, "first")
    assert [(drop.whose, drop.reason) for drop in drops] == [("counter", DropReason.HOPS)]
