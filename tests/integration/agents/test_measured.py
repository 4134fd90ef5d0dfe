"""What real agents do is what is known of them, and outlives the host that saw it."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents import agent, agents_host, question
from wardian import Host, Settings, open_host
from wardian.agents.registry.changes import AgentChange, CostChange, LimitsChange
from wardian.agents.views import MeasuredView
from wardian.errors import AgentUnavailable, GuestError, NotFound

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("on_both_databases")]


async def measured(host: Host, name: str) -> MeasuredView:
    (found,) = (await host.agents.registry.get("default", name)).measured
    return found


async def test_what_an_agent_did_is_known_after_a_restart(tmp_path: Path) -> None:
    one = agent("one", per_call=0.5, per_unit=0.25, units=3, confidence=0.01)
    async with agents_host(tmp_path, one) as host:
        for _ in range(3):
            await host.agents.ask("summarize", question("hello"), criteria={"fresh": True})
        before = await measured(host, "one")
    async with open_host(Settings(data_dir=tmp_path)) as host:
        after = await measured(host, "one")

    assert (before.asked, before.success_rate, before.cost) == (3, 1.0, 1.25)
    assert before.latency_ms is not None
    assert before.latency_ms > 0.0
    assert before.quality > 0.5  # whatever it says of its own answers
    assert after.asked == 3
    assert after.quality == pytest.approx(before.quality, rel=1e-3)
    assert after.latency_ms == pytest.approx(before.latency_ms, rel=1e-3)


async def test_an_agent_that_traps_refuses_or_answers_nonsense_is_known_to(
    tmp_path: Path,
) -> None:
    bad = [agent("traps", always="t"), agent("refuses", always="e"), agent("babbles", always="n")]
    async with agents_host(tmp_path, agent("good"), *bad) as host:
        for name in ("good", "traps", "refuses", "babbles"):
            criteria = {"agents": [name], "fallback": 0}
            for _ in range(2):
                try:
                    await host.agents.ask("summarize", question("hello"), criteria=criteria)
                except (AgentUnavailable, GuestError):
                    assert name != "good"

        qualities = {
            name: (await measured(host, name)).quality
            for name in ("good", "traps", "refuses", "babbles")
        }

    assert qualities["traps"] == pytest.approx(qualities["babbles"])
    assert qualities["traps"] < qualities["refuses"] < 0.5
    assert qualities["good"] > 0.5


async def test_load_is_none_once_all_has_been_answered(tmp_path: Path) -> None:
    async with agents_host(tmp_path, agent("one"), agent("broken", always="t")) as host:
        for criteria in ({}, {"agents": ["one"]}, {"hedge": True}):
            await host.agents.ask("summarize", question("hello"), criteria=criteria)

        assert [each.in_flight for each in await host.agents.registry.list("default")] == [0, 0]


async def test_a_paused_agent_is_not_asked_and_a_price_that_was_set_is_charged(
    tmp_path: Path,
) -> None:
    async with agents_host(tmp_path, agent("one", units=3, per_unit=0.25)) as host:
        registry = host.agents.registry
        await registry.change("default", "one", AgentChange(paused=True), "key:ops")
        with pytest.raises(AgentUnavailable):
            await host.agents.ask("summarize", question("hello"))

        change = AgentChange(
            paused=False, cost=CostChange(per_unit=2.0), limits=LimitsChange(units=2)
        )
        await registry.change("default", "one", change, "key:ops")
        answer = await host.agents.ask("summarize", question("hello"))

    assert (answer.units, answer.cost) == (2, 4.0)


async def test_one_tenants_agents_and_what_is_known_of_them_are_no_other_tenants(
    tmp_path: Path,
) -> None:
    async with agents_host(tmp_path, agent("one")) as host:
        await host.tenants.create("acme", actor="key:ops")
        await host.agents.ask("summarize", question("hello"))

        assert await host.agents.registry.list("acme") == []
        with pytest.raises(NotFound):
            await host.agents.registry.change("acme", "one", AgentChange(priority=1), "key:ops")
        await host.install(agent("one"), tenant="acme")
        (view,) = await host.agents.registry.list("acme")
        assert view.measured[0].asked == 0
