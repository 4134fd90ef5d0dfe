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

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("on_every_bus")]


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
