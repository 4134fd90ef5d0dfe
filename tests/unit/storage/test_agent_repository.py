"""What is stored of agents: settings, rules, measures, loads; of one tenant, on both databases."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from rows import add_plugin
from wardian.storage import Database
from wardian.storage.agents import (
    AgentRepository,
    AgentRow,
    LoadRow,
    MeasureRepository,
    MeasureRow,
    clock,
    forget_loads,
    loads_of_others,
    measures_after,
)
from wardian.storage.plugins import PluginRepository

pytestmark = pytest.mark.anyio


def measure(plugin_id: str, **more: Any) -> MeasureRow:
    row = MeasureRow(
        tenant="default",
        plugin_id=plugin_id,
        version="1.0.0",
        capability="summarize",
        as_of=1_700_000_000.25,
        good=1.5,
        bad=0.5,
        answered=2.0,
        failed=0.0,
        units=20.0,
        timed=2.0,
        latency_ms=200.0,
        asked=2,
        halvings=0.0,
        written_at=100.0,
    )
    return replace(row, **more)


async def test_what_an_operator_sets_is_there_until_it_is_set_back(database: Database) -> None:
    plugin = await add_plugin(database)
    row = AgentRow(plugin_id=plugin.id, overrides={"priority": 70}, paused=False)
    changed = AgentRow(plugin_id=plugin.id, overrides={}, paused=True)
    async with database.transaction() as connection:
        agents = AgentRepository(connection, "default")
        assert await agents.find(plugin.id) is None
        await agents.write(row, "key:ops")
        assert await agents.all() == {plugin.id: row}
        await agents.write(changed, "key:ops")
        assert await agents.find(plugin.id) == changed
        assert await AgentRepository(connection, "other").all() == {}
        await agents.write(AgentRow(plugin_id=plugin.id, overrides={}, paused=False), "key:ops")
        assert await agents.all() == {}


async def test_rules_are_a_tenants_own(database: Database) -> None:
    await add_plugin(database)
    async with database.transaction() as connection:
        agents = AgentRepository(connection, "default")
        assert await agents.rules() is None
        for rules in ({"default": "cheapest"}, {"default": "fastest"}):
            await agents.write_rules(rules, "key:ops")
            assert await agents.rules() == rules
        assert await AgentRepository(connection, "other").rules() is None
        await agents.write_rules(None, "key:ops")
        assert await agents.rules() is None


async def test_measures_are_added_changed_and_found_by_when_they_were_written(
    database: Database,
) -> None:
    plugin = await add_plugin(database)
    first = measure(plugin.id)
    other = measure(plugin.id, version="1.1.0", written_at=200.0)
    async with database.transaction() as connection:
        measures = MeasureRepository(connection, "default")
        await measures.add([first, other])
        changed = replace(first, good=2.5, asked=3, written_at=300.0)
        await measures.change([changed])

        assert sorted(await measures.all(), key=lambda row: row.version) == [changed, other]
        assert await measures.of([plugin.id, "none"]) == await measures.all()
        assert await measures.of([]) == []
        assert await MeasureRepository(connection, "other").all() == []
        assert await measures_after(connection, 200.0) == [changed]
        await measures.remove([other])
        assert await measures.all() == [changed]


async def test_all_that_is_known_of_an_agent_goes_with_its_plugin(database: Database) -> None:
    plugin = await add_plugin(database)
    async with database.transaction() as connection:
        row = AgentRow(plugin_id=plugin.id, overrides={}, paused=True)
        await AgentRepository(connection, "default").write(row, "key:ops")
    async with database.transaction() as connection:
        measures = MeasureRepository(connection, "default")
        assert await measures.plugins() == {plugin.id}
        await measures.add([measure(plugin.id)])
        await measures.write_loads("here", {plugin.id: 3})
    async with database.transaction() as connection:
        await PluginRepository(connection, "default").remove(plugin.id)
    async with database.reading() as connection:
        assert await AgentRepository(connection, "default").all() == {}
        assert await MeasureRepository(connection, "default").all() == []
        assert await loads_of_others(connection, "there", 0.0) == []


async def test_loads_are_seen_by_others_while_a_host_says_so(database: Database) -> None:
    plugin = await add_plugin(database)
    async with database.transaction() as connection:
        measures = MeasureRepository(connection, "default")
        for in_flight in (1, 3):
            await measures.write_loads("here", {plugin.id: in_flight, "gone": 5})
    async with database.reading() as connection:
        (load,) = await loads_of_others(connection, "there", 0.0)
        moment = await clock(connection)

        assert load == LoadRow(
            tenant="default", plugin_id=plugin.id, host="here", in_flight=3, at=load.at
        )
        assert load.at <= moment
        assert await loads_of_others(connection, "here", 0.0) == []
        assert await loads_of_others(connection, "there", load.at) == []
    async with database.transaction() as connection:
        await MeasureRepository(connection, "default").write_loads("here", {})
        assert await loads_of_others(connection, "there", 0.0) == []


async def test_a_host_that_begins_or_ends_removes_its_loads_and_those_of_the_gone(
    database: Database,
) -> None:
    plugin = await add_plugin(database)
    async with database.transaction() as connection:
        for host in ("here", "there"):
            await MeasureRepository(connection, "default").write_loads(host, {plugin.id: 1})
    async with database.transaction() as connection:
        await forget_loads(connection, "here", before=0.0)
        assert [each.host for each in await loads_of_others(connection, "", 0.0)] == ["there"]
        await forget_loads(connection, "here", before=await clock(connection) + 1.0)
        assert await loads_of_others(connection, "", 0.0) == []
