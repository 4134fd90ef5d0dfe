"""The buses: who gets what, in which order, and whose it is meanwhile; the same on each of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from buses import ENDED, BusOver, claimed, over_the_database
from rows import add_plugin, add_tenant, plugin_row
from wardian.events import (
    Carrier,
    Delivery,
    Event,
    Events,
    Outcome,
    Settlement,
    Subscriber,
)
from wardian.storage import Database
from wardian.storage.deliveries import DeliveryRepository
from wardian.storage.events import EventRepository
from wardian.storage.plugins import PluginRepository
from wardian.storage.rows import now
from wardian.storage.tables import deliveries

pytestmark = pytest.mark.anyio

LONG = timedelta(hours=1)


async def subscribed(
    database: Database, *permissions: str, name: str = "counter", tenant: str = "default"
) -> Subscriber:
    row = await add_plugin(database, plugin_row(name, tenant=tenant))
    async with database.transaction() as connection:
        await PluginRepository(connection, tenant).set_granted(row.id, list(permissions), "test")
    return Subscriber(tenant, row.id, name)


async def publish(events: Events, *numbers: int, key: str | None = None) -> list[Event]:
    return [
        await events.publish("default", "orders.created", str(number), key=key)
        for number in numbers
    ]


def told(batch: Sequence[Delivery]) -> list[int]:
    return [delivery.event.value() for delivery in batch]


async def settle(
    bus: Carrier,
    outcome: Outcome,
    *batch: Delivery,
    after: timedelta = timedelta(),
    reason: str = "",
) -> int:
    return await bus.settle(
        [Settlement(delivery=each, outcome=outcome, after=after, reason=reason) for each in batch]
    )


async def queued(database: Database, tenant: str = "default") -> list[int]:
    async with database.reading() as connection:
        return [row.queued for row in await DeliveryRepository(connection, tenant).subscribers()]


@pytest.mark.parametrize(
    ("permission", "wants"),
    [
        ("events:subscribe:*", True),
        ("events:subscribe:orders.*", True),
        ("events:subscribe:orders.created", True),
        ("events:subscribe:*.created", True),
        ("events:subscribe:o*s.cr*", True),
        ("events:subscribe:orders", False),
        ("events:subscribe:orders.created.*", False),
        ("events:subscribe:orders_created", False),
        ("events:publish:*", False),
        ("kv:read", False),
    ],
)
async def test_an_event_goes_to_whoever_was_granted_its_topic(
    database: Database, bus_over: BusOver, permission: str, wants: bool
) -> None:
    bus, events = await bus_over(database)
    subscriber = await subscribed(database, permission)

    await publish(events, 1)

    assert told(await bus.claim(subscriber, 10)) == ([1] if wants else [])


async def test_one_of_several_permissions_that_fit_is_enough_for_one_delivery(
    database: Database, bus_over: BusOver
) -> None:
    bus, events = await bus_over(database)
    subscriber = await subscribed(database, "events:subscribe:*", "events:subscribe:orders.*")

    (event,) = await publish(events, 1)

    assert event.offered.queued == (subscriber.id,)
    assert len(await bus.claim(subscriber, 10)) == 1


async def test_events_of_another_tenant_do_not_come(database: Database, bus_over: BusOver) -> None:
    bus, events = await bus_over(database)
    await add_tenant(database)
    subscriber = await subscribed(database, "events:subscribe:*", tenant="acme")

    await publish(events, 1)

    assert await bus.claim(subscriber, 10) == []
    assert await bus.claim(Subscriber("default", subscriber.id, "counter"), 10) == []


async def test_an_event_that_is_rolled_back_is_delivered_to_nobody(
    database: Database, bus_over: BusOver
) -> None:
    bus, events = await bus_over(database)
    subscriber = await subscribed(database, "events:subscribe:*")

    with suppress(KeyError):
        async with database.transaction() as connection:
            await events.record(connection, "default", "plugin.x", {}, correlation_id="c")
            raise KeyError

    assert await bus.claim(subscriber, 10) == []


async def test_beyond_its_bound_a_queue_takes_no_more_and_says_so(
    database: Database, bus_over: BusOver
) -> None:
    bus, events = await bus_over(database, queue_max=2)
    subscriber = await subscribed(database, "events:subscribe:*")

    offered = [event.offered for event in await publish(events, 1, 2, 3)]

    assert [len(each.queued) for each in offered] == [1, 1, 0]
    assert offered[2].full == ("counter",)
    batch = await bus.claim(subscriber, 10)
    assert told(batch) == [1, 2]
    await settle(bus, Outcome.DONE, *batch)
    await publish(events, 4)
    assert told(await bus.claim(subscriber, 10)) == [4]


async def test_what_is_leased_is_nobody_elses(database: Database, bus_over: BusOver) -> None:
    bus, events = await bus_over(database)
    subscriber = await subscribed(database, "events:subscribe:*")
    await publish(events, 1)

    assert len(await bus.claim(subscriber, 10)) == 1

    assert await bus.claim(subscriber, 10) == []


async def test_over_the_database_nobody_waits_whose_events_are_all_leased(
    database: Database,
) -> None:
    bus, events = await over_the_database(database)
    subscriber = await subscribed(database, "events:subscribe:*")
    await publish(events, 1)
    assert await bus.waiting() == [subscriber]

    await bus.claim(subscriber, 10)

    assert await bus.waiting() == []


async def test_a_lease_that_has_ended_is_somebody_elses_and_cannot_settle_any_more(
    database: Database, bus_over: BusOver
) -> None:
    late, events = await bus_over(database, lease=ENDED)
    bus, _ = await bus_over(database, lease=ENDED)
    subscriber = await subscribed(database, "events:subscribe:*")
    await publish(events, 1)
    lost = await late.claim(subscriber, 10)

    taken = await claimed(bus, subscriber)

    assert [each.event.attempt for each in (*lost, *taken)] == [1, 2]
    for outcome in Outcome:
        assert await settle(late, outcome, *lost) == 0
    assert await settle(bus, Outcome.DONE, *taken) == 1
    assert await queued(database) == [0]


async def test_a_renewed_lease_holds(database: Database, bus_over: BusOver) -> None:
    bus, events = await bus_over(database, lease=timedelta(seconds=2))
    other, _ = await bus_over(database, lease=timedelta(seconds=2))
    subscriber = await subscribed(database, "events:subscribe:*")
    await publish(events, 1)
    (held,) = await bus.claim(subscriber, 10)

    for _ in range(6):
        await asyncio.sleep(0.5)
        await bus.renew([held.lease])
        assert await other.claim(subscriber, 10) == []

    assert await settle(bus, Outcome.DONE, held) == 1


async def test_to_renew_leases_waits_for_nobody_who_is_settling(postgres_url: str) -> None:
    async with Database.open(postgres_url) as database:
        subscriber = await subscribed(database, "events:subscribe:*")
        ended, events = await over_the_database(database, lease=timedelta(seconds=-1))
        await publish(events, 1, 2)
        first, second = await ended.claim(subscriber, 2)

        async with database.transaction() as connection:
            settling = select(deliveries.c.id).where(deliveries.c.id == first.id).with_for_update()
            await connection.of("default").execute(settling)
            bus, _ = await over_the_database(database, lease=LONG)
            await bus.renew([second.lease])

        assert told(await ended.claim(subscriber, 2)) == [1]


async def test_whoever_settles_holds_up_no_tenant_while_another_is_waited_for(
    postgres_url: str,
) -> None:
    async with Database.open(postgres_url) as database:
        await add_tenant(database, "acme")
        bus, events = await over_the_database(database)
        batch: list[Delivery] = []
        for tenant in ("acme", "default"):
            subscriber = await subscribed(database, "events:subscribe:*", tenant=tenant)
            await events.publish(tenant, "orders.created", "1")
            batch += await bus.claim(subscriber, 1)

        async with database.transaction() as connection:
            await connection.of("default").execute(select(1))
            settling = asyncio.create_task(settle(bus, Outcome.DONE, *batch))
            async with asyncio.timeout(5):
                while await queued(database, "acme") != [0]:
                    await asyncio.sleep(0.01)
            assert await queued(database) == [1]

        assert await settling == 2


async def test_a_later_event_of_a_key_waits_while_an_earlier_one_is_tried_again(
    database: Database, bus_over: BusOver
) -> None:
    bus, events = await bus_over(database)
    subscriber = await subscribed(database, "events:subscribe:*")
    await publish(events, 1, 2, key="a")
    await publish(events, 3, key="b")
    await publish(events, 4)
    batch = await bus.claim(subscriber, 10)
    assert told(batch) == [1, 2, 3, 4]

    await settle(bus, Outcome.RETRY, batch[0], after=LONG, reason="not yet")
    await settle(bus, Outcome.RELEASE, *batch[1:])

    again = await bus.claim(subscriber, 10)
    assert told(again) == [3, 4]
    assert [each.event.attempt for each in again] == [1, 1]


async def test_a_later_event_of_a_key_waits_while_an_earlier_one_is_handled(
    database: Database, bus_over: BusOver
) -> None:
    bus, events = await bus_over(database)
    subscriber = await subscribed(database, "events:subscribe:*")
    await publish(events, 1, 2, key="a")

    first = await bus.claim(subscriber, 1)

    assert await bus.claim(subscriber, 1) == []
    await settle(bus, Outcome.DONE, *first)
    assert told(await bus.claim(subscriber, 1)) == [2]


async def test_a_dead_letter_lets_those_behind_it_pass(
    database: Database, bus_over: BusOver
) -> None:
    bus, events = await bus_over(database)
    subscriber = await subscribed(database, "events:subscribe:*")
    await publish(events, 1, 2, key="a")
    first = await bus.claim(subscriber, 1)

    await settle(bus, Outcome.DEAD, *first, reason="no such order")

    assert told(await bus.claim(subscriber, 10)) == [2]
    async with database.reading() as connection:
        ((row, event),) = await DeliveryRepository(connection, "default").dead(limit=10)
    assert (row.attempt, row.last_error, event.data) == (1, "no such order", "1")


async def test_a_plugin_that_is_paused_gets_nothing_and_loses_nothing(
    database: Database, bus_over: BusOver
) -> None:
    bus, events = await bus_over(database)
    subscriber = await subscribed(database, "events:subscribe:*")

    for paused, comes in ((True, []), (False, [1])):
        async with database.transaction() as connection:
            repository = DeliveryRepository(connection, "default")
            await repository.set_paused(subscriber.id, paused)
        if paused:
            await publish(events, 1)
        assert bool(await bus.waiting()) is not paused
        assert told(await bus.claim(subscriber, 10)) == comes


async def test_two_hosts_that_race_never_both_acknowledge_one_delivery(
    database: Database, database_location: Path | str, bus_over: BusOver
) -> None:
    ours, events = await bus_over(database, lease=ENDED)
    subscriber = await subscribed(database, "events:subscribe:*")
    numbers = list(range(40))
    for number in numbers:
        await publish(events, number, key=f"k{number % 3}")
    begun: list[int] = []
    acknowledged: list[int] = []

    async def host(bus: Carrier) -> None:
        while await queued(database) != [0]:
            for delivery in await bus.claim(subscriber, 5):
                begun.append(delivery.event.value())
                await asyncio.sleep(ENDED.total_seconds() / 2)  # so that others take it meanwhile
                if await settle(bus, Outcome.DONE, delivery):
                    acknowledged.append(delivery.event.value())

    async with Database.open(database_location) as other:
        theirs, _ = await bus_over(other, lease=ENDED)
        await asyncio.gather(host(ours), host(theirs))

    assert sorted(acknowledged) == numbers
    assert len(begun) > len(numbers)


async def test_nothing_is_pruned_that_is_still_to_be_delivered(
    database: Database, bus_over: BusOver
) -> None:
    bus, events = await bus_over(database)
    subscriber = await subscribed(database, "events:subscribe:orders.*")
    await publish(events, 1, 2)
    await events.publish("default", "other", "3")
    (handled,) = await bus.claim(subscriber, 1)
    await settle(bus, Outcome.DONE, handled)

    async def prune(**kept: int) -> int:
        async with database.transaction() as connection:
            return await EventRepository(connection, "default").prune(
                before=now() - LONG, at_once=100, **kept
            )

    assert await prune(kept=3) == 0
    assert await prune(kept=0) == 2
    assert [event.value() for event in await events.recent(10, tenant="default")] == [2]
    assert told(await bus.claim(subscriber, 10)) == [2]


async def test_old_events_are_pruned_a_part_at_a_time(
    database: Database, bus_over: BusOver
) -> None:
    _, events = await bus_over(database)
    await add_tenant(database)
    await publish(events, 1, 2, 3)

    async with database.transaction() as connection:
        repository = EventRepository(connection, "default")
        assert await repository.prune(before=now() + LONG, kept=100, at_once=2) == 2
        assert await repository.prune(before=now() + LONG, kept=100, at_once=2) == 1


async def test_the_deliveries_of_an_uninstalled_plugin_go_with_it(
    database: Database, bus_over: BusOver
) -> None:
    bus, events = await bus_over(database)
    subscriber = await subscribed(database, "events:subscribe:*")
    await publish(events, 1)
    batch = await bus.claim(subscriber, 10)

    async with database.transaction() as connection:
        await PluginRepository(connection, "default").remove(subscriber.id)

    assert await settle(bus, Outcome.DONE, *batch) == 0
    assert await queued(database) == []
