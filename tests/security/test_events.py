"""B-10: storms and circles of events: counted, bounded, and none of the other tenants' business."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from guests.handlers import handling
from packages import package
from security import hostile
from wardian import Settings, open_host
from wardian.errors import NotFound, Trap
from wardian.policy.levels import LEVELS, Level
from wardian.runtime.host import PluginHost

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("on_every_bus")]

ASKING = """
sandbox_level = "{level}"

[[permissions]]
permission = "events:publish:orders.*"
reason = "Tells, and tells."
"""


@pytest.mark.usefixtures("on_both_databases")
async def test_b10_two_plugins_that_answer_each_other_stop_at_the_last_hop_and_it_is_told(
    tmp_path: Path,
) -> None:
    settings = Settings(data_dir=tmp_path / "data", event_hops_max=8)
    async with asyncio.timeout(60), open_host(settings) as host:
        await host.tenants.create("acme")
        await host.install(handling("works", "loop.*"), grants="all", tenant="acme")
        await host.install(handling("a", "loop.a", "loop.b"), grants="all")
        await host.install(handling("b", "loop.b", "loop.a"), grants="all")

        first = await host.bus.publish("loop.a", "go")
        await host.bus.publish("loop.a", "go", tenant="acme")
        for tenant in ("default", "acme"):
            await settled(host, tenant)

        events = await host.events.recent(100, "loop.*", tenant="default")
        assert [event.hops for event in reversed(events)] == list(range(9))
        assert [event.plugin for event in reversed(events)] == [None, *("a", "b") * 4]
        assert {event.origin for event in events} == {first.id}
        assert {event.correlation_id for event in events} == {first.correlation_id}
        await host._parts.delivering.drops.flush()
        (dropped,) = await host.events.recent(1, "event.dropped", tenant="default")
        assert (dropped.value()["reason"], dropped.value()["count"]) == ("hops", 1)
        assert b'wardian_events_dropped_total{plugin="a",reason="hops"' in await host.metrics()
        # The other tenant's plugin has had its event, and none of the circle's.
        assert len(await host.events.recent(100, "loop.*", tenant="acme")) == 1
        assert (await host.deliveries.dead(tenant="acme")).dead_letters == []


async def settled(host: PluginHost, tenant: str = "default") -> None:
    """Wait until no plugin has an event to handle."""
    while any(view.queued for view in await host.deliveries.subscribers(tenant=tenant)):
        await asyncio.sleep(0.01)


@pytest.mark.usefixtures("unhurried")
@pytest.mark.parametrize("level", [Level.STANDARD, Level.RESTRICTED, Level.ISOLATED])
async def test_b10_a_storm_of_events_ends_at_its_budget(tmp_path: Path, level: Level) -> None:
    async with open_host(Settings(data_dir=tmp_path / "data")) as host:
        storm = package("storm", hostile.publisher(), ASKING.format(level=level))
        await host.install(storm, grants="all")

        with pytest.raises(Trap) as caught:
            await host.call("storm", "go", {})

        limit = LEVELS[level].limits.events
        assert caught.value.usage is not None
        assert caught.value.usage.events == limit
        kept = await host.events.recent(limit + 1, "orders.*", tenant="default")
        assert len(kept) == limit


async def test_b10_a_storm_through_calls_is_stopped_at_its_rate_and_it_is_told(
    tmp_path: Path,
) -> None:
    settings = Settings(data_dir=tmp_path / "data", event_rate_max=1.0)
    async with open_host(settings) as host:
        storm = package("storm", hostile.publisher(), ASKING.format(level=Level.RESTRICTED))
        await host.install(storm, grants="all")

        for _ in range(2):
            with pytest.raises(Trap):
                await host.call("storm", "go", {})

        kept = await host.events.recent(1_000, "orders.*", tenant="default")
        assert 10 <= len(kept) < LEVELS[Level.RESTRICTED].limits.events
        assert b'reason="rate"' in await host.metrics()


async def test_b10_a_storm_to_a_plugin_that_never_succeeds_keeps_nothing_from_others(
    tmp_path: Path,
) -> None:
    settings = Settings(data_dir=tmp_path / "data", event_queue_max=20, event_retry_seconds=60)
    async with open_host(settings) as host:
        await host.tenants.create("acme")
        await host.install(handling("traps", "orders.*"), grants="all")
        await host.install(handling("works", "orders.*"), grants="all", tenant="acme")
        for _ in range(50):
            await host.events.publish("default", "orders.new", '"trap"')

        await host.events.publish("acme", "orders.new", '"ok"')

        async with asyncio.timeout(30):
            while any(each.queued for each in await host.deliveries.subscribers(tenant="acme")):
                await asyncio.sleep(0.01)
        (stuck,) = await host.deliveries.subscribers()
        assert (stuck.queued, stuck.dropped) == (20, 30)
        assert (await host.deliveries.dead(tenant="acme")).dead_letters == []


async def test_d1_who_knows_a_dead_letter_of_another_tenant_can_do_nothing_with_it(
    tmp_path: Path,
) -> None:
    async with open_host(Settings(data_dir=tmp_path / "data")) as host:
        await host.tenants.create("acme")
        await host.install(handling("rejects", "orders.*"), grants="all")
        await host.events.publish("default", "orders.new", '"junk"')
        async with asyncio.timeout(30):
            while not (page := await host.deliveries.dead()).dead_letters:
                await asyncio.sleep(0.01)
        (letter,) = page.dead_letters

        for change in (host.deliveries.requeue, host.deliveries.discard):
            with pytest.raises(NotFound):
                await change([letter.id], tenant="acme")

        assert (await host.deliveries.dead()).dead_letters == [letter]
        assert (await host.deliveries.dead(tenant="acme")).dead_letters == []
