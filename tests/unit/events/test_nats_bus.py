"""What only the bus over NATS has: messages, a server that goes away, and whoever else is there."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import jetstreams
from authorities import Authority
from buses import ENDED, claimed, over_nats
from rows import add_plugin, add_tenant, plugin_row
from skipping import needed
from wardian.bootstrap.events import make_events
from wardian.errors import HostUnusable
from wardian.events import Carrier, Delivery, Events, Outcome, Settlement, Subscriber
from wardian.events.jetstream import JetStream, StreamError
from wardian.events.nats_bus import NatsBus
from wardian.events.stream_place import Place
from wardian.events.subjects import consumer_name
from wardian.settings import EventBusKind, Settings
from wardian.storage import Database
from wardian.storage.deliveries import DeliveryRepository
from wardian.storage.plugins import PluginRepository

pytestmark = pytest.mark.anyio

LONG = timedelta(hours=1)
OPERATORS = Path(__file__).parents[3] / "docs" / "operators.md"


@pytest.fixture
def place(nats_server: jetstreams.Server) -> Place:
    return Place(servers=(nats_server.url,), stream=nats_server.stream())


@pytest.fixture
def own_server() -> Iterator[jetstreams.Server]:
    """A server for those who stop it."""
    with needed(jetstreams.server()) as running:
        yield running


def of_its_own(server: jetstreams.Server) -> Place:
    return Place(servers=(server.url,), stream=server.stream())


async def subscribed(
    database: Database, name: str = "counter", tenant: str = "default"
) -> Subscriber:
    row = await add_plugin(database, plugin_row(name, tenant=tenant))
    async with database.transaction() as connection:
        granted = ["events:subscribe:*"]
        await PluginRepository(connection, tenant).set_granted(row.id, granted, "test")
    return Subscriber(tenant, row.id, name)


async def publish(events: Events, *numbers: int, key: str | None = None) -> None:
    for number in numbers:
        await events.publish("default", "orders.created", str(number), key=key)


async def settle(bus: Carrier, outcome: Outcome, *batch: Delivery, **more: Any) -> int:
    return await bus.settle([Settlement(delivery=each, outcome=outcome, **more) for each in batch])


def told(batch: Sequence[Delivery]) -> list[tuple[int, int]]:
    return [(each.event.value(), each.event.attempt) for each in batch]


async def set_paused(database: Database, subscriber: Subscriber, paused: bool) -> None:
    async with database.transaction() as connection:
        repository = DeliveryRepository(connection, subscriber.tenant)
        await repository.set_paused(subscriber.id, paused)


async def until(condition: Any) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


class Raw:
    """Somebody else on the same server, who may say anything."""

    def __init__(self, stream: JetStream) -> None:
        self._stream = stream

    async def put(self, subscriber: Subscriber, data: bytes, name: str) -> None:
        subject = self._stream.subject(subscriber.tenant, subscriber.id)
        await self._stream.publish(subject, {name: data})


def raw(bus: NatsBus) -> Raw:
    return Raw(bus._stream)


async def test_what_is_on_the_stream_for_a_plugin_that_is_paused_then_waits_unattempted(
    sqlite_database: Database, place: Place
) -> None:
    async with over_nats(sqlite_database, place) as (bus, events):
        subscriber = await subscribed(sqlite_database)
        await publish(events, 1, 2)
        (first,) = await bus.claim(subscriber, 1)

        await set_paused(sqlite_database, subscriber, True)

        assert await bus.claim(subscriber, 10) == []
        assert await settle(bus, Outcome.DONE, first) == 1
        await set_paused(sqlite_database, subscriber, False)
        assert told(await bus.claim(subscriber, 10)) == [(2, 1)]


async def test_events_beyond_what_was_asked_for_are_nobodys_attempt(
    sqlite_database: Database, place: Place
) -> None:
    async with over_nats(sqlite_database, place) as (bus, events):
        subscriber = await subscribed(sqlite_database)
        await publish(events, 1, 2, 3, key="a")

        first = await bus.claim(subscriber, 2)

        assert told(first) == [(1, 1), (2, 1)]
        assert await bus.claim(subscriber, 2) == []
        await settle(bus, Outcome.DONE, *first)
        assert told(await bus.claim(subscriber, 2)) == [(3, 1)]


async def test_whoever_is_late_does_not_take_the_message_from_who_has_it_now(
    sqlite_database: Database, place: Place
) -> None:
    async with (
        over_nats(sqlite_database, place, lease=ENDED) as (late, events),
        over_nats(sqlite_database, place, lease=ENDED) as (lost, _),
        over_nats(sqlite_database, place, lease=ENDED) as (bus, _),
    ):
        subscriber = await subscribed(sqlite_database)
        await publish(events, 1)
        first = await late.claim(subscriber, 10)
        await claimed(lost, subscriber)

        assert await settle(late, Outcome.DONE, *first) == 0

        assert told(await claimed(bus, subscriber)) == [(1, 3)]


async def test_what_is_left_of_a_lost_host_waits_behind_what_is_tried_again(
    sqlite_database: Database, place: Place
) -> None:
    async with (
        over_nats(sqlite_database, place, lease=ENDED) as (lost, events),
        over_nats(sqlite_database, place, lease=ENDED) as (bus, _),
    ):
        subscriber = await subscribed(sqlite_database)
        await publish(events, 1, 2, key="a")
        await publish(events, 3)
        first, _, third = await lost.claim(subscriber, 10)
        await settle(lost, Outcome.RETRY, first, after=LONG, reason="not yet")

        taken = await claimed(bus, subscriber)

        assert [each.event.value() for each in taken] == [3]
        assert await settle(lost, Outcome.DONE, third) == 0
        assert await settle(bus, Outcome.DONE, *taken) == 1
        await asyncio.sleep(2 * ENDED.total_seconds())  # what is left was given to somebody by then
        assert await bus.claim(subscriber, 10) == []
        async with sqlite_database.reading() as connection:
            (row,) = await DeliveryRepository(connection, "default").subscribers()
        assert row.queued == 2


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"[]",
        b'{"lease": "*", "ids": ["1"]}',
        b'{"lease": "01a2139f-68ea-7c59-b25c-46e9142ef079", "ids": []}',
        b'{"lease": "01a2139f-68ea-7c59-b25c-46e9142ef079", "ids": ["' + b"x" * 9999 + b'"]}',
        json.dumps({"lease": "01a2139f-68ea-7c59-b25c-46e9142ef079", "ids": ["1"] * 9999}).encode(),
    ],
    ids=["empty", "no text", "no parcel", "no lease", "no ids", "a long id", "many ids"],
)
async def test_a_message_that_is_none_of_ours_harms_nothing_and_is_removed(
    sqlite_database: Database, place: Place, data: bytes
) -> None:
    async with over_nats(sqlite_database, place, lease=ENDED) as (bus, events):
        subscriber = await subscribed(sqlite_database)
        await raw(bus).put(subscriber, data, "forged")
        await publish(events, 1)

        batch = await claimed(bus, subscriber)

        assert told(batch) == [(1, 1)]
        assert await settle(bus, Outcome.DONE, *batch) == 1
        await asyncio.sleep(2 * ENDED.total_seconds())  # it would come again by then
        assert await bus._stream.pull(bus._stream.subject("default", subscriber.id), 9) == []


async def test_a_message_gives_nobody_an_event_of_another_tenant_or_plugin(
    sqlite_database: Database, place: Place
) -> None:
    await add_tenant(sqlite_database, "acme")
    async with over_nats(sqlite_database, place) as (bus, events):
        subscriber = await subscribed(sqlite_database)
        other = await subscribed(sqlite_database, "other")
        stranger = await subscribed(sqlite_database, tenant="acme")
        await publish(events, 1)
        (held,) = await bus.claim(subscriber, 1)
        copied = json.dumps({"lease": held.lease, "ids": [held.id]}).encode()

        for number, thief in enumerate((other, stranger)):
            await raw(bus).put(thief, copied, f"copied-{number}")

        assert await bus.claim(stranger, 10) == []
        assert [each.subscriber for each in await bus.claim(other, 10)] == [other]  # its own
        assert await settle(bus, Outcome.DONE, held) == 1


async def test_hosts_hear_of_each_other_at_once(sqlite_database: Database, place: Place) -> None:
    heard: list[Sequence[str]] = []
    other = JetStream(place, wait_seconds=1.0)
    async with (
        NatsBus(sqlite_database, other).kept(heard.append),
        over_nats(sqlite_database, place) as (bus, events),
    ):
        await until(lambda: heard)
        subscriber = await subscribed(sqlite_database)
        await publish(events, 1)
        await bus.claim(subscriber, 10)

        await until(lambda: [subscriber.id] in heard)


async def test_what_was_received_before_a_server_goes_away_is_handled_all_the_same(
    sqlite_database: Database, own_server: jetstreams.Server
) -> None:
    async with over_nats(sqlite_database, of_its_own(own_server)) as (bus, events):
        subscriber = await subscribed(sqlite_database)
        await publish(events, 1)
        batch = await bus.claim(subscriber, 10)

        own_server.stop()

        await publish(events, 2)
        assert await bus.claim(subscriber, 10) == []
        await bus.renew([each.lease for each in batch])
        assert await settle(bus, Outcome.DONE, *batch) == 1
        own_server.start()
        await until(bus.is_available)
        # The message that could not be acknowledged, had it been given out again, is empty.
        assert told(await claimed(bus, subscriber)) == [(2, 1)]


async def test_what_a_server_loses_with_its_disk_is_found_in_the_database(
    sqlite_database: Database, own_server: jetstreams.Server
) -> None:
    async with over_nats(sqlite_database, of_its_own(own_server), lease=ENDED) as (bus, events):
        subscriber = await subscribed(sqlite_database)
        await publish(events, 1, 2, key="a")
        lost = await bus.claim(subscriber, 10)

        own_server.stop()
        own_server.forget()
        await until(lambda: not bus.is_available())
        assert await bus.waiting() == []
        own_server.start()
        await until(bus.is_available)

        again = await claimed(bus, subscriber)
        assert told(again) == [(1, 2), (2, 2)]
        assert await settle(bus, Outcome.DONE, *lost) == 0
        assert await settle(bus, Outcome.DONE, *again) == 2


async def test_a_stream_that_somebody_removed_is_made_again(
    sqlite_database: Database, place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    async with over_nats(sqlite_database, place) as (bus, events):
        subscriber = await subscribed(sqlite_database)
        await publish(events, 1)
        await settle(bus, Outcome.DONE, *await bus.claim(subscriber, 10))
        await bus._stream._context().delete_stream(place.stream)
        await publish(events, 2)

        assert await bus.claim(subscriber, 10) == []
        assert "NATS did not answer" in caplog.text

        assert told(await bus.claim(subscriber, 10)) == [(2, 1)]


@given(st.lists(st.text(min_size=1), min_size=1), st.lists(st.text(min_size=1), min_size=1))
def test_words_of_a_subject_are_kept_apart_whatever_is_in_them(
    words: list[str], others: list[str]
) -> None:
    stream = JetStream(Place(servers=("nats://localhost:1",)), wait_seconds=1.0)
    subject, other = stream.subject(*words), stream.subject(*others)

    assert (subject == other) is (words == others)
    assert len(subject.split(".")) == 2 + len(words)
    assert not set(subject) & set("*> \t\r\n")
    assert (consumer_name(subject) == consumer_name(other)) is (words == others)
    assert not set(consumer_name(subject)) & set(".*> /\\")


async def test_tenants_of_hostile_names_have_a_stream_each_of_their_own(place: Place) -> None:
    connected = asyncio.Event()
    stream = JetStream(place, wait_seconds=1.0)
    names = ["a", "a.b", "*", ">", "a b", "ä", "=2E", "a=_b"]
    async with stream.kept(lambda told: connected.set()):
        await connected.wait()
        for name in names:
            await stream.publish(stream.subject(name, "p"), {name.encode().hex(): name.encode()})

        for name in names:
            found = await stream.pull(stream.subject(name, "p"), 10)
            assert [message.data.decode() for message in found] == [name]


async def test_a_wrong_password_leaves_events_waiting_and_is_told_without_it(
    nats_server: jetstreams.Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = nats_server.url.replace(jetstreams.PASSWORD, "canary-of-another-7f3e")
    stream = JetStream(Place(servers=(wrong,)), wait_seconds=1.0)

    async with stream.kept(lambda told: None):
        await until(lambda: "NATS cannot be reached" in caplog.text)

        assert not stream.is_connected
        assert "canary" not in caplog.text


async def test_the_permissions_on_the_operators_page_are_enough_and_no_more(
    sqlite_database: Database,
) -> None:
    (permissions,) = re.findall(r"permissions: {.*?}", OPERATORS.read_text(), re.DOTALL)
    with needed(jetstreams.server(permissions=permissions)) as running:
        place = Place(servers=(running.url,))
        async with over_nats(sqlite_database, place, lease=ENDED) as (bus, events):
            subscriber = await subscribed(sqlite_database)
            await publish(events, 1)
            (held,) = await bus.claim(subscriber, 10)
            await bus.renew([held.lease])
            assert await settle(bus, Outcome.DONE, held) == 1
            await asyncio.sleep(2 * ENDED.total_seconds())  # it would come again by then
            subject = bus._stream.subject("default", subscriber.id)
            assert await bus._stream.pull(subject, 9) == []

            with pytest.raises(StreamError):
                await bus._stream.publish("else.where", {"1": b""})


async def test_a_server_is_believed_only_with_a_certificate_of_whom_the_operator_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    authority, other = Authority(), Authority()
    pem, ours, theirs = tmp_path / "pem", tmp_path / "ours", tmp_path / "theirs"
    pem.write_bytes(authority.server_pem("127.0.0.1"))
    ours.write_bytes(authority.certificate_pem)
    theirs.write_bytes(other.certificate_pem)
    tls = f'tls {{ cert_file: "{pem}", key_file: "{pem}" }}'
    with needed(jetstreams.server(tls)) as running:

        def opened(ca_file: Path | None) -> tuple[JetStream, AbstractAsyncContextManager[None]]:
            url = running.url.replace("nats://", "tls://")
            stream = JetStream(Place(servers=(url,), ca_file=ca_file), wait_seconds=1.0)
            return stream, stream.kept(lambda told: None)

        stream, kept = opened(ours)
        async with kept:
            await until(lambda: stream.is_connected)
        stream, kept = opened(theirs)
        async with kept:
            await until(lambda: "NATS cannot be reached" in caplog.text)
            assert not stream.is_connected


async def test_a_server_that_wants_nothing_encrypted_is_told_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    heard: list[bytes] = []

    async def pretend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"version":"2.9.10","max_payload":1048576}\r\n')
        heard.append(await reader.read())
        writer.close()

    server = await asyncio.start_server(pretend, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    place = Place(servers=(f"tls://u:canary@127.0.0.1:{port}",))
    stream = JetStream(place, wait_seconds=1.0)

    async with server, stream.kept(lambda told: None):
        await until(lambda: heard)

        assert heard[0] == b""
        assert "secure connection not available" in caplog.text
        assert "canary" not in caplog.text


@pytest.mark.parametrize(
    ("place", "told"),
    [
        (Place(servers=("",)), "WARDIAN_NATS_URL"),
        (Place(servers=("http://u:canary@localhost",)), "WARDIAN_NATS_URL"),
        (Place(servers=("nats://u:canary@localhost:x",)), "WARDIAN_NATS_URL"),
        (Place(servers=("nats://localhost", "localhost")), "WARDIAN_NATS_URL"),
        (Place(servers=("nats://[::1",)), "WARDIAN_NATS_URL"),
        (
            Place(servers=("nats://localhost",), credentials_file=Path("/nowhere")),
            "WARDIAN_NATS_CREDENTIALS_FILE",
        ),
        (Place(servers=("tls://localhost",), ca_file=Path("/nowhere")), "WARDIAN_NATS_CA_FILE"),
    ],
    ids=repr,
)
def test_a_place_that_cannot_be_used_is_refused_at_once(place: Place, told: str) -> None:
    with pytest.raises(HostUnusable, match=told) as refused:
        JetStream(place, wait_seconds=1.0)

    assert "canary" not in str(refused.value)


async def test_without_the_package_the_host_says_what_to_install(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wardian.bootstrap.events.HAS_NATS", False)

    with pytest.raises(HostUnusable, match=r"wardian\[nats\]"):
        make_events(sqlite_database, Settings(event_bus=EventBusKind.NATS))
