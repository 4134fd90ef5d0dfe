"""Two hosts on one PostgreSQL: what is changed on one holds on the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import credentials
import postgres
from fakes import Body
from guests.handlers import HANDLE
from hosts import MANIFEST, WASM, FakeHost, fake_host, package
from schedules import Clock, hourly, scheduled, scheduling_of
from wardian.crypto.digests import sha256_hex
from wardian.errors import Conflict, SignatureInvalid, Unauthenticated
from wardian.plugins.archive import write_archive
from wardian.runtime.executor.job import HostCalls
from wardian.storage.rows import UpgradeRow, now
from wardian.storage.upgrades import UpgradeRepository

pytestmark = pytest.mark.anyio

Pair = tuple[FakeHost, FakeHost]

HEARD_SECONDS = 10.0
"""How long a test waits for what takes some milliseconds; the machine may be busy."""


async def step(arguments: Mapping[str, Any], answer: HostCalls) -> Any:
    """What a guest finds in its configuration."""
    return await answer("config", "get", ["step"])


async def keep(arguments: Mapping[str, Any], answer: HostCalls) -> Any:
    return await answer("kv", "set", ["key", "value", None])


SUBSCRIBES = """
[[permissions]]
permission = "events:subscribe:orders.*"
reason = "Handles orders."
"""


def newer() -> bytes:
    text = MANIFEST.format(name="stores", more="").replace("1.0.0", "1.1.0")
    return write_archive({"plugin.toml": text.encode(), "plugin.wasm": WASM + b"\0"})


class Insisting:
    """A guest that keeps something again and again within one call, for as long as it may."""

    def __init__(self) -> None:
        self.has_begun = asyncio.Event()

    async def __call__(self, arguments: Mapping[str, Any], answer: HostCalls) -> Any:
        while (found := await keep(arguments, answer))["tag"] == "ok":
            self.has_begun.set()
        return found


@pytest.fixture
def insisting() -> Insisting:
    return Insisting()


class Staying:
    """A guest that never ends by itself."""

    def __init__(self) -> None:
        self.has_begun = asyncio.Event()

    async def __call__(self, arguments: Mapping[str, Any], answer: HostCalls) -> None:
        self.has_begun.set()
        await asyncio.Event().wait()


@pytest.fixture
def staying() -> Staying:
    return Staying()


@pytest.fixture
def handled() -> asyncio.Queue[str]:
    """The data of events that a plugin was given, on whichever host."""
    return asyncio.Queue()


@pytest.fixture
async def pair(
    postgres_url: str,
    tmp_path: Path,
    insisting: Insisting,
    staying: Staying,
    handled: asyncio.Queue[str],
) -> AsyncIterator[Pair]:
    async def handle(arguments: Mapping[str, Any], answer: HostCalls) -> None:
        handled.put_nowait(arguments["event"]["data"])

    functions = {
        "step": step,
        "keep": keep,
        "insist": insisting,
        "stay": staying,
        HANDLE: handle,
    }
    async with (
        one_more(postgres_url, tmp_path, "one", functions) as one,
        one_more(postgres_url, tmp_path, "other", functions) as other,
    ):
        yield one, other


@asynccontextmanager
async def one_more(
    url: str, folder: Path, name: str, functions: Mapping[str, Body]
) -> AsyncIterator[FakeHost]:
    async with fake_host(
        folder / name,
        functions,
        database_url=url,
        packages_dir=folder / "packages",
        root_key=f"file:{folder / 'one' / 'root.key'}" if name != "one" else None,
    ) as made:
        async with asyncio.timeout(HEARD_SECONDS):
            await made.relay.listens.wait()
        yield made


@asynccontextmanager
async def heard(host: FakeHost, topic: str) -> AsyncIterator[None]:
    """Leave the block once ``host`` has heard of an event, whoever recorded it."""
    event = asyncio.Event()
    stop = host.parts.events.subscribe(topic, lambda _: event.set())
    yield
    async with asyncio.timeout(HEARD_SECONDS):
        await event.wait()
    stop()


async def test_a_plugin_installed_on_one_is_called_on_the_other(pair: Pair) -> None:
    one, other = pair
    await one.host.install(package())

    outcome = await other.host.call("stores", "step", {})

    assert outcome.result == {"tag": "ok", "val": "3"}


async def test_configuration_set_on_one_is_what_the_other_has(pair: Pair) -> None:
    one, other = pair
    await one.host.install(package())
    await other.host.call("stores", "step", {})

    async with heard(other, "plugin.configured"):
        await one.host.set_config("stores", {"step": 8})

    assert (await other.host.call("stores", "step", {})).result == {"tag": "ok", "val": "8"}


async def test_a_grant_revoked_on_one_is_no_right_on_the_other(pair: Pair) -> None:
    one, other = pair
    await one.host.install(package(), grants="all")
    assert (await other.host.call("stores", "keep", {})).result["tag"] == "ok"

    async with heard(other, "plugin.granted"):
        await one.host.set_grants("stores", [])

    refused = (await other.host.call("stores", "keep", {})).result
    assert refused["val"]["tag"] == "denied"


async def test_a_call_that_is_running_on_the_other_feels_it_too(
    pair: Pair, insisting: Insisting
) -> None:
    one, other = pair
    await one.host.install(package(), grants="all")
    call = asyncio.create_task(other.host.call("stores", "insist", {}))
    await insisting.has_begun.wait()

    await one.host.set_grants("stores", [])

    assert (await call).result["val"]["tag"] == "denied"


async def quarantined(host: FakeHost) -> None:
    plugin = await host.parts.registry.get("default", "stores")
    assert await host.parts.lifecycle.quarantine(plugin, "it crashes")


STOPPED = {
    "disabled": lambda host: host.host.disable("stores"),
    "uninstalled": lambda host: host.host.uninstall("stores"),
    "quarantined": quarantined,
}
"""How a plugin is stopped, by what it is called afterwards."""


@pytest.mark.parametrize("which", [0, 1], ids=["here", "on another host"])
@pytest.mark.parametrize("state", STOPPED)
async def test_a_call_that_is_running_ends_when_its_plugin_is_stopped(
    pair: Pair, staying: Staying, state: str, which: int
) -> None:
    await pair[0].host.install(package())
    call = asyncio.create_task(pair[1].host.call("stores", "stay", {}))
    await staying.has_begun.wait()

    await STOPPED[state](pair[1 - which])

    with pytest.raises(Conflict, match=f"stores was {state} while this call was running"):
        await call


async def test_a_call_of_what_is_revoked_on_another_host_ends_with_that_reason(
    pair: Pair, staying: Staying
) -> None:
    one, other = pair
    await one.host.install(package())
    call = asyncio.create_task(other.host.call("stores", "stay", {}))
    await staying.has_begun.wait()

    await one.parts.policies.set(unsigned="refuse", stale="warn")

    with pytest.raises(SignatureInvalid):
        await call


async def test_calls_of_others_go_on_when_a_plugin_is_stopped(pair: Pair, staying: Staying) -> None:
    one, other = pair
    await one.host.install(package())
    await one.host.install(package("beside"))
    call = asyncio.create_task(other.host.call("beside", "stay", {}))
    await staying.has_begun.wait()

    async with heard(other, "plugin.uninstalled"):
        await one.host.uninstall("stores")
    await other.host.call("beside", "step", {})
    assert not call.done()

    await one.host.disable("beside")
    with pytest.raises(Conflict, match="beside was disabled"):
        await call


async def test_what_a_running_call_needs_is_recorded_as_soon_as_another_host_says_so(
    pair: Pair, insisting: Insisting
) -> None:
    one, other = pair
    await one.host.install(package(), grants="all")
    call = asyncio.create_task(other.host.call("stores", "insist", {}))
    await insisting.has_begun.wait()

    async with heard(other, "plugin.monitored"):
        await one.host.set_monitored("stores", True)
    insisting.has_begun.clear()
    await insisting.has_begun.wait()
    await one.host.set_grants("stores", [])
    await call
    await other.parts.monitoring.flush()

    used = {use.permission for use in (await one.host.permission_uses("stores")).uses}
    assert "kv:write" in used


async def test_an_upgrade_on_one_is_the_version_of_the_other(pair: Pair) -> None:
    one, other = pair
    await one.host.install(package())
    await other.host.call("stores", "step", {})

    async with heard(other, "plugin.upgraded"):
        await one.host.upgrade(newer())

    await other.host.call("stores", "step", {})
    assert other.executor.jobs[-1].digest == sha256_hex(WASM + b"\0")
    assert (await other.host.plugin("stores")).version == "1.1.0"


async def test_an_api_key_revoked_on_one_opens_nothing_on_the_other(pair: Pair) -> None:
    one, other = pair
    made = await one.parts.keys.create("ci", ["call"], "default")
    assert (await other.parts.keys.authenticate(made.token)).key_name == "ci"

    await one.parts.keys.revoke(made.id, "default")

    async with asyncio.timeout(HEARD_SECONDS):
        while await opens(other, made.token):
            await asyncio.sleep(0.001)


async def opens(host: FakeHost, token: str) -> bool:
    try:
        await host.parts.keys.authenticate(token)
    except Unauthenticated:
        return False
    return True


async def test_a_new_secret_on_one_is_looked_for_in_traffic_on_the_other(pair: Pair) -> None:
    one, other = pair
    assert await other.parts.vault.secrets("default") == ()

    async with heard(other, "credential.set"):
        await credentials.put(one.parts.vault, "github")

    (secret,) = await other.parts.vault.secrets("default")
    assert secret.reveal() == credentials.CANARY


async def test_a_policy_set_on_one_is_held_to_by_the_other(pair: Pair) -> None:
    one, other = pair
    await other.parts.trust.of("default")

    async with heard(other, "trust.changed"):
        await one.parts.policies.set(unsigned="refuse", stale="warn")

    assert (await other.parts.trust.of("default")).policy.unsigned == "refuse"


async def test_nothing_is_missed_while_the_connection_is_lost(
    pair: Pair, postgres_server: postgres.Server, postgres_url: str
) -> None:
    one, other = pair
    await one.host.install(package())
    await other.host.call("stores", "step", {})

    async with heard(other, "plugin.configured"):
        await postgres_server.end_connections(postgres_url)
        await one.host.set_config("stores", {"step": 8})

    assert (await other.host.call("stores", "step", {})).result == {"tag": "ok", "val": "8"}


async def test_an_event_published_on_one_is_heard_once_by_each(pair: Pair) -> None:
    one, other = pair
    told: list[str] = []
    one.parts.events.subscribe("*", lambda event: told.append(event.topic))

    async with heard(other, "orders.new"):
        await one.parts.events.publish("default", "orders.new", "1")
    async with heard(one, "orders.paid"):  # what came before it in the outbox was seen by then
        await other.parts.events.publish("default", "orders.paid", "1")

    assert told == ["orders.new", "orders.paid"]


async def test_an_event_published_on_one_is_handled_by_a_plugin_on_the_other(
    pair: Pair, handled: asyncio.Queue[str]
) -> None:
    one, other = pair
    await one.host.install(package(more=SUBSCRIBES), grants="all")

    async with other.parts.delivering.kept():
        await one.parts.events.publish("default", "orders.new", "1", source="app:shop")
        async with asyncio.timeout(HEARD_SECONDS):
            assert await handled.get() == "1"


async def test_of_two_hosts_one_runs_each_tick_and_a_pause_on_one_holds_on_the_other(
    pair: Pair,
) -> None:
    clock = Clock()
    hosts = [scheduling_of(each.parts, clock) for each in pair]
    await pair[0].host.install(scheduled(hourly(function="step")))
    await asyncio.gather(*(each.scheduler.run_due() for each in hosts))

    for ticks in range(1, 9):
        clock.goes_on(hours=1)
        await asyncio.gather(*(each.scheduler.run_due() for each in hosts))
        assert sum(len(each.executor.jobs) for each in pair) == ticks

    await hosts[0].schedules.set_paused("works", "hourly", True)
    clock.goes_on(hours=1)
    await hosts[1].scheduler.run_due()
    assert sum(len(each.executor.jobs) for each in pair) == 8
    (view,) = await hosts[1].schedules.all()
    assert view.state == "paused"


async def test_a_schedule_upgraded_on_one_is_never_run_by_the_other_as_it_was(pair: Pair) -> None:
    clock = Clock()
    hosts = [scheduling_of(each.parts, clock) for each in pair]
    await pair[0].host.install(scheduled(hourly(function="step")))
    await asyncio.gather(*(each.scheduler.run_due() for each in hosts))

    later = hourly(function="step").replace("0 * * * *", "30 * * * *")
    await pair[0].host.upgrade(scheduled(later, version="1.1.0"))
    clock.goes_on(hours=1)
    await hosts[1].scheduler.run_due()  # whether or not it has heard of that

    assert pair[1].executor.jobs == []


async def test_a_host_goes_on_listening_whatever_went_wrong_with_what_it_heard(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = pair
    failures = iter([RuntimeError("as a fault of ours would")])

    def hear() -> None:
        for failure in failures:
            raise failure

    monkeypatch.setattr(other.relay, "_heard", hear)
    async with heard(other, "orders.new"):
        await one.parts.events.publish("default", "orders.new", "1")

    assert next(failures, None) is None


async def test_however_much_was_missed_all_of_it_is_heard_in_order(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = pair
    monkeypatch.setattr("wardian.events.relay._PAGE", 2)
    told: list[str] = []
    other.parts.events.subscribe("orders.*", lambda event: told.append(event.data))

    async with heard(other, "orders.end"):
        async with one.parts.database.transaction() as connection:
            for number in range(5):
                await one.parts.events.record(
                    connection, "default", "orders.new", number, correlation_id="c"
                )
        await one.parts.events.publish("default", "orders.end", "5")

    assert told == list("012345")


async def test_of_two_installs_at_once_one_is_refused(pair: Pair) -> None:
    found = await asyncio.gather(
        *(each.host.install(package()) for each in pair), return_exceptions=True
    )

    assert sorted(type(each).__name__ for each in found) == ["Conflict", "PluginView"]
    assert (await pair[0].host.call("stores", "step", {})).result["tag"] == "ok"


async def test_a_host_that_starts_leaves_the_upgrades_of_a_living_one_alone(pair: Pair) -> None:
    one, other = pair
    await one.host.install(package())
    plugin = await one.parts.registry.get("default", "stores")
    row = UpgradeRow(
        id="0" * 36, plugin_id=plugin.id, kind="upgrade", from_version="1.0.0", to_version="1.1.0",
        from_package=plugin.package_digest, to_package=plugin.package_digest, actor="test",
        started_at=now(), report={"arrived": False},
    )  # fmt: skip

    async with one.parts.lifecycle.lock("default", "stores"):
        async with one.parts.database.transaction() as connection:
            await UpgradeRepository(connection, "default").add(row)
        await other.parts.upgrader.recover("default")
        assert await outcome_of(other, row) == "running"

    await other.parts.upgrader.recover("default")
    assert await outcome_of(other, row) == "rolled-back"


async def outcome_of(host: FakeHost, row: UpgradeRow) -> str:
    async with host.parts.database.reading() as connection:
        found = await UpgradeRepository(connection, "default").find(row.id)
        assert found is not None
        return found.outcome
