"""Events: topics, the outbox, subscribers of this process."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

import pytest

from rows import add_tenant
from wardian.errors import InvalidArguments
from wardian.events import (
    Event,
    Events,
    PluginEvent,
    SystemEvent,
    check_pattern,
    check_topic,
    matches,
)
from wardian.storage import Database

pytestmark = pytest.mark.anyio


@pytest.fixture
async def events(database: Database) -> Events:
    await add_tenant(database)
    await add_tenant(database, "acme")
    return Events(database)


async def publish(
    events: Events, topic: str = "orders.created", data: str = "{}", **more: str
) -> Event:
    return await events.publish(
        "default", topic, data, source="plugin:shop", correlation_id="c1", **more
    )


@pytest.mark.parametrize("topic", ["orders", "orders.created", "a1.b-2.c_3", "a" * 200])
async def test_dotted_lower_case_words_are_topics(topic: str) -> None:
    check_topic(topic)


@pytest.mark.parametrize(
    "topic",
    ["", ".", "a.", ".a", "a..b", "Orders", "orders.*", "a b", "é", "a\n", "-a", "a-", "a" * 201],
)
async def test_anything_else_is_no_topic(events: Events, topic: str) -> None:
    with pytest.raises(InvalidArguments, match="not a topic"):
        await publish(events, topic)


@pytest.mark.parametrize(
    ("pattern", "topic", "fits"),
    [
        ("*", "a.b", True),
        ("a.*", "a.b.c", True),
        ("a.*", "a", False),
        ("a.*", "ab.c", False),
        ("a.b", "a.b", True),
        ("a.b", "a.b.c", False),
        ("a.*.c", "a.b.c", True),
        ("a.*.c", "a.b.b.c", True),
        ("a.*.c", "a.c", False),
        ("*.c", "a.b.c", True),
        ("a*", "ab.c", True),
        ("a*b*c", "a.b.c", True),
    ],
)
async def test_a_star_stands_for_any_run_of_characters_also_of_dots(
    pattern: str, topic: str, fits: bool
) -> None:
    check_pattern(pattern)
    assert matches(pattern, topic) is fits


@pytest.mark.parametrize("pattern", ["", "A.*", "a b", "a%", "a\\", "a\n", "?", "é*", "*" * 201])
async def test_what_fits_no_topic_or_has_no_end_is_no_pattern(events: Events, pattern: str) -> None:
    with pytest.raises(InvalidArguments, match="not a pattern of topics"):
        await events.page("default", pattern)
    with pytest.raises(InvalidArguments, match="not a pattern of topics"):
        await events.recent(1, pattern, tenant="default")


async def test_an_event_is_stored_with_its_whole_envelope(
    events: Events, database_location: Path | str
) -> None:
    published = await publish(events, data='{"id": 7}', key="order-7")

    async with Database.open(database_location) as again:
        (found,) = await Events(again).recent(10, tenant="default")
    assert found == published
    assert found.topic == "orders.created"
    assert found.source == "plugin:shop"
    assert found.correlation_id == "c1"
    assert found.key == "order-7"
    assert found.attempt == 1
    assert found.value() == {"id": 7}
    assert datetime.fromisoformat(found.time).tzinfo is not None


@pytest.mark.parametrize("data", ["", "{", "NaN", '{"a":1,"a":2}', '"' + "x" * 256 * 1024 + '"'])
async def test_data_that_is_no_bounded_json_is_refused(events: Events, data: str) -> None:
    with pytest.raises(InvalidArguments):
        await publish(events, data=data)

    assert await events.recent(10, tenant="default") == []


@pytest.mark.parametrize("key", ["", "a\x00b", "x" * 257])
async def test_a_key_that_is_no_short_text_is_refused(events: Events, key: str) -> None:
    with pytest.raises(InvalidArguments, match="key"):
        await publish(events, key=key)


async def test_what_the_host_tells_of_itself_is_of_another_kind_than_what_it_carries(
    events: Events,
) -> None:
    await events.publish("default", "plugin.enabled", '{"plugin": "shop", "actor": "ci"}')
    await publish(events)
    await events.publish("default", "orders.paid", "[7]", source="app:ci")

    app, plugin, system = await events.recent(3, tenant="default")

    assert isinstance(system, SystemEvent)
    assert (system.plugin, system.actor) == ("shop", "ci")
    assert isinstance(plugin, PluginEvent)
    assert plugin.plugin == "shop"
    assert isinstance(app, PluginEvent)
    assert app.plugin is None


async def test_events_come_newest_first_by_pattern_and_tenant(events: Events) -> None:
    for number in range(250):
        await publish(events, "orders.created" if number % 50 == 0 else "noise", str(number))

    found = await events.recent(3, "orders.*", tenant="default")

    assert [event.value() for event in found] == [200, 150, 100]
    assert len(await events.recent(1000, tenant="default")) == 250
    assert await events.recent(10, tenant="acme") == []


async def test_subscribers_hear_what_fits_until_they_leave(events: Events) -> None:
    heard: list[str] = []
    leave = events.subscribe("orders.*", lambda event: heard.append(event.topic))

    await publish(events)
    await publish(events, "other")
    leave()
    await publish(events)

    assert heard == ["orders.created"]


async def test_a_subscriber_that_fails_keeps_nothing_from_the_others(
    events: Events, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[Event] = []
    events.subscribe("*", lambda event: heard.remove(event))
    events.subscribe("*", heard.append)

    await publish(events)

    assert len(heard) == 1
    assert "subscriber" in caplog.text


async def test_many_publishers_lose_nothing(events: Events) -> None:
    await asyncio.gather(*(publish(events, data=str(number)) for number in range(30)))

    found = await events.recent(100, tenant="default")
    assert {event.value() for event in found} == set(range(30))
    assert len({event.id for event in found}) == 30
