"""Breakers on one host: what opens them, who tries an agent again, and what is told of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hosts import WASM, FakeHost, fake_host
from packages import package
from schedules import Clock
from telling import check_fields
from wardian.agents.candidates import Candidate, Ending, Outcome
from wardian.agents.health.breaker import BreakerLimits
from wardian.agents.health.breaker_rows import BreakerRowsParts
from wardian.agents.health.breakers import AgentBreakers
from wardian.agents.views import HealthView
from wardian.events import Event
from wardian.plugins.agents import AGENT_ASK

pytestmark = pytest.mark.anyio

AGENT = 'category = "ai_agent"\ncapabilities = ["summarize@1.0.0"]'
LIMITS = BreakerLimits(failures_in_row=3, open_seconds=10.0, open_seconds_max=30.0)


async def _answer(arguments: Mapping[str, Any], answer: Any) -> Any:
    return {"output": "1", "units": 1, "confidence": None, "cacheable": False}


async def _nothing() -> None:
    return None


class Watched:
    """Breakers over a host's parts, with a clock of the test's."""

    def __init__(self, made: FakeHost, plugin_id: str) -> None:
        self.made = made
        self.clock = Clock()
        self.clock.goes_on(days=36_500)
        self.told: list[Event] = []
        self.availability: list[str] = []
        self.candidate = Candidate(
            agent="lead",
            version="1.0.0",
            plugin_id=plugin_id,
            capability="summarize",
            capability_version="1.0.0",
        )
        made.parts.events.subscribe("agent.*", self.told.append)
        self.breakers = self.another()

    def another(self, host: str = "this") -> AgentBreakers:
        """The breakers of one host more."""
        return AgentBreakers(
            BreakerRowsParts(
                database=self.made.parts.database,
                events=self.made.parts.events,
                journal=self.made.parts.journal,
                registry=self.made.parts.registry,
                tenants=self.made.parts.tenants,
                host=host,
                changed=lambda tenant, plugin_id, why: self.availability.append(why),
                now=self.clock,
                chance=lambda: 0.0,
            ),
            LIMITS,
        )

    def ask(
        self,
        ending: Ending,
        *,
        breakers: AgentBreakers | None = None,
        is_trial: bool = False,
        is_probe: bool = False,
    ) -> bool:
        """Put a question, if that is let through, and have it end."""
        breakers = breakers or self.breakers
        candidate = self.candidate
        if not breakers.admit("default", candidate):
            return False
        self.clock.goes_on(milliseconds=1)
        candidate.is_trial = is_trial
        outcome = Outcome(ending=ending, latency_ms=1.0, is_probe=is_probe)
        breakers.ended("default", candidate, outcome)
        candidate.is_trial = False
        return True

    async def open(self) -> None:
        for _ in range(LIMITS.failures_in_row):
            assert self.ask(Ending.FAILED)
        await self.breakers.tend()

    async def view(self) -> HealthView:
        return await self.breakers.find("default", self.candidate.plugin_id)


@pytest.fixture
async def watched(
    on_both_databases: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Watched]:
    async with fake_host(tmp_path, {AGENT_ASK: _answer}) as made:
        # The host's own go by another clock, and would try what is tried here.
        monkeypatch.setattr(made.host.agents.health._parts.breakers, "tend", _nothing)
        await made.host.install(package("lead", WASM, AGENT))
        plugin = await made.parts.registry.get("default", "lead")
        yield Watched(made, plugin.id)


async def test_failures_in_a_row_keep_questions_away_and_are_told(watched: Watched) -> None:
    await watched.open()

    assert not watched.ask(Ending.ANSWERED)
    view = await watched.view()
    assert (view.state, view.failures) == ("open", 3)
    assert "3 questions in a row failed" in view.reason
    assert view.open_until is not None
    (event,) = watched.told
    assert event.topic == "agent.opened"
    assert event.value()["agent"] == "lead"
    assert "3 questions in a row failed" in watched.availability[-1]


async def test_what_says_nothing_of_an_agent_opens_nothing(watched: Watched) -> None:
    for ending in (Ending.REFUSED, Ending.CANCELLED, Ending.NOT_BEGUN) * 20:
        assert watched.ask(ending)
    await watched.breakers.tend()

    assert (await watched.view()).state == "closed"
    assert watched.told == []


async def test_an_answer_ends_the_row(watched: Watched) -> None:
    for _ in range(4):
        watched.ask(Ending.FAILED)
        watched.ask(Ending.FAILED)
        for _ in range(5):
            watched.ask(Ending.ANSWERED)

    assert watched.ask(Ending.ANSWERED)


async def test_after_a_while_one_question_tries_it_and_the_next_waits_for_that(
    watched: Watched,
) -> None:
    await watched.open()
    watched.clock.goes_on(seconds=9)
    await watched.breakers.tend()
    assert not watched.breakers.admit("default", watched.candidate)

    watched.clock.goes_on(seconds=2)
    await watched.breakers.tend()

    assert watched.breakers.admit("default", watched.candidate)
    assert not watched.breakers.admit("default", watched.candidate)
    assert (await watched.view()).state == "half-open"


async def test_an_agent_that_answers_its_trial_is_asked_again_by_everybody(
    watched: Watched,
) -> None:
    await watched.open()
    watched.clock.goes_on(seconds=11)
    await watched.breakers.tend()
    assert watched.ask(Ending.ANSWERED)
    await watched.breakers.tend()

    assert all(watched.ask(Ending.ANSWERED) for _ in range(10))
    assert (await watched.view()).state == "closed"
    assert [event.topic for event in watched.told] == ["agent.opened", "agent.recovered"]
    for event in watched.told:
        check_fields(event)
    assert watched.told[-1].value()["seconds"] == pytest.approx(11, abs=0.1)
    assert watched.availability[-1] == ""


async def test_a_trial_that_fails_has_the_next_wait_twice_as_long_and_is_not_told_again(
    watched: Watched,
) -> None:
    await watched.open()
    waits = []
    for _ in range(4):
        view = await watched.view()
        assert view.open_until is not None
        assert view.since is not None
        waits.append((view.open_until - view.since).total_seconds())
        watched.clock.now = view.open_until + timedelta(seconds=0.1)
        await watched.breakers.tend()
        assert watched.ask(Ending.TIMED_OUT)
        await watched.breakers.tend()

    assert waits == pytest.approx([10, 20, 30, 30])
    assert [event.topic for event in watched.told] == ["agent.opened"]


async def test_an_agent_that_recovers_was_asked_nothing_since_it_first_opened(
    watched: Watched,
) -> None:
    await watched.open()
    for ending in (Ending.FAILED, Ending.TIMED_OUT, Ending.ANSWERED):
        watched.clock.goes_on(seconds=31)
        await watched.breakers.tend()
        assert watched.ask(ending)
        await watched.breakers.tend()
    await watched.open()
    watched.clock.goes_on(seconds=31)
    await watched.breakers.tend()
    watched.ask(Ending.ANSWERED)
    await watched.breakers.tend()

    told = [event.value() for event in watched.told if event.topic == "agent.recovered"]
    assert [each["seconds"] for each in told] == pytest.approx([93, 31], abs=0.1)


async def test_a_trial_that_nobody_waited_for_is_followed_by_another_at_once(
    watched: Watched,
) -> None:
    await watched.open()
    watched.clock.goes_on(seconds=11)
    await watched.breakers.tend()
    assert watched.ask(Ending.CANCELLED)
    assert not watched.ask(Ending.ANSWERED)
    await watched.breakers.tend()

    assert watched.ask(Ending.ANSWERED)
    assert watched.ask(Ending.ANSWERED)


async def test_the_other_version_of_a_trial_neither_opens_nor_closes_it(watched: Watched) -> None:
    for _ in range(20):
        assert watched.ask(Ending.FAILED, is_trial=True)
    await watched.open()
    watched.clock.goes_on(seconds=11)
    await watched.breakers.tend()
    watched.ask(Ending.ANSWERED, is_trial=True)

    assert not watched.breakers.is_closed("default", watched.candidate.plugin_id)


async def test_what_was_asked_before_it_opened_says_nothing_of_it_afterwards(
    watched: Watched,
) -> None:
    assert watched.breakers.admit("default", watched.candidate)
    await watched.open()
    watched.clock.goes_on(seconds=11)
    await watched.breakers.tend()
    assert watched.breakers.admit("default", watched.candidate)  # the trial

    late = Outcome(ending=Ending.ANSWERED, latency_ms=11_500.0)
    watched.breakers.ended("default", watched.candidate, late)

    assert not watched.breakers.is_closed("default", watched.candidate.plugin_id)
    watched.breakers.ended(
        "default", watched.candidate, Outcome(ending=Ending.ANSWERED, latency_ms=1.0)
    )
    assert watched.breakers.is_closed("default", watched.candidate.plugin_id)


async def test_a_plugin_that_begins_anew_is_asked(watched: Watched) -> None:
    await watched.open()
    await watched.made.host.disable("lead")
    await watched.made.host.enable("lead")
    await watched.breakers.tend()

    assert watched.ask(Ending.ANSWERED)
    assert (await watched.view()).state == "closed"
    assert [event.topic for event in watched.told] == ["agent.opened", "agent.recovered"]


async def test_a_degraded_plugin_is_kept_from_questions_sooner(watched: Watched) -> None:
    await _degrade(watched)
    assert watched.ask(Ending.FAILED)

    assert not watched.ask(Ending.FAILED)


async def _degrade(watched: Watched) -> None:
    async with watched.made.parts.journal.change("default", "host") as change:
        await change.note("degraded", "lead", {"from": "active", "reason": "", "version": "1.0.0"})


async def test_what_opened_outlives_the_host(watched: Watched) -> None:
    await watched.open()
    restarted = watched.another("the next")
    async with restarted.kept():
        assert not watched.ask(Ending.ANSWERED, breakers=restarted)
        assert restarted.unavailable("default", watched.candidate.plugin_id)

        watched.clock.goes_on(seconds=11)
        await restarted.tend()
        assert watched.ask(Ending.ANSWERED, breakers=restarted)


async def test_an_agent_that_a_killed_host_was_trying_is_tried_by_another_in_seconds(
    watched: Watched,
) -> None:
    await watched.open()
    watched.clock.goes_on(seconds=11)
    await watched.breakers.tend()
    assert watched.breakers.admit("default", watched.candidate)  # and that host is heard no more
    other = watched.another("the next")
    await other.tend()
    watched.clock.goes_on(seconds=LIMITS.lease_seconds - 1)
    await other.tend()
    assert not watched.ask(Ending.ANSWERED, breakers=other)

    watched.clock.goes_on(seconds=2)
    await other.tend()
    assert watched.ask(Ending.ANSWERED, breakers=other)
    await other.tend()
    assert (await watched.view()).state == "closed"


async def test_a_trial_that_takes_long_is_its_hosts_alone_and_counts(watched: Watched) -> None:
    await watched.open()
    watched.clock.goes_on(seconds=11)
    await watched.breakers.tend()
    assert watched.breakers.admit("default", watched.candidate)
    other = watched.another("the next")
    await other.tend()
    for _ in range(20):
        watched.clock.goes_on(seconds=5)
        await watched.breakers.tend()
        other._rows.outdated()
        await other.tend()
        assert not other.admit("default", watched.candidate)
        assert not watched.breakers.admit("default", watched.candidate)
    answered = Outcome(ending=Ending.ANSWERED, latency_ms=100_000.0)
    watched.breakers.ended("default", watched.candidate, answered)
    await watched.breakers.tend()

    assert (await watched.view()).state == "closed"


async def test_a_host_that_stood_still_lets_no_question_through_that_another_may(
    watched: Watched,
) -> None:
    await watched.open()
    watched.clock.goes_on(seconds=11)
    await watched.breakers.tend()
    other = watched.another("the next")
    await other.tend()
    watched.clock.goes_on(seconds=LIMITS.lease_seconds)
    await other.tend()

    assert other.may_try("default", watched.candidate.plugin_id)
    assert not watched.breakers.admit("default", watched.candidate)
    await watched.breakers.tend()
    assert not watched.breakers.admit("default", watched.candidate)
    assert watched.ask(Ending.ANSWERED, breakers=other)


async def test_a_clock_that_is_set_back_keeps_no_agent_away_for_longer(watched: Watched) -> None:
    await watched.open()
    watched.clock.goes_on(hours=-5)
    await watched.breakers.tend()
    assert watched.ask(Ending.ANSWERED)
    await watched.breakers.tend()
    assert (await watched.view()).state == "closed"

    watched.clock.goes_on(hours=-5)
    await watched.open()
    assert (await watched.view()).state == "open"


async def test_an_agent_that_answers_probes_and_no_questions_is_kept_from_questions(
    watched: Watched,
) -> None:
    failed = 0
    for _ in range(10):
        failed += watched.ask(Ending.FAILED)
        watched.clock.goes_on(minutes=10)
        watched.ask(Ending.ANSWERED, is_probe=True)
        watched.clock.goes_on(minutes=10)

    assert failed == LIMITS.failures_in_row


async def test_after_a_probe_that_is_answered_one_question_that_fails_opens_it_on_all_hosts(
    watched: Watched,
) -> None:
    other = watched.another("the next")
    await other.tend()
    for host in (watched.breakers, other, watched.breakers):
        if watched.breakers.is_closed("default", watched.candidate.plugin_id):
            await watched.open()
            other._rows.outdated()
            await other.tend()
        watched.clock.goes_on(minutes=1)
        await watched.breakers.tend()
        assert watched.ask(Ending.ANSWERED, is_probe=True)
        await watched.breakers.tend()
        other._rows.outdated()
        await other.tend()
        watched.clock.goes_on(seconds=1)

        assert watched.ask(Ending.FAILED, breakers=host)
        assert not watched.ask(Ending.ANSWERED, breakers=host)
        await host.tend()
        watched.breakers._rows.outdated()
        await watched.breakers.tend()


async def test_a_probe_that_is_answered_ends_a_row_of_probes_that_were_not(
    watched: Watched,
) -> None:
    for _ in range(10):
        assert watched.ask(Ending.FAILED, is_probe=True)
        assert watched.ask(Ending.FAILED, is_probe=True)
        assert watched.ask(Ending.ANSWERED, is_probe=True)

    assert watched.ask(Ending.ANSWERED)


async def test_of_an_agent_that_is_uninstalled_nothing_is_left(watched: Watched) -> None:
    await watched.open()
    await watched.made.host.uninstall("lead")
    await watched.breakers.tend()

    assert watched.breakers.states() == []
    assert await watched.breakers.all("default") == {}


async def test_outcomes_that_cannot_be_are_taken_for_what_they_are(watched: Watched) -> None:
    for latency in (float("nan"), -1e300, float("inf")):
        watched.breakers.admit("default", watched.candidate)
        watched.breakers.ended(
            "default", watched.candidate, Outcome(ending=Ending.FAILED, latency_ms=latency)
        )
    await watched.breakers.tend()

    assert (await watched.view()).state in ("closed", "open")
