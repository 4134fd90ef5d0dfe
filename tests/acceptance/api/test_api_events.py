"""Events over HTTP: published, listed, streamed; dead letters."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from copy import copy
from typing import Any

import httpx
import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

import postgres
from apis import Connect, clients, serving
from guests.handlers import handling
from packages import KEY
from wardian.api.app import app_over
from wardian.api.streams import Streams, Wanted
from wardian.bootstrap import open_host
from wardian.events import AppLimits, EventBus
from wardian.runtime.host import PluginHost
from wardian.settings import Settings

pytestmark = pytest.mark.anyio

EVENTS = "/api/v1/events"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest) -> postgres.Server | None:
    """The server of these tests' own host; None where that has a file."""
    is_file = request.param == "sqlite"
    return None if is_file else request.getfixturevalue("postgres_server")


@pytest.fixture(scope="module")
async def database_url(
    server: postgres.Server | None, anyio_backend: str
) -> AsyncIterator[str | None]:
    if server is None:
        yield None
        return
    async with server.lent() as url:
        yield url


@pytest.fixture(scope="module")
def own(database_url: str | None, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("events") / "state"
    return Settings(data_dir=folder, database_url=database_url, bootstrap_key=KEY, workers_max=2)


@pytest.fixture(scope="module")
async def host(own: Settings) -> AsyncIterator[PluginHost]:
    async with open_host(own) as opened:
        yield opened


@pytest.fixture(scope="module")
def connect(host: PluginHost, own: Settings) -> Connect:
    return clients(host, own)


@pytest.fixture(scope="module")
async def served(host: PluginHost, own: Settings) -> AsyncIterator[tuple[str, int]]:
    async with serving(host, own) as address:
        yield address


async def published(client: httpx.AsyncClient, topic: str, data: Any, **more: Any) -> Any:
    answer = await client.post(EVENTS, json={"topic": topic, "data": data, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_an_event_is_published_and_listed_as_a_cloud_event(admin: httpx.AsyncClient) -> None:
    event = await published(admin, "shop.opened", {"at": [1, "é"]}, key="k 1")

    listed = (await admin.get(EVENTS, params={"topic": "shop.*"})).json()
    assert listed["events"][0] == event
    assert event["specversion"] == "1.0"
    assert (event["type"], event["partitionkey"]) == ("shop.opened", "k 1")
    assert event["source"].startswith("app:")
    parsed = JSONFormat().read(CloudEvent, json.dumps(event))
    assert parsed.get_data() == {"at": [1, "é"]}
    assert parsed.get_type() == "shop.opened"


async def test_events_are_listed_a_page_at_a_time(admin: httpx.AsyncClient) -> None:
    for number in range(3):
        await published(admin, "pages.new", number)

    first = (await admin.get(EVENTS, params={"topic": "pages.*", "limit": 2})).json()
    query = {"topic": "pages.*", "limit": 2, "before": first["next"]}
    second = (await admin.get(EVENTS, params=query)).json()

    assert [event["data"] for event in first["events"]] == [2, 1]
    assert [event["data"] for event in second["events"]] == [0]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"topic": "plugin.enabled"}, 403),
        ({"topic": "event.dropped"}, 403),
        ({"topic": "Not A Topic"}, 400),
        ({"topic": "orders.new", "key": ""}, 400),
        ({"topic": "orders.new", "tenant": "acme"}, 400),
        ({"topic": "orders.new", "data": "x" * 60_000, "source": "host"}, 400),
        ({}, 400),
    ],
)
async def test_what_is_no_event_of_an_app_is_refused(
    admin: httpx.AsyncClient, body: Any, status: int
) -> None:
    answer = await admin.post(EVENTS, json=body)

    assert answer.status_code == status


async def test_a_key_that_publishes_too_much_is_told_when_to_come_again(
    host: PluginHost, settings: Settings
) -> None:
    limited = EventBus(host.events, AppLimits(0.4))
    patched = app_over(_with_bus(host, limited), settings)
    transport = httpx.ASGITransport(app=patched)
    headers = {"Authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://host", headers=headers, trust_env=False
    ) as client:
        await published(client, "rate.new", 1)
        refused = await client.post(EVENTS, json={"topic": "rate.new", "data": 2})

    assert refused.status_code == 429
    assert refused.json()["type"].endswith("/rate-limited")
    assert int(refused.headers["Retry-After"]) == 10
    assert 'plugin="app:bootstrap",reason="rate"' in (await host.metrics()).decode()
    listed = await host.events.recent(9, "rate.*", tenant="default")
    assert [event.value() for event in listed] == [1]


def _with_bus(host: PluginHost, bus: EventBus) -> PluginHost:
    """The same host, with another bus in front of its events."""
    limited = copy(host)
    limited.bus = bus
    return limited


@asynccontextmanager
async def streamed(
    client: httpx.AsyncClient, headers: dict[str, str] | None = None, **query: Any
) -> AsyncIterator[AsyncIterator[tuple[int, Any]]]:
    async with client.stream("GET", f"{EVENTS}/stream", params=query, headers=headers) as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"].startswith("text/event-stream")

        async def messages() -> AsyncIterator[tuple[int, Any]]:
            number = -1
            async for line in answer.aiter_lines():
                if line.startswith("id: "):
                    number = int(line[4:])
                if line.startswith("data: "):
                    yield number, json.loads(line[6:])

        yield messages()


async def test_a_stream_tells_what_fits_and_goes_on_after_the_last_event(
    live: httpx.AsyncClient,
) -> None:
    async with asyncio.timeout(30), streamed(live, topic="live.*") as messages:
        await published(live, "other.new", 0)
        await published(live, "live.new", 1)
        number, event = await anext(messages)
        assert (event["data"], event["sequence"]) == (1, str(number))
    missed = [await published(live, "live.new", each) for each in (2, {"text": "a\nb"})]

    headers = {"Last-Event-ID": str(number)}
    async with asyncio.timeout(30), streamed(live, headers, topic="live.*") as messages:
        assert [await anext(messages) for _ in missed] == [
            (int(event["sequence"]), event) for event in missed
        ]


async def test_a_stream_from_a_sequence_begins_there(live: httpx.AsyncClient) -> None:
    first = await published(live, "begin.new", 1)
    await published(live, "begin.new", 2)

    async with asyncio.timeout(30), streamed(live, after=first["sequence"]) as messages:
        assert (await anext(messages))[1]["data"] == 2


@pytest.mark.parametrize("path", [EVENTS, f"{EVENTS}/stream"])
async def test_a_topic_that_is_no_pattern_is_refused_before_anything_is_sent(
    admin: httpx.AsyncClient, path: str
) -> None:
    for pattern in ("*a" * 101, "Orders", "%"):
        answer = await admin.get(path, params={"topic": pattern})
        assert answer.status_code == 400
        assert answer.json()["path"] == "topic"


@pytest.mark.parametrize(
    "position", ["x", "-1", "1.5", "9" * 19, "9" * 30, "0" * 20 + "9" * 30, "0" * 5_000, ""]
)
async def test_a_last_event_id_that_is_none_is_refused(
    admin: httpx.AsyncClient, position: str
) -> None:
    answer = await admin.get(f"{EVENTS}/stream", headers={"Last-Event-ID": position})

    assert answer.status_code == 400


async def test_data_with_line_breaks_of_its_own_is_one_message(
    host: PluginHost, live: httpx.AsyncClient
) -> None:
    before = await host.events.newest_position("default")
    await host.events.publish("default", "broken.lines", '{\n\n"id":\r\n1}')

    async with asyncio.timeout(30), streamed(live, after=before, topic="broken.*") as messages:
        assert (await anext(messages))[1]["data"] == {"id": 1}


async def test_streams_are_bounded_for_a_key_and_free_again_when_they_end(
    host: PluginHost,
) -> None:
    made = await host.keys.create("streams", ["read"], "default")
    caller = await host.keys.authenticate(made.token)
    streams = Streams(4)
    wanted = Wanted(tenant="default", pattern="*", after=0)

    async def holds() -> bool:
        return True

    first = streams.messages(host.events, caller, wanted, holds)
    await anext(first)
    with pytest.raises(Exception, match="as many as may be"):
        streams.check_room(caller)
    assert [each async for each in streams.messages(host.events, caller, wanted, holds)] == []
    await first.aclose()
    streams.check_room(caller)


async def test_every_stream_ends_when_the_host_does_or_its_key_is_revoked(
    host: PluginHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await host.keys.create("streams", ["read"], "default")
    caller = await host.keys.authenticate(made.token)
    streams = Streams(4)
    wanted = Wanted(tenant="default", pattern="none", after=await _newest(host))
    answers = iter([True, False])

    async def holds() -> bool:
        return next(answers)

    with monkeypatch.context() as patched:
        patched.setattr("wardian.api.streams.HEARTBEAT_SECONDS", 0.0)
        told = [each async for each in streams.messages(host.events, caller, wanted, holds)]
    assert [each.partition(b" ")[0] for each in told] == [b"retry:", b":"]

    stream = streams.messages(host.events, caller, wanted, holds)
    await anext(stream)
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    streams.close()
    with pytest.raises(StopAsyncIteration):
        await waiting


async def _newest(host: PluginHost) -> int:
    return await host.events.newest_position("default")


@pytest.fixture
async def live(served: tuple[str, int]) -> AsyncIterator[httpx.AsyncClient]:
    """An administrator's client over a socket, where what is streamed arrives as it is sent."""
    headers = {"Authorization": f"Bearer {KEY}"}
    url = f"http://{served[0]}:{served[1]}"
    async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False) as client:
        yield client


@pytest.fixture
async def other_tenant(host: PluginHost, connect: Connect) -> AsyncIterator[httpx.AsyncClient]:
    """An administrator of another tenant."""
    if "spies" not in {tenant.name for tenant in await host.tenants.list()}:
        await host.tenants.create("spies")
    made = await host.keys.create("spy", ["admin"], "spies")
    async with connect(made.token) as client:
        yield client


async def test_events_of_another_tenant_are_neither_listed_nor_requeued(
    host: PluginHost, admin: httpx.AsyncClient, other_tenant: httpx.AsyncClient
) -> None:
    await published(admin, "private.new", 1)

    listed = (await other_tenant.get(EVENTS, params={"topic": "private.*"})).json()

    assert listed["events"] == []
    assert (await other_tenant.get(f"{EVENTS}/dead")).json()["dead_letters"] == []


async def test_dead_letters_are_listed_requeued_and_discarded(
    host: PluginHost, admin: httpx.AsyncClient, other_tenant: httpx.AsyncClient
) -> None:
    await host.install(handling("rejects", "dead.*"), grants="all")
    try:
        for _ in range(2):
            await published(admin, "dead.new", "junk")
        letters = await _dead(admin, 2)

        foreign = await other_tenant.post(
            f"{EVENTS}/dead/requeue", json={"ids": [letters[0]["id"]]}
        )
        assert foreign.status_code == 404
        answer = await admin.post(f"{EVENTS}/dead/discard", json={"ids": [letters[0]["id"]]})
        assert answer.status_code == 204
        answer = await admin.post(f"{EVENTS}/dead/requeue", json={"ids": [letters[1]["id"]]})
        assert answer.status_code == 204

        (again,) = await _dead(admin, 1)
        assert again["id"] == letters[1]["id"]
        assert (again["plugin"], again["reason"], again["data"]) == ("rejects", '"junk"', "junk")
    finally:
        await host.uninstall("rejects")


async def test_a_subscriber_is_paused_and_resumed(
    host: PluginHost, admin: httpx.AsyncClient
) -> None:
    await host.install(handling("waits", "waits.*"), grants="all")
    try:
        await admin.post(f"{EVENTS}/subscribers/waits/pause")
        await published(admin, "waits.new", "ok")
        listed = (await admin.get(f"{EVENTS}/subscribers")).json()
        assert [(each["queued"], each["paused"]) for each in listed] == [(1, True)]
        await admin.post(f"{EVENTS}/subscribers/waits/resume")
        async with asyncio.timeout(30):
            while (await admin.get(f"{EVENTS}/subscribers")).json()[0]["queued"]:
                await asyncio.sleep(0.01)
    finally:
        await host.uninstall("waits")


async def _dead(client: httpx.AsyncClient, count: int) -> list[Any]:
    async with asyncio.timeout(30):
        while True:
            page = (await client.get(f"{EVENTS}/dead", params={"plugin": "rejects"})).json()
            if len(page["dead_letters"]) == count:
                found: list[Any] = page["dead_letters"]
                return found
            await asyncio.sleep(0.01)


async def test_what_a_request_changes_is_told_under_its_id(
    admin: httpx.AsyncClient, host: PluginHost
) -> None:
    body = {"name": "told", "scopes": ["read"]}
    made = await admin.post("/api/v1/keys", json=body, headers={"X-Request-ID": "order-7/2"})
    assert made.status_code == 201
    told = (await admin.get(EVENTS, params={"topic": "key.created", "limit": 1})).json()["events"]
    assert told[0]["correlationid"] == "order-7/2"
    await host.keys.create("by itself", ["read"], "default")
    told = (await admin.get(EVENTS, params={"topic": "key.created", "limit": 1})).json()["events"]
    assert told[0]["correlationid"] not in ("order-7/2", None)
