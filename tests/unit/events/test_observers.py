"""Observers of the program that a host is a part of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from rows import add_tenant
from wardian import PluginObserver, observes
from wardian.errors import InvalidArguments
from wardian.events import Event, EventBus, Events
from wardian.storage import Database

pytestmark = pytest.mark.anyio


@pytest.fixture
async def bus(database: Database) -> AsyncIterator[EventBus]:
    await add_tenant(database)
    made = EventBus(Events(database))
    async with asyncio.timeout(60), made.kept():
        yield made


class Watcher(PluginObserver):
    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []
        self.done = asyncio.Event()

    def on_user_created(self, event: Event) -> None:
        self.seen.append(("created", event.topic))

    async def on_workflow_completed(self, event: Event) -> None:
        self.seen.append(("completed", event.topic))

    @observes("order.line.added", "billing.*")
    async def money(self, event: Event) -> None:
        self.seen.append(("money", event.topic))

    def on_user_failing(self, event: Event) -> None:
        raise LookupError("one event")

    def on_all_done(self, event: Event) -> None:
        self.done.set()


async def test_methods_are_called_with_what_they_observe_in_order(bus: EventBus) -> None:
    watcher = Watcher()
    subscription = await watcher.observe(bus)
    topics = [
        "user.failing", "user.created", "order.line.added", "order.line", "workflow.completed",
        "billing.invoice.sent", "all.done",
    ]  # fmt: skip
    for topic in topics:
        await bus.publish(topic)
    await watcher.done.wait()
    await bus.unsubscribe(subscription)

    assert watcher.seen == [
        ("created", "user.created"),
        ("money", "order.line.added"),
        ("completed", "workflow.completed"),
        ("money", "billing.invoice.sent"),
    ]


async def test_an_observer_goes_on_where_it_was(bus: EventBus) -> None:
    before = await bus.publish("user.created")
    await bus.publish("all.done")
    watcher = Watcher()
    await watcher.observe(bus, after=before.position - 1)
    await watcher.done.wait()

    assert watcher.seen == [("created", "user.created")]


async def test_one_topic_is_subscribed_to_alone(bus: EventBus) -> None:
    class One(PluginObserver):
        def on_user_created(self, event: Event) -> None: ...

    assert (await One().observe(bus)).pattern == "user.created"


@pytest.mark.parametrize("name", ["on_order_line_added", "on_user", "on_"])
def test_a_name_that_could_mean_several_topics_is_refused(name: str) -> None:
    members: dict[str, Any] = {name: lambda self, event: None}
    with pytest.raises(ValueError, match="does not mean one topic"):
        type("Unclear", (PluginObserver,), members)


def test_what_is_no_topic_cannot_be_observed() -> None:
    with pytest.raises(InvalidArguments):
        observes("Not A Topic")
    with pytest.raises(ValueError, match="takes the topics"):
        observes()
