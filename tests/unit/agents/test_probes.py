"""Probes: who is asked by the host itself, when, by which host, and what that is good for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hosts import WASM, FakeHost, fake_host
from packages import package
from schedules import Clock
from wardian.agents.health.probes import AT_ONCE, Probes
from wardian.agents.registry.changes import AgentChange
from wardian.errors import Trap
from wardian.plugins.agents import AGENT_ASK

pytestmark = pytest.mark.anyio

AGENT = """category = "ai_agent"
capabilities = ["summarize@1.0.0"]

[agent.cost]
per_call = 2.0

[agent.probe]
capability = "summarize"
input = '"Are you well?"'
seconds = 100
"""


class Asked:
    """A host with an agent that notes what it is asked, and a clock of the test's."""

    def __init__(self) -> None:
        self.inputs: list[str] = []
        self.tenants: list[str] = []
        self.hangs = ""
        self.is_ill = False
        self.clock = Clock()
        self.clock.goes_on(days=36_500)

    async def __call__(self, arguments: Mapping[str, Any], answer: Any) -> Any:
        self.inputs.append(arguments["question"]["input"])
        self.tenants.append(self.made.executor.jobs[-1].tenant)
        if self.tenants[-1] == self.hangs:
            await asyncio.Event().wait()
        if self.is_ill:
            raise Trap("It is ill.")
        return {"output": "1", "units": 1, "confidence": None, "cacheable": False}

    async def begin(self, made: FakeHost) -> Probes:
        self.made, self.agents = made, made.host.agents
        await made.host.install(package("lead", WASM, AGENT))
        self.agents.health.probes = self.another()
        return self.agents.health.probes

    def another(self) -> Probes:
        """The probes of one host more."""
        probes = self.agents.health.probes
        assert probes is not None
        return Probes(replace(probes._parts, now=self.clock))

    async def said(self) -> str:
        return (await self.agents.health.find("default", "lead")).last_probe


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
async def made(on_both_databases: None, tmp_path: Path, asked: Asked) -> AsyncIterator[FakeHost]:
    async with fake_host(tmp_path, {AGENT_ASK: asked}, agent_probes=False) as opened:
        yield opened


async def test_an_agent_is_asked_at_once_and_then_as_often_as_its_manifest_says(
    made: FakeHost, asked: Asked
) -> None:
    probes = await asked.begin(made)
    for _ in range(10):
        await probes.run_due()
        asked.clock.goes_on(seconds=50)

    assert asked.inputs == ['"Are you well?"'] * 5
    assert await asked.said() == ""


async def test_of_two_hosts_one_asks(made: FakeHost, asked: Asked) -> None:
    probes = await asked.begin(made)
    other = asked.another()
    for _ in range(4):
        await other.run_due()
        await probes.run_due()
        asked.clock.goes_on(seconds=101)

    assert len(asked.inputs) == 4


async def test_an_agent_that_somebody_asks_is_not_probed_on_any_host(
    made: FakeHost, asked: Asked
) -> None:
    probes = await asked.begin(made)
    other = asked.another()
    await probes.run_due()
    asked.inputs.clear()
    for _ in range(10):
        asked.clock.goes_on(seconds=49)
        await made.host.agents.ask("summarize", 1)
        await probes.run_due()
        await other.run_due()

    assert asked.inputs == ["1"] * 10


async def test_a_probe_says_nothing_of_quality_and_is_no_question_of_anybodys(
    made: FakeHost, asked: Asked
) -> None:
    probes = await asked.begin(made)
    before = (await asked.agents.registry.get("default", "lead")).measured[0]
    for _ in range(10):
        await probes.run_due()
        asked.clock.goes_on(seconds=101)
    after = (await asked.agents.registry.get("default", "lead")).measured[0]

    assert after.quality == pytest.approx(before.quality, abs=1e-4)
    assert after.asked == 0
    assert after.latency_ms is not None
    assert (await asked.agents.asks()).asks == []


async def test_a_tenant_without_money_left_has_nobody_probed(made: FakeHost, asked: Asked) -> None:
    await made.host.agents.budgets.set("default", "*", "ever", 5.0)
    probes = await asked.begin(made)
    for _ in range(5):
        await probes.run_due()
        asked.clock.goes_on(seconds=101)

    assert len(asked.inputs) == 2
    assert "It was not asked" in await asked.said()
    assert (await asked.agents.health.find("default", "lead")).state == "closed"


async def test_probes_that_fail_open_the_breaker(made: FakeHost, asked: Asked) -> None:
    asked.is_ill = True
    probes = await asked.begin(made)
    for _ in range(7):
        await probes.run_due()
        asked.clock.goes_on(seconds=101)

    assert len(asked.inputs) == 5
    assert "failed" in await asked.said()
    assert (await asked.agents.health.find("default", "lead")).state == "open"


async def test_a_plugin_that_takes_no_calls_is_not_probed(made: FakeHost, asked: Asked) -> None:
    probes = await asked.begin(made)
    await made.host.disable("lead")
    await probes.run_due()

    assert asked.inputs == []


async def test_an_agent_that_its_operator_has_paused_is_not_probed_and_costs_nothing(
    made: FakeHost, asked: Asked
) -> None:
    await made.host.agents.budgets.set("default", "*", "ever", 50.0)
    probes = await asked.begin(made)
    await asked.agents.registry.change("default", "lead", AgentChange(paused=True), "ada")
    for _ in range(5):
        await probes.run_due()
        asked.clock.goes_on(seconds=101)
    [budget] = await made.host.agents.budgets.get()

    assert (asked.inputs, budget.spent) == ([], 0.0)
    await asked.agents.registry.change("default", "lead", AgentChange(paused=False), "ada")
    await probes.run_due()
    assert len(asked.inputs) == 1


async def test_agents_whose_probes_hang_keep_no_other_tenants_from_their_turn(
    made: FakeHost, asked: Asked
) -> None:
    probes = await asked.begin(made)
    await made.host.tenants.create("crowd")
    for number in range(4):
        hanging = package(f"hangs-{number}", WASM, AGENT.format(capability="summarize"))
        await made.host.install(hanging, tenant="crowd")
    asked.hangs = "crowd"
    asked.tenants.clear()
    for _ in range(6):
        more = len(asked.tenants) + AT_ONCE
        await probes._begin_due()
        await until(lambda more=more: len(asked.tenants) >= more)  # type: ignore[misc]
        running = list(probes._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        asked.clock.goes_on(seconds=101)

    assert "default" in asked.tenants[: 2 * AT_ONCE]
    assert asked.tenants.count("default") >= 3


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0)
