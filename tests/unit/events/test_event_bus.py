"""The event bus of host apps: publish, subscribe, unsubscribe."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from rows import add_tenant
from wardian.errors import Forbidden, InvalidArguments, RateLimited, WardianError
from wardian.events import (
    AppLimits,
    Drop,
    Event,
    EventBus,
    Events,
    PluginEvent,
    Subscription,
    SystemEvent,
)
from wardian.storage import Database

pytestmark = pytest.mark.anyio


@pytest.fixture
async def events(database: Database) -> Events:
    await add_tenant(database)
    await add_tenant(database, "acme")
    return Events(database)


@pytest.fixture
async def bus(events: Events) -> AsyncIterator[EventBus]:
    made = EventBus(events)
    async with asyncio.timeout(60), made.kept():
        yield made


async def taken(subscription: Subscription, count: int) -> list[Any]:
    return [(await anext(subscription)).value() for _ in range(count)]


async def test_what_is_published_is_stored_as_an_app_s_with_its_envelope(
    bus: EventBus, events: Events
) -> None:
    event = await bus.publish("orders.created", {"id": 7}, key="k", actor="my shop")

    assert isinstance(event, PluginEvent)
    assert (event.source, event.key, event.value()) == ("app:my%20shop", "k", {"id": 7})
    assert await events.recent(1, tenant="default") == [event]


@pytest.mark.parametrize("topic", ["plugin.enabled", "key.created", "tenant.created", "event.x"])
async def test_what_the_host_alone_says_nobody_else_can(bus: EventBus, topic: str) -> None:
    with pytest.raises(Forbidden, match="host alone"):
        await bus.publish(topic, {})


@pytest.mark.parametrize("data", [{1, 2}, object(), float("nan"), "\ud800"])
async def test_data_that_cannot_be_json_is_refused(bus: EventBus, data: object) -> None:
    with pytest.raises(InvalidArguments):
        await bus.publish("orders.created", data)


async def test_data_that_nests_too_deep_is_refused_as_what_is_no_json(bus: EventBus) -> None:
    data: list[object] = []
    for _ in range(100_000):
        data = [data]

    with pytest.raises(InvalidArguments):
        await bus.publish("orders.created", data)


async def test_a_subscriber_iterates_over_what_fits_from_now_on(bus: EventBus) -> None:
    await bus.publish("orders.eu.created", 0)
    subscription = await bus.subscribe("orders.*.created")

    for number, topic in enumerate(("orders.eu.created", "orders.paid", "orders.us.created"), 1):
        await bus.publish(topic, number)
    await bus.publish("orders.eu.created", 4, tenant="acme")

    assert await taken(subscription, 2) == [1, 3]
    await bus.publish("orders.eu.created", 5)
    assert await taken(subscription, 1) == [5]


async def test_it_goes_on_after_the_last_event_that_was_handled(
    bus: EventBus, database: Database
) -> None:
    first = await bus.publish("orders.created", 1)
    for number in range(2, 50):
        await bus.publish("orders.created", number)

    subscription = await bus.subscribe("orders.*", after=first.position)
    assert await taken(subscription, 2) == [2, 3]
    # The third is given, and not known to be handled.
    again = await EventBus(Events(database)).subscribe("orders.*", after=subscription.position)
    assert await taken(again, 47) == list(range(3, 50))


async def test_a_handler_hears_one_event_after_the_other_until_it_is_unsubscribed(
    bus: EventBus,
) -> None:
    heard: list[Any] = []
    enough = asyncio.Event()

    async def hear(event: Event) -> None:
        heard.append(event.value())
        if event.value() == 2:
            enough.set()

    subscription = await bus.subscribe("orders.*", hear)
    for number in (1, 2):
        await bus.publish("orders.created", number)
    await enough.wait()
    await bus.unsubscribe(subscription)
    await bus.unsubscribe(subscription)
    await bus.publish("orders.created", 3)

    assert heard == [1, 2]
    assert [event async for event in subscription] == []


async def test_a_handler_need_not_be_asynchronous_and_may_unsubscribe_itself(
    bus: EventBus,
) -> None:
    heard: list[Any] = []
    subscriptions: list[Subscription] = []
    ended = asyncio.Event()

    async def once(event: Event) -> None:
        await bus.unsubscribe(subscriptions[0])
        ended.set()

    subscriptions.append(await bus.subscribe("orders.*", once))
    plain = await bus.subscribe("orders.*", lambda event: heard.append(event.value()))
    await bus.publish("orders.created", 1)
    await ended.wait()
    after = await bus.subscribe("orders.*")
    await bus.publish("orders.created", 2)
    await taken(after, 1)
    await bus.unsubscribe(plain)

    assert heard[:1] == [1]


async def test_a_handler_that_fails_is_told_and_hears_the_next_one(
    bus: EventBus, caplog: pytest.LogCaptureFixture
) -> None:
    heard: asyncio.Queue[Any] = asyncio.Queue()

    async def hear(event: Event) -> None:
        if event.value() == 1:
            raise KeyError("mine")
        await heard.put(event.value())

    await bus.subscribe("orders.*", hear)
    await bus.publish("orders.created", 1)
    await bus.publish("orders.created", 2)

    assert await heard.get() == 2
    assert "handler of orders.created failed" in caplog.text


async def test_whoever_waits_for_the_next_event_is_let_go_when_it_is_unsubscribed(
    bus: EventBus,
) -> None:
    subscription = await bus.subscribe()
    waiting = asyncio.ensure_future(anext(subscription, None))
    await asyncio.sleep(0)

    await bus.unsubscribe(subscription)

    assert await waiting is None


async def test_a_handler_that_does_not_end_ends_with_the_host(events: Events) -> None:
    begun = asyncio.Event()

    async def never(event: Event) -> None:
        begun.set()
        await asyncio.Event().wait()

    bus = EventBus(events)
    async with asyncio.timeout(30), bus.kept():
        await bus.subscribe("*", never)
        await bus.publish("orders.created")
        await begun.wait()


async def test_while_the_database_does_not_answer_nothing_is_lost(
    bus: EventBus, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("wardian.events.event_bus.RETRY_SECONDS", 0.0)
    heard: asyncio.Queue[Any] = asyncio.Queue()
    failures = iter([WardianError("gone"), WardianError("gone")])
    after = Events.after

    async def failing(self: Events, *arguments: Any) -> list[Event]:
        error = next(failures, None)
        if error is not None:
            raise error
        return await after(self, *arguments)

    monkeypatch.setattr(Events, "after", failing)
    subscription = await bus.subscribe("orders.*")
    with pytest.raises(WardianError, match="gone"):
        await anext(subscription)
    await bus.subscribe("orders.*", lambda event: heard.put_nowait(event.value()))
    await bus.publish("orders.created", 1)

    assert await heard.get() == 1
    assert await taken(subscription, 1) == [1]
    assert "are not read for now: gone" in caplog.text


async def test_a_pattern_that_is_none_is_refused_before_it_is_followed(bus: EventBus) -> None:
    with pytest.raises(InvalidArguments, match="pattern of topics"):
        await bus.subscribe("Orders.*")


async def test_what_the_host_says_of_itself_is_heard_too(bus: EventBus, events: Events) -> None:
    subscription = await bus.subscribe("plugin.*")
    await events.publish("default", "plugin.enabled", '{"plugin": "shop"}')

    event = await anext(subscription)

    assert isinstance(event, SystemEvent)
    assert event.plugin == "shop"


async def test_another_host_s_events_are_heard_as_well(
    bus: EventBus, database_location: Path | str
) -> None:
    subscription = await bus.subscribe("orders.*")

    async with Database.open(database_location) as other:
        await EventBus(Events(other)).publish("orders.created", 1)

    assert await taken(subscription, 1) == [1]


class Clock:
    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


async def test_with_one_key_and_in_one_tenant_so_many_are_published_a_second(
    events: Events,
) -> None:
    clock = Clock()
    dropped: list[Drop] = []
    events.connect(queued=lambda plugins: None, drop=dropped.append)
    bus = EventBus(events, AppLimits(0.8, clock))

    async def publish(key_id: str, tenant: str = "default") -> None:
        await bus.publish("orders.created", 1, key_id=key_id, tenant=tenant, actor="shop")

    for _ in range(2):
        await publish("k1")
    with pytest.raises(RateLimited, match="with this API key") as caught:
        await publish("k1")
    assert caught.value.retry_after_seconds == pytest.approx(5.0)
    for key_id in ("k2", "k2", "k3", "k3", "k4", "k4"):
        await publish(key_id)
    with pytest.raises(RateLimited, match="by this tenant's apps"):
        await publish("k5")
    await publish("k6", "acme")
    clock.at += 5.0
    await publish("k1")

    assert [(each.kind.value, each.whose, each.reason.value) for each in dropped] == [
        ("app", "app:shop", "rate")
    ] * 2
    assert len(await events.recent(100, tenant="default")) == 9


async def test_the_program_that_the_host_is_a_part_of_has_no_rate(events: Events) -> None:
    bus = EventBus(events, AppLimits(0.1))

    for number in range(5):
        await bus.publish("orders.created", number)
