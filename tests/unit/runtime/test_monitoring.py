"""Monitor mode: what is counted, written down, bounded and kept through faults."""

from __future__ import annotations

import asyncio
import contextlib
import tracemalloc
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hosts import FakeHost, fake_host, package
from rows import add_plugin, plugin_row
from wardian.errors import NotFound, WardianError
from wardian.policy.grants import Authority, Layer
from wardian.policy.permissions import Permission, parse_permission
from wardian.runtime.executor.job import HostCalls
from wardian.runtime.monitoring import DISTINCT_PER_LAYER, Monitoring
from wardian.storage import Database
from wardian.storage.plugins import PluginRepository
from wardian.storage.rows import PermissionUseRow, PluginRow

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("on_both_databases")]

Arguments = Mapping[str, Any]

READ = ("kv", "get", ["n"])
WRITE = ("kv", "set", ["n", "v", None])

ANY_TOPIC = Authority(
    asked=(Permission("events:publish", "*"),),
    granted=(Permission("events:publish", "orders.*"),),
)


async def ask(arguments: Arguments, answer: HostCalls) -> Any:
    """Make the host calls that the arguments list."""
    return [await answer(*each) for each in arguments["calls"]]


async def called(made: FakeHost, *calls: tuple[str, str, list[Any]], call_id: str = "c") -> None:
    await made.host.call("stores", "ask", {"calls": calls}, call_id=call_id)


async def counted(made: FakeHost) -> dict[tuple[str, str], int]:
    view = await made.host.permission_uses("stores")
    return {(use.permission, use.refused_by): use.uses for use in view.uses}


def note(monitoring: Monitoring, row: PluginRow, text: str, layer: Layer | None = None) -> None:
    observer = monitoring.observer(row.tenant, row.id, "call")
    observer(parse_permission(text), layer, ANY_TOPIC)


async def kept(database: Database, monitoring: Monitoring, row: PluginRow) -> dict[str, int]:
    return {each.permission: each.uses for each in await monitoring.uses(row.tenant, row.id)}


async def test_uses_and_denials_are_counted_only_while_a_plugin_is_monitored(
    tmp_path: Path,
) -> None:
    async with fake_host(tmp_path, {"ask": ask}) as made:
        await made.host.install(package(), grants=["kv:read"])
        await called(made, READ, WRITE)
        assert await counted(made) == {}

        await made.host.set_monitored("stores", True)
        await called(made, READ, WRITE, READ)
        await called(made, ("events", "publish", ["bills.new", "1", None]), call_id="last")
        await made.host.set_monitored("stores", False)
        await called(made, READ, WRITE)

        assert await counted(made) == {
            ("kv:read", ""): 2,
            ("kv:write", "grant"): 1,
            ("events:publish:bills.new", "manifest"): 1,
        }
        view = await made.host.permission_uses("stores")
        assert view.monitored is False
        assert [use.last_call_id for use in view.uses] == ["last", "c", "c"]
        assert all(use.first_at <= use.last_at for use in view.uses)


async def test_monitoring_begins_and_ends_within_calls_that_are_running(tmp_path: Path) -> None:
    async def run(arguments: Arguments, answer: HostCalls) -> None:
        await answer(*READ)
        await made.host.set_monitored("stores", True)
        await answer(*READ)
        await made.host.set_monitored("stores", False)
        await answer(*READ)

    async with fake_host(tmp_path, {"run": run}) as made:
        await made.host.install(package())
        await made.host.call("stores", "run", {})

        assert await counted(made) == {("kv:read", "grant"): 1}


async def test_what_was_counted_outlives_the_host_and_adds_up(tmp_path: Path) -> None:
    for expected in (1, 2):
        async with fake_host(tmp_path, {"ask": ask}) as made:
            if expected == 1:
                await made.host.install(package())
                await made.host.set_monitored("stores", True)
            await called(made, READ)
        async with fake_host(tmp_path, {"ask": ask}) as made:
            assert (await made.host.grants("stores")).monitored is True
            assert await counted(made) == {("kv:read", "grant"): expected}


async def test_clearing_forgets_what_is_written_and_what_is_not(tmp_path: Path) -> None:
    async with fake_host(tmp_path, {"ask": ask}) as made:
        await made.host.install(package())
        await made.host.set_monitored("stores", True)
        await called(made, READ)
        await made.parts.monitoring.flush()
        await called(made, WRITE)

        await made.host.clear_permission_uses("stores")

        assert await counted(made) == {}
        await called(made, WRITE)
        assert await counted(made) == {("kv:write", "grant"): 1}


async def test_changes_of_monitoring_are_events_that_say_who_made_them(tmp_path: Path) -> None:
    async with fake_host(tmp_path) as made:
        await made.host.install(package())
        for _ in range(2):
            await made.host.set_monitored("stores", True, actor="ada")
        await made.host.clear_permission_uses("stores", actor="ada")

        told = await made.host.events.recent(2, "plugin.*", tenant="default")
        assert [event.topic for event in told] == ["plugin.uses-cleared", "plugin.monitored"]
        assert told[1].value() == {"plugin": "stores", "actor": "ada", "monitored": True}


@pytest.mark.parametrize("monitored", [True, False])
async def test_a_plugin_that_is_not_there_is_not_found(tmp_path: Path, monitored: bool) -> None:
    async with fake_host(tmp_path) as made:
        await made.host.tenants.create("acme")
        await made.host.install(package())
        for verb in (
            made.host.set_monitored("stores", monitored, tenant="acme"),
            made.host.permission_uses("stores", tenant="acme"),
            made.host.clear_permission_uses("stores", tenant="acme"),
            made.host.suggest_permissions("stores", tenant="acme"),
        ):
            with pytest.raises(NotFound):
                await verb


async def test_what_cannot_be_written_stays_counted(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    row, monitoring = await add_plugin(database), Monitoring(database)
    note(monitoring, row, "events:publish:orders.a")
    note(monitoring, row, "events:publish:orders.b")

    with monkeypatch.context() as patched:
        patched.setattr("wardian.storage.permission_uses.PermissionUseRepository.add", _disk_full)
        await monitoring.flush()
        note(monitoring, row, "events:publish:orders.b")
        await monitoring.flush()

    assert "could not be written" in caplog.text
    assert await kept(database, monitoring, row) == {
        "events:publish:orders.a": 1,
        "events:publish:orders.b": 2,
    }


async def _disk_full(*arguments: object) -> None:
    raise WardianError("The disk is full.")


async def test_a_reader_who_goes_away_takes_no_counts_along(database: Database) -> None:
    row, monitoring = await add_plugin(database), Monitoring(database)

    for steps in range(25):
        note(monitoring, row, "events:publish:orders.a")
        reading = asyncio.create_task(monitoring.uses(row.tenant, row.id))
        for _ in range(steps):
            await asyncio.sleep(0)
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reading

    assert await kept(database, monitoring, row) == {"events:publish:orders.a": 25}


async def test_uses_of_a_plugin_that_is_gone_are_dropped_and_hold_up_no_others(
    database: Database,
) -> None:
    gone, row = await add_plugin(database), await add_plugin(database, plugin_row("other"))
    monitoring = Monitoring(database)
    note(monitoring, gone, "kv:read")
    note(monitoring, row, "kv:read")
    async with database.transaction() as connection:
        await PluginRepository(connection, gone.tenant).remove(gone.id)

    assert await kept(database, monitoring, row) == {"kv:read": 1}
    assert await kept(database, monitoring, gone) == {}


@pytest.mark.parametrize(
    ("layer", "pattern"),
    [
        (None, "events:publish:orders.*"),
        (Layer.GRANT, "events:publish:*"),
        (Layer.MANIFEST, "events:publish:*"),
    ],
)
@pytest.mark.parametrize("flushing", [True, False])
async def test_beyond_so_many_targets_the_pattern_that_judged_them_counts(
    database: Database, layer: Layer | None, pattern: str, flushing: bool
) -> None:
    row, monitoring = await add_plugin(database), Monitoring(database)

    for number in range(DISTINCT_PER_LAYER + 50):
        note(monitoring, row, f"events:publish:orders.t{number}", layer)
        if flushing and number % 60 == 0:
            await monitoring.flush()

    found = await kept(database, monitoring, row)
    assert len(found) == DISTINCT_PER_LAYER + 1
    assert found[pattern] == 50
    assert sum(found.values()) == DISTINCT_PER_LAYER + 50


async def test_a_flood_of_denials_displaces_no_use(database: Database) -> None:
    row, monitoring = await add_plugin(database), Monitoring(database)
    for number in range(5 * DISTINCT_PER_LAYER):
        note(monitoring, row, f"events:publish:noise.t{number}", Layer.MANIFEST)
    await monitoring.flush()

    note(monitoring, row, "events:publish:orders.real")

    assert (await kept(database, monitoring, row))["events:publish:orders.real"] == 1


async def test_neither_memory_nor_rows_grow_with_what_a_guest_makes_up(
    database: Database,
) -> None:
    row, monitoring = await add_plugin(database), Monitoring(database)
    observer = monitoring.observer(row.tenant, row.id, "call")
    tracemalloc.start()
    try:
        for number in range(1_000):
            observer(Permission("events:publish", f"orders.{number:0>480}"), None, ANY_TOPIC)
        before, _ = tracemalloc.get_traced_memory()
        for number in range(100_000):
            observer(Permission("events:publish", f"orders.{number:0>480}"), None, ANY_TOPIC)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert after - before < 100_000
    rows: list[PermissionUseRow] = await monitoring.uses(row.tenant, row.id)
    assert len(rows) == DISTINCT_PER_LAYER + 1
    assert sum(each.uses for each in rows) == 101_000


async def test_a_call_id_of_a_caller_s_own_is_shortened(database: Database) -> None:
    row, monitoring = await add_plugin(database), Monitoring(database)
    monitoring.observer(row.tenant, row.id, "x" * 5_000)(
        parse_permission("kv:read"), None, ANY_TOPIC
    )

    (use,) = await monitoring.uses(row.tenant, row.id)
    assert use.last_call_id == "x" * 200
