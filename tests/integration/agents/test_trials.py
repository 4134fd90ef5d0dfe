"""Two versions of an agent that answer by turns; real ones."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from agents import agent, question
from guests.lives import version as lives
from telling import check_fields
from wardian import Settings, open_host
from wardian.agents.host import Host
from wardian.errors import Conflict, InvalidArguments, NotFound
from wardian.events import Event
from wardian.runtime.host import HostParts

pytestmark = pytest.mark.anyio

HEARD_SECONDS = 20.0
"""How long a test waits for what takes a second or two; the machine may be busy."""


@pytest.fixture
async def host(on_both_databases: None, tmp_path: Path) -> AsyncIterator[Host]:
    async with open_host(Settings(data_dir=tmp_path, workers_max=2)) as opened:
        yield opened


async def two_versions(host: Host, **other: Any) -> None:
    """Have 2.0.0 be active, and 1.0.0 kept."""
    await host.install(agent("lead", units=1, per_unit=1.0, **other), grants="all")
    await host.upgrade(agent("lead", units=2, per_unit=1.0, version="2.0.0"))


async def ask(host: Host, times: int, **criteria: Any) -> list[Any]:
    return [
        await host.agents.ask("summarize", question("", place), criteria=criteria)
        for place in range(times)
    ]


def parts(host: Host) -> HostParts:
    return host._parts


async def test_both_versions_answer_by_their_share_and_are_told_apart(host: Host) -> None:
    await two_versions(host)
    started = await host.agents.trials.start("default", "lead", "1.0.0", share=0.4)

    answers = await ask(host, 60)
    versions = Counter(answer.version for answer in answers)
    view = await host.agents.trials.status("default", "lead")

    assert (started.active.version, started.other.version) == ("2.0.0", "1.0.0")
    assert 8 <= versions["1.0.0"] <= 42
    assert (view.other.asked, view.active.asked) == (versions["1.0.0"], versions["2.0.0"])
    assert (view.other.cost, view.active.cost) == (1.0, 2.0)
    assert not view.decided


async def test_scores_decide_which_is_better_with_the_confidence_asked_for(host: Host) -> None:
    await two_versions(host)
    await host.agents.trials.start("default", "lead", "1.0.0", share=0.5, confidence=0.95)
    answers = await ask(host, 120)
    for answer in answers:
        score = 0.9 if answer.version == "1.0.0" else 0.3
        await host.agents.feedback.give("default", answer.id, score=score, by="ada")

    view = await host.agents.trials.status("default", "lead")

    assert view.other.mean is not None
    assert view.active.mean is not None
    assert view.other.mean > view.active.mean
    assert view.other_is_better >= 0.95
    assert view.decided
    assert "0.95" in view.verdict
    assert (view.better, view.ended_at) == ("1.0.0", None)

    # Whoever says otherwise later changes what is known, and not what was found out.
    for answer in answers:
        score = 0.1 if answer.version == "1.0.0" else 1.0
        for by in ("eve", "joe"):
            await host.agents.feedback.give("default", answer.id, score=score, by=by)
    later = await host.agents.trials.status("default", "lead")

    assert later.other_is_better < 0.05
    assert (later.decided, later.better, later.decided_at) == (True, "1.0.0", view.decided_at)


async def test_a_trial_ends_by_itself_once_it_is_decided_if_it_shall(host: Host) -> None:
    await two_versions(host)
    await host.agents.trials.start("default", "lead", "1.0.0", ends=True)
    for answer in await ask(host, 120):
        score = 1.0 if answer.version == "2.0.0" else 0.0
        await host.agents.feedback.give("default", answer.id, score=score, by="ada")

    view = await ended(host)

    assert view.decided
    assert view.other_is_better <= 0.05
    assert {answer.version for answer in await ask(host, 20)} == {"2.0.0"}


async def ended(host: Host) -> Any:
    """How the trial of `lead` ended, once it has."""
    async with asyncio.timeout(HEARD_SECONDS):
        while True:
            view = await host.agents.trials.status("default", "lead")
            if view.ended_at is not None:
                return view
            await asyncio.sleep(0.05)


async def test_a_version_that_does_not_answer_ends_its_trial_and_harms_nobody(host: Host) -> None:
    await two_versions(host, always="t")
    await host.agents.trials.start("default", "lead", "1.0.0", share=0.9)
    await host.install(agent("second", priority=10), grants="all")

    # The second answers where the version that is tried does not.
    await ask(host, 20, weights={"priority": 1_000})
    view = await ended(host)

    assert "5 questions in a row" in view.why_ended
    assert (await host.agents.health.find("default", "lead")).state == "closed"
    assert {
        (each.agent, each.version) for each in await ask(host, 10, weights={"priority": 1_000})
    } == {("lead", "2.0.0")}


async def test_who_wants_a_version_is_answered_by_one_that_offers_it(host: Host) -> None:
    await host.install(agent("lead", "summarize@1.0.0"), grants="all")
    await host.upgrade(agent("lead", "summarize@2.0.0", "summarize@1.0.0", version="2.0.0"))
    await host.agents.trials.start("default", "lead", "1.0.0", share=0.9)

    newer = {(each.agent, each.version) for each in await ask(host, 10, version=">=2")}
    either = {(each.agent, each.version) for each in await ask(host, 10, version="<2")}

    assert newer == {("lead", "2.0.0")}
    assert ("lead", "1.0.0") in either


async def test_an_upgrade_ends_a_trial(host: Host) -> None:
    await two_versions(host)
    await host.agents.trials.start("default", "lead", "1.0.0")
    await host.upgrade(agent("lead", units=3, version="3.0.0"))

    answers = await ask(host, 20)

    assert {answer.version for answer in answers} == {"3.0.0"}
    assert "3.0.0" in (await ended(host)).why_ended


async def test_with_an_agent_its_trial_is_uninstalled(host: Host) -> None:
    await two_versions(host)
    await host.agents.trials.start("default", "lead", "1.0.0")
    await host.uninstall("lead")
    await host.agents.trials.tend()
    await host.install(agent("lead", version="5.0.0"), grants="all")

    assert {answer.version for answer in await ask(host, 5)} == {"5.0.0"}
    with pytest.raises(NotFound):
        await host.agents.trials.status("default", "lead")


async def test_an_operator_stops_a_trial_and_its_outcome_stays(host: Host) -> None:
    await two_versions(host)
    told: list[Event] = []
    host._parts.events.subscribe("agent.*", told.append)
    await host.agents.trials.start("default", "lead", "1.0.0")
    await ask(host, 10)

    view = await host.agents.trials.stop("default", "lead", actor="ada")
    assert [event.topic for event in told] == ["agent.trial-started", "agent.trial-ended"]
    for event in told:
        check_fields(event)

    assert view.ended_at is not None
    assert view.active.asked + view.other.asked == 10
    assert {answer.version for answer in await ask(host, 10)} == {"2.0.0"}
    with pytest.raises(NotFound, match="No trial"):
        await host.agents.trials.stop("default", "lead")
    entries = await host.audit.page(limit=10)
    assert {"agent.trial-started", "agent.trial-ended"} <= {each.action for each in entries.entries}


async def test_a_revoked_version_is_tried_no_more_and_its_agent_stays(host: Host) -> None:
    await two_versions(host)
    (kept,) = (each for each in await host.versions("lead") if not each.in_use)
    await host.agents.trials.start("default", "lead", "1.0.0", share=0.9)
    await host.revocations.add(sha256=kept.package_digest, reason="It is bad")

    answers = await ask(host, 20)

    assert {answer.version for answer in answers} == {"2.0.0"}
    assert (await host.plugin("lead")).state == "active"
    await ended(host)


async def test_versions_between_which_stored_data_was_migrated_are_not_tried(host: Host) -> None:
    await host.install(lives(1), grants="all")
    await host.call("lives", "count", {})
    await host.upgrade(lives(2, migrate="ok"))

    with pytest.raises(Conflict, match="migrated"):
        await parts(host).upgrader.beside("default", "lives", "1.0.0")


@pytest.mark.parametrize(
    ("terms", "error"),
    [
        ({"version": "9.9.9"}, NotFound),
        ({"version": "2.0.0"}, NotFound),
        ({"version": "1.0.0", "share": 0.0}, InvalidArguments),
        ({"version": "1.0.0", "share": 1.0}, InvalidArguments),
        ({"version": "1.0.0", "share": float("nan")}, InvalidArguments),
        ({"version": "1.0.0", "confidence": 1.0}, InvalidArguments),
    ],
    ids=["unknown", "active", "none", "all", "nan", "certain"],
)
async def test_what_cannot_be_tried_is_refused(
    host: Host, terms: dict[str, Any], error: type[Exception]
) -> None:
    await two_versions(host)

    with pytest.raises(error):
        await host.agents.trials.start("default", "lead", **terms)


async def test_of_one_agent_there_is_one_trial(host: Host) -> None:
    await two_versions(host)
    await host.agents.trials.start("default", "lead", "1.0.0")

    with pytest.raises(Conflict, match="Stop that first"):
        await host.agents.trials.start("default", "lead", "1.0.0")


async def test_a_trial_outlives_the_host(on_both_databases: None, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, workers_max=2)
    async with open_host(settings) as host:
        await two_versions(host)
        await host.agents.trials.start("default", "lead", "1.0.0", share=0.5)
        await ask(host, 20)
    async with open_host(settings) as host:
        versions = {answer.version for answer in await ask(host, 30)}
        view = await host.agents.trials.status("default", "lead")

    assert versions == {"1.0.0", "2.0.0"}
    assert view.active.asked + view.other.asked == 50


async def test_a_version_that_was_revoked_while_no_host_ran_ends_its_trial(
    on_both_databases: None, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path, workers_max=2)
    async with open_host(settings) as host:
        await two_versions(host)
        (kept,) = (each for each in await host.versions("lead") if not each.in_use)
        await host.agents.trials.start("default", "lead", "1.0.0")
        await host.revocations.add(sha256=kept.package_digest, reason="It is bad")
    async with open_host(settings) as host:
        view = await ended(host)
        answers = await ask(host, 5)

    assert view.why_ended
    assert {answer.version for answer in answers} == {"2.0.0"}
