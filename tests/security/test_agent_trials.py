"""Trials under attack: versions that crash, that are gone, and askers who want one to win."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from hosts import WASM, FakeHost, fake_host
from packages import package
from wardian.crypto.digests import sha256_hex
from wardian.errors import AgentUnavailable, Trap, WardianError, WorkerLost
from wardian.plugins.agents import AGENT_ASK

pytestmark = pytest.mark.anyio

AGENT = 'category = "ai_agent"\ncapabilities = [{}]'

Answers = Mapping[str, Any]


def component(version: str) -> bytes:
    return WASM + version.encode()


def lead(version: str, *capabilities: str) -> bytes:
    """The agent `lead` at a version."""
    offered = ", ".join(f'"{each}"' for each in capabilities or ["summarize"])
    return package("lead", component(version), AGENT.format(offered), version)


class Versions:
    """What each version of `lead` does when it is asked: it fails with an error, or answers."""

    def __init__(self) -> None:
        self.fails: dict[str, WardianError] = {}
        self.asked: list[str] = []
        self.made: FakeHost

    async def __call__(self, arguments: Answers, answer: Any) -> Answers:
        digest = self.made.executor.jobs[-1].digest
        version = next(each for each in VERSIONS if sha256_hex(component(each)) == digest)
        self.asked.append(version)
        if version in self.fails:
            raise self.fails[version]
        return {"output": "1", "units": 1, "confidence": None, "cacheable": False}


VERSIONS = ("1.0.0", "2.0.0", "3.0.0")


@pytest.fixture
def versions() -> Versions:
    return Versions()


@pytest.fixture
async def made(tmp_path: Path, versions: Versions) -> AsyncIterator[FakeHost]:
    """A host on which 2.0.0 of `lead` is active, and 1.0.0 kept."""
    patient: dict[str, Any] = {"agent_failures_max": 100, "agent_failure_rate_max": 1.0}
    async with fake_host(tmp_path, {AGENT_ASK: versions}, **patient) as opened:
        versions.made = opened
        await opened.host.install(lead("1.0.0"))
        await opened.host.upgrade(lead("2.0.0"))
        yield opened


async def ask(made: FakeHost, times: int, capability: str = "summarize") -> list[str | None]:
    """Ask, and return which versions answered; None for each that did not."""
    found: list[str | None] = []
    for _ in range(times):
        try:
            found.append((await made.host.agents.ask(capability, 1)).version)
        except AgentUnavailable:
            found.append(None)
    return found


async def test_a_version_that_costs_its_workers_neither_delays_nor_quarantines_the_other(
    made: FakeHost, versions: Versions
) -> None:
    versions.fails["1.0.0"] = WorkerLost("It is gone.", by_call=True)
    await made.host.agents.trials.start("default", "lead", "1.0.0", share=0.9999)
    await ask(made, 4)
    plugin = await made.parts.registry.get("default", "lead")
    rests = made.parts.entrance._parts.supervisor.rests(plugin)
    versions.fails["2.0.0"] = WorkerLost("Once.", by_call=True)
    await made.host.agents.trials.stop("default", "lead")
    await ask(made, 1)

    assert versions.asked == ["1.0.0"] * 4 + ["2.0.0"]
    assert not rests
    assert (await made.host.plugin("lead")).state == "active"


async def test_a_version_whose_calls_fail_is_degraded_though_another_answers_by_turns(
    made: FakeHost, versions: Versions
) -> None:
    await made.host.agents.trials.start("default", "lead", "1.0.0", share=0.5)
    for place in range(80):
        versions.fails = {"2.0.0": Trap("It is ill.")} if place % 4 else {}
        await ask(made, 1)

    assert versions.asked.count("2.0.0") >= 20
    assert (await made.host.plugin("lead")).state == "degraded"


async def sums(made: FakeHost) -> dict[str, tuple[int, float]]:
    """How many questions each arm of the trial was asked, and its mean score."""
    view = await made.host.agents.trials.status("default", "lead")
    return {each.version: (each.asked, each.mean or 0.0) for each in (view.active, view.other)}


async def test_what_a_third_version_answers_counts_for_neither(
    made: FakeHost, versions: Versions
) -> None:
    trials = made.host.agents.trials
    await trials.start("default", "lead", "1.0.0")
    await made.host.upgrade(lead("3.0.0"))
    versions.fails["3.0.0"] = Trap("It is ill.")
    await ask(made, 5)

    assert versions.asked == ["3.0.0"] * 5
    assert await sums(made) == {"2.0.0": (0, 0.0), "1.0.0": (0, 0.0)}


async def test_what_only_one_version_answers_is_no_part_of_the_trial(
    made: FakeHost, versions: Versions
) -> None:
    await made.host.upgrade(lead("3.0.0", "summarize", "translate"))
    await made.host.agents.trials.start("default", "lead", "1.0.0")
    answer = await made.host.agents.ask("translate", 1)
    await made.host.agents.feedback.give("default", answer.id, score=1.0, by="ada")

    assert await sums(made) == {"3.0.0": (0, 0.0), "1.0.0": (0, 0.0)}


async def test_an_answer_that_a_hundred_judge_counts_once(
    made: FakeHost, versions: Versions
) -> None:
    agents = made.host.agents
    await agents.trials.start("default", "lead", "1.0.0")
    answers = [await agents.ask("summarize", place) for place in range(12)]
    first = {answer.version: answer for answer in answers}
    for version, score in (("2.0.0", 0.0), ("1.0.0", 1.0)):
        for asker in range(100):
            await agents.feedback.give("default", first[version].id, score=score, by=f"a{asker}")

    view = await agents.trials.status("default", "lead")

    assert not view.decided
    assert view.other.low < 0.5 < view.active.high, "one score of each says next to nothing"
