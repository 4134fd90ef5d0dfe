"""A trial is decided once, whoever of several hosts sees it, and also after a restart."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hosts import WASM, FakeHost, fake_host
from packages import package
from telling import check_fields
from wardian.agents.candidates import Candidate
from wardian.agents.quality.deciding import Deciding
from wardian.agents.quality.running_trials import RunningTrial
from wardian.events import Event
from wardian.plugins.agents import AGENT_ASK
from wardian.storage.agent_trials import ACTIVE, OTHER, ArmSums, TrialRepository, TrialRow, running
from wardian.storage.rows import now

pytestmark = pytest.mark.anyio

AGENT = 'category = "ai_agent"\ncapabilities = ["summarize"]'


async def _answer(arguments: Mapping[str, Any], answer: Any) -> Any:
    return {"output": "1", "units": 1, "confidence": None, "cacheable": False}


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[FakeHost]:
    async with fake_host(tmp_path, {AGENT_ASK: _answer}) as opened:
        await opened.host.install(package("lead", WASM, AGENT))
        await opened.host.upgrade(package("lead", WASM, AGENT, "2.0.0"))
        await opened.host.agents.trials.start("default", "lead", "1.0.0")
        yield opened


def know(tenant: str, candidate: Candidate) -> None:
    """Nobody is told of it."""


async def running_elsewhere(made: FakeHost) -> RunningTrial:
    """The trial as a host has it that has only just begun."""
    async with made.host._parts.database.reading() as connection:
        ((name, row),) = (await running(connection)).values()
    return RunningTrial("default", name, row, know)


async def add(made: FakeHost, row: TrialRow, active: ArmSums, other: ArmSums) -> None:
    async with made.host._parts.database.transaction() as connection:
        repository = TrialRepository(connection, "default")
        await repository.add(row, ACTIVE, active)
        await repository.add(row, OTHER, other)


def deciding(made: FakeHost) -> Deciding:
    parts = made.host._parts
    return Deciding(parts.database, parts.journal, now)


async def test_what_a_host_that_is_gone_wrote_decides_and_is_told_once(made: FakeHost) -> None:
    told: list[Event] = []
    made.host._parts.events.subscribe("agent.trial-decided", told.append)
    first, second = await running_elsewhere(made), await running_elsewhere(made)
    good, bad = ArmSums(asked=200, answered=200), ArmSums(asked=200, answered=20)
    await add(made, first.row, bad, good)

    for trial in (first, second):
        await deciding(made).look(trial)
    await add(made, first.row, good.plus(good).plus(good), bad.plus(bad).plus(bad))
    again = await running_elsewhere(made)
    await deciding(made).look(again)
    view = await made.host.agents.trials.status("default", "lead")

    assert {trial.row.better for trial in (first, second, again)} == {OTHER}
    assert len({trial.row.decided_at for trial in (first, second, again)}) == 1
    assert (view.decided, view.better) == (True, "1.0.0")
    assert [msgspec.json.decode(event.data)["better"] for event in told] == ["1.0.0"]
    check_fields(told[0])


async def test_of_what_was_looked_at_nothing_is_read_again(made: FakeHost) -> None:
    trial = await running_elsewhere(made)
    await deciding(made).look(trial)
    await add(made, trial.row, ArmSums(asked=200), ArmSums(asked=200, answered=200))
    await deciding(made).look(trial)
    assert trial.row.better is None

    trial.written += 1
    await deciding(made).look(trial)
    assert trial.row.better == OTHER
