"""Agents that fail, recover, are judged and tried beside another version; real ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from agents import agent, question
from wardian import Settings, open_host
from wardian.agents.host import Host
from wardian.errors import (
    AgentUnavailable,
    Conflict,
    Forbidden,
    InvalidArguments,
    NotFound,
)
from wardian.events import Event

pytestmark = pytest.mark.anyio

HEARD_SECONDS = 20.0
"""How long a test waits for what takes a second or two; the machine may be busy."""


@pytest.fixture
async def host(on_both_databases: None, tmp_path: Path) -> AsyncIterator[Host]:
    settings = Settings(
        data_dir=tmp_path, workers_max=2, agent_failures_max=3, agent_open_seconds=0.5
    )
    async with open_host(settings) as opened:
        yield opened


class Told:
    """The events of agents, as they are told."""

    def __init__(self, host: Host) -> None:
        self._events: list[Event] = []
        self._news = asyncio.Event()
        host._parts.events.subscribe("agent.*", self._hear)

    def _hear(self, event: Event) -> None:
        self._events.append(event)
        self._news.set()

    async def of(self, topic: str) -> Event:
        """The first of a kind, as soon as it is there."""
        async with asyncio.timeout(HEARD_SECONDS):
            while True:
                for event in self._events:
                    if event.topic == topic:
                        return event
                self._news.clear()
                await self._news.wait()


async def eventually(holds: Callable[[], bool]) -> None:
    """Wait for what the host does by itself within a second or so."""
    async with asyncio.timeout(HEARD_SECONDS):
        while not holds():
            await asyncio.sleep(0.02)


async def test_an_agent_that_traps_is_asked_no_more_and_again_once_it_answers(host: Host) -> None:
    told = Told(host)
    await host.install(agent("lead"), grants="all")
    for _ in range(3):
        with pytest.raises(AgentUnavailable):
            await host.agents.ask("summarize", question("t"))
    event = await told.of("agent.opened")

    assert event.value()["agent"] == "lead"
    assert (await host.agents.health.find("default", "lead")).state == "open"
    with pytest.raises(AgentUnavailable, match="lead"):
        await host.agents.ask("summarize", question())

    async with asyncio.timeout(HEARD_SECONDS):
        while True:
            try:
                await host.agents.ask("summarize", question())
                break
            except AgentUnavailable:
                await asyncio.sleep(0.05)
    await told.of("agent.recovered")

    assert (await host.agents.health.find("default", "lead")).state == "closed"
    for _ in range(5):
        assert (await host.agents.ask("summarize", question())).agent == "lead"


async def test_another_is_asked_while_one_does_not_answer(host: Host) -> None:
    await host.install(agent("first", priority=90, always="t"), grants="all")
    await host.install(agent("second", priority=10), grants="all")

    answers = [await host.agents.ask("summarize", question()) for _ in range(6)]

    assert {answer.agent for answer in answers} == {"second"}
    asked = [[each.agent for each in answer.attempts] for answer in answers]
    assert asked[0][0] == "first"
    health = await host.agents.health.all("default")
    assert (health["first"].state, health["second"].state) == ("open", "closed")
    text = host._parts.telemetry.render().decode()
    assert 'wardian_agent_asks_total{ending="failed",plugin="first",tenant="default"} 3.0' in text
    assert 'wardian_agent_breakers{plugin="first",state="open",tenant="default"} 1.0' in text


async def test_an_agent_that_nobody_asks_is_probed_and_pays_from_the_budget(host: Host) -> None:
    probe = '[agent.probe]\ncapability = "summarize"\ninput = "[\\"\\"]"\nseconds = 10'
    await host.agents.budgets.set("default", "*", "ever", 100.0)
    await host.install(agent("lead", per_unit=1.0, limits="units = 10", more=probe), grants="all")

    await probed(host)
    async with asyncio.timeout(HEARD_SECONDS):
        while not (await host.agents.budgets.get("default"))[0].spent:
            await asyncio.sleep(0.05)

    assert (await host.agents.health.find("default", "lead")).last_probe == ""
    (budget,) = await host.agents.budgets.get("default")
    assert budget.spent == 3.0
    assert (await host.agents.asks()).asks == []


async def probed(host: Host) -> None:
    """Wait until the first probe of an agent has been answered."""

    def count() -> bool:
        text = host._parts.telemetry.render().decode()
        return 'wardian_agent_asks_total{ending="probe"' in text

    await eventually(count)


async def test_a_probe_tries_an_agent_again_though_nobody_asks_it(host: Host) -> None:
    told = Told(host)
    probe = '[agent.probe]\ncapability = "summarize"\ninput = "[\\"\\"]"\nseconds = 3600'
    await host.install(agent("lead", more=probe), grants="all")
    await probed(host)  # its answer would be between failures that are to be in a row
    for _ in range(3):
        with pytest.raises(AgentUnavailable):
            await host.agents.ask("summarize", question("t"))

    await told.of("agent.recovered")

    assert (await host.agents.health.find("default", "lead")).state == "closed"


async def test_a_probe_that_fails_is_shown(host: Host) -> None:
    probe = '[agent.probe]\ncapability = "summarize"\ninput = "[\\"t\\"]"\nseconds = 10'
    await host.install(agent("lead", more=probe), grants="all")

    async with asyncio.timeout(HEARD_SECONDS):
        while not (await host.agents.health.find("default", "lead")).last_probe:
            await asyncio.sleep(0.05)

    assert "failed" in (await host.agents.health.find("default", "lead")).last_probe


# -- feedback --


async def test_an_answer_is_judged_and_the_judgement_shown(host: Host) -> None:
    await host.install(agent("lead"), grants="all")
    answer = await host.agents.ask("summarize", question())

    given = await host.agents.feedback.give(
        "default", answer.id, score=0.25, label="poor", comment="Too long.", by="ada"
    )

    assert (given.score, given.label, given.comment, given.by) == (0.25, "poor", "Too long.", "ada")
    assert (await host.agents.asked("default", answer.id)).feedback == [given]


async def test_the_later_judgement_of_one_asker_takes_the_place_of_the_former(host: Host) -> None:
    await host.install(agent("lead"), grants="all")
    answer = await host.agents.ask("summarize", question())
    await host.agents.feedback.give("default", answer.id, label="bad", by="ada")
    await host.agents.feedback.give("default", answer.id, label="good", by="ada")
    await host.agents.feedback.give("default", answer.id, score=1, by="bob")

    feedback = (await host.agents.asked("default", answer.id)).feedback
    assert [(each.by, each.score) for each in feedback] == [("ada", 0.8), ("bob", 1.0)]


async def test_who_answered_cannot_judge_it(host: Host) -> None:
    await host.install(agent("lead"), grants="all")
    answer = await host.agents.ask("summarize", question())

    with pytest.raises(Forbidden, match="cannot judge"):
        await host.agents.feedback.give("default", answer.id, score=1.0, by="plugin:lead")


async def test_other_tenants_answers_are_not_there_to_be_judged(host: Host) -> None:
    await host.tenants.create("other")
    await host.install(agent("lead"), grants="all")
    answer = await host.agents.ask("summarize", question())

    with pytest.raises(NotFound):
        await host.agents.feedback.give("other", answer.id, score=0.0)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({}, "a score, a label or a comment"),
        ({"score": float("nan")}, "a number from 0"),
        ({"score": 1.01}, "a number from 0"),
        ({"score": True}, "a number from 0"),
        ({"label": "superb"}, "no label"),
        ({"comment": "x" * 4_001}, "no more than"),
    ],
    ids=["nothing", "nan", "too-high", "true", "label", "comment"],
)
async def test_what_is_no_judgement_is_refused(
    host: Host, said: dict[str, object], why: str
) -> None:
    await host.install(agent("lead"), grants="all")
    answer = await host.agents.ask("summarize", question())

    with pytest.raises(InvalidArguments, match=why):
        await host.agents.feedback.give("default", answer.id, **said)  # type: ignore[arg-type]


async def test_what_was_not_answered_cannot_be_judged(host: Host) -> None:
    await host.install(agent("lead"), grants="all")
    with pytest.raises(AgentUnavailable):
        await host.agents.ask("summarize", question("t"))
    (ask,) = (await host.agents.asks()).asks

    with pytest.raises(Conflict, match="not answered"):
        await host.agents.feedback.give("default", ask.id, score=0.0)
