"""Events through real plugins: what they answer, what they publish, and where that ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from guests.handlers import handling
from wardian import Settings, open_host
from wardian.runtime.host import PluginHost
from wardian.storage.kv import KvRepository

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("on_both_buses")]


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[PluginHost]:
    settings = Settings(data_dir=tmp_path / "data", event_retry_seconds=0.01, event_attempts_max=2)
    async with open_host(settings) as opened:
        yield opened


async def settled(host: PluginHost, tenant: str = "default") -> None:
    """Wait until no plugin has an event to handle."""
    async with asyncio.timeout(30):
        while any(view.queued for view in await host.deliveries.subscribers(tenant=tenant)):
            await asyncio.sleep(0.01)


async def counted(host: PluginHost, name: str, tenant: str = "default") -> int:
    plugin = await host._parts.registry.get(tenant, name)
    async with host._parts.database.reading() as connection:
        entry = await KvRepository(connection, tenant, plugin.id).get(b"n")
    return 0 if entry is None else int(entry.value)


async def test_a_real_plugin_handles_retries_rejects_and_traps(host: PluginHost) -> None:
    await host.install(handling("counts", "orders.*"), grants="all")

    for data in ('"ok"', '"retry"', '"junk"', '"trap"'):
        await host.events.publish("default", "orders.new", data)
    await settled(host)

    assert await counted(host, "counts") == 1
    page = await host.deliveries.dead()
    assert {(each.data, each.attempts) for each in page.dead_letters} == {
        ("retry", 2), ("junk", 1), ("trap", 2),
    }  # fmt: skip


async def test_two_plugins_that_answer_each_other_for_ever_are_stopped_and_it_is_told(
    host: PluginHost,
) -> None:
    await host.install(handling("a", "loop.a", "loop.b"), grants="all")
    await host.install(handling("b", "loop.b", "loop.a"), grants="all")

    first = await host.events.publish("default", "loop.a", '"go"')
    await settled(host)

    events = await host.events.recent(100, "loop.*", tenant="default")
    assert [event.hops for event in reversed(events)] == list(range(9))
    assert {event.origin for event in events} == {first.id}
    assert {event.correlation_id for event in events} == {first.correlation_id}
    assert await counted(host, "a") + await counted(host, "b") == 9
    await host._parts.delivering.drops.flush()
    (dropped,) = await host.events.recent(1, "event.dropped", tenant="default")
    assert dropped.value()["reason"] == "hops"
    assert b'wardian_events_dropped_total{plugin="a",reason="hops"' in await host.metrics()


async def test_an_upgraded_plugin_goes_on_with_the_events_that_waited(host: PluginHost) -> None:
    await host.install(handling("counts", "orders.*"), grants="all")
    await host.deliveries.set_paused("counts", True)
    for _ in range(3):
        await host.events.publish("default", "orders.new", '"ok"')

    await host.upgrade(handling("counts", "orders.*", version="1.1.0"))
    await host.deliveries.set_paused("counts", False)
    await settled(host)

    assert await counted(host, "counts") == 3


async def test_a_plugin_is_told_of_what_happens_to_others_if_it_may_be(host: PluginHost) -> None:
    await host.install(handling("watches", "plugin.*"), grants="all")

    await host.install(handling("counts", "orders.*"), grants="all")
    await settled(host)

    assert await counted(host, "watches") > 0


async def test_a_plugin_of_another_tenant_hears_nothing(host: PluginHost) -> None:
    await host.tenants.create("acme")
    await host.install(handling("spies", "*"), grants="all", tenant="acme")
    await settled(host, "acme")
    of_its_own = await counted(host, "spies", "acme")

    event = await host.events.publish("default", "orders.new", '"secret"')
    await settled(host, "acme")

    assert event.offered.queued == ()
    assert await counted(host, "spies", "acme") == of_its_own > 0
    assert await host.events.recent(10, "orders.*", tenant="acme") == []
