"""Questions to real agents: who answers, for how much, and what is known of it afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from agents import ASK, CAPABILITY, agent, agents_host, question
from hosts import fake_host
from wardian import Host
from wardian.agents.questions import Piece
from wardian.errors import (
    AgentUnavailable,
    Forbidden,
    GuestError,
    InvalidArguments,
    NotFound,
)
from wardian.tenants.scopes import scopes_with

pytestmark = pytest.mark.anyio

TRAPS = agent("broken", always="t", priority=90, per_call=0.5)

BY_PRIORITY = {"cost": 0, "latency": 0, "quality": 0, "load": 0}
"""Weights that leave the priority alone to count."""


async def _ask(host: Host, does: str = "hello", **more: Any) -> Any:
    return await host.agents.ask("summarize", question(does), **more)


async def test_answer_says_who_gave_it_and_what_it_cost(tmp_path: Path) -> None:
    one = agent("one", per_call=0.5, per_unit=0.25, units=3, confidence=0.75)
    async with agents_host(tmp_path, one) as host:
        answer = await _ask(host)

    assert answer.output == ["hello"]
    assert (answer.agent, answer.version, answer.capability) == ("one", "1.0.0", "summarize")
    assert (answer.units, answer.unit, answer.cost) == (3, "token", 1.25)
    assert (answer.confidence, answer.cached) == (0.75, False)
    assert answer.usage["fuel"] > 0
    assert [each.ending for each in answer.attempts] == ["answered"]


async def test_agent_is_never_charged_for_more_units_than_it_may_use(tmp_path: Path) -> None:
    greedy = agent("greedy", units=2**63, per_unit=0.5, limits="units = 4")
    async with agents_host(tmp_path, greedy) as host:
        answer = await _ask(host)

    assert (answer.units, answer.cost) == (4, 2.0)


async def test_absurd_price_costs_a_million_at_most_and_is_written_down(tmp_path: Path) -> None:
    absurd = agent("absurd", units=2**63, per_unit=1e6, limits="units = 1_000_000_000")
    async with agents_host(tmp_path, absurd) as host:
        answer = await _ask(host)
        known = await host.agents.asked("default", answer.id)

    assert (answer.units, answer.cost) == (1_000_000_000, 1_000_000.0)
    assert known.cost == answer.cost


async def test_next_agent_answers_where_the_first_does_not_and_the_reason_is_kept(
    tmp_path: Path,
) -> None:
    async with agents_host(tmp_path, TRAPS, agent("two", per_call=0.25)) as host:
        answer = await _ask(host, criteria={"weights": BY_PRIORITY})
        known = await host.agents.asked("default", answer.id)

    first, second = answer.attempts
    assert (answer.agent, second.ending) == ("two", "answered")
    assert (first.agent, first.ending) == ("broken", "failed")
    assert "unreachable" in first.reason
    assert answer.cost == 0.75
    assert (known.agent, known.ending, known.cost) == ("two", "answered", 0.75)
    assert known.attempts == answer.attempts


async def test_nobody_else_is_asked_where_no_fallback_is_wanted(tmp_path: Path) -> None:
    async with agents_host(tmp_path, TRAPS, agent("two")) as host:
        with pytest.raises(AgentUnavailable, match="broken") as raised:
            await _ask(host, criteria={"fallback": 0, "ceilings": {"priority_min": 60}})
        [known] = (await host.agents.asks()).asks

    [attempt] = raised.value.details()["attempts"]
    assert (attempt["agent"], attempt["ending"]) == ("broken", "failed")
    assert (known.ending, known.agent) == ("agent-unavailable", "broken")


async def test_what_agents_say_of_a_question_that_none_answers_is_for_its_asker(
    tmp_path: Path,
) -> None:
    async with agents_host(tmp_path, agent("one"), agent("two", id_=2)) as host:
        with pytest.raises(GuestError) as raised:
            await _ask(host, "e")

    error = raised.value
    assert error.payload == '["e"]'
    assert error.message == 'No agent for summarize answers this. one: ["e"]; two: ["e"].'
    assert [each["agent"] for each in error.details()["attempts"]] == ["one", "two"]


@pytest.mark.parametrize(
    ("does", "why"),
    [("n", "no JSON"), ("c", "nan"), ("t", "unreachable")],
    ids=["no-json", "nan", "trap"],
)
async def test_what_is_no_answer_is_none(tmp_path: Path, does: str, why: str) -> None:
    hostile = agent("hostile", always=does, priority=90)
    async with agents_host(tmp_path, hostile) as host:
        with pytest.raises(AgentUnavailable, match=why):
            await _ask(host)


async def test_key_for_some_plugins_has_only_those_asked(tmp_path: Path) -> None:
    async with agents_host(tmp_path, agent("one", priority=90), agent("two", id_=2)) as host:
        answer = await _ask(host, scopes=scopes_with(["call"], ["two"]))

    assert answer.agent == "two"
    assert [each.agent for each in answer.attempts] == ["two"]


async def test_key_without_what_an_agent_requires_does_not_have_it_asked(tmp_path: Path) -> None:
    strict = agent("strict", priority=90, above='required_scopes = ["texts"]')
    async with agents_host(tmp_path, strict, agent("two", id_=2)) as host:
        without = await _ask(host, scopes=["call"])
        with_it = await _ask(host, scopes=["call", "texts"], criteria={"agents": ["strict"]})
        await host.uninstall("two")
        with pytest.raises(Forbidden, match="texts"):
            await host.agents.explain("summarize", scopes=["call"])

    assert (without.agent, with_it.agent) == ("two", "strict")


async def test_nobody_is_asked_for_what_no_agent_offers(tmp_path: Path) -> None:
    async with agents_host(tmp_path, agent("one")) as host:
        with pytest.raises(NotFound):
            await host.agents.ask("translate", "")
        with pytest.raises(NotFound):
            await _ask(host, tenant="other")
        with pytest.raises(InvalidArguments):
            await host.agents.ask("Summarize!", "")
        with pytest.raises(InvalidArguments, match="ceiling"):
            await _ask(host, criteria={"ceiling": {}})
        with pytest.raises(InvalidArguments):
            await host.agents.ask("summarize", float("nan"))


async def test_disabled_agent_is_not_asked_and_an_enabled_one_is_again(tmp_path: Path) -> None:
    async with agents_host(tmp_path, agent("one")) as host:
        await host.disable("one")
        with pytest.raises((NotFound, AgentUnavailable)):
            await _ask(host)
        await host.enable("one")
        assert (await _ask(host)).agent == "one"


async def test_answer_that_may_be_given_again_is_and_costs_nothing(tmp_path: Path) -> None:
    async with agents_host(tmp_path, agent("one", cacheable=True, per_call=1.0)) as host:
        first = await _ask(host)
        again, other = await _ask(host), await _ask(host, "other")
        fresh = await _ask(host, criteria={"fresh": True})
        known = await host.agents.asked("default", again.id)

    assert (first.cached, again.cached, other.cached, fresh.cached) == (False, True, False, False)
    assert (again.output, again.cost, again.units) == (first.output, 0.0, 0)
    assert (known.cached, known.ending, known.cost) == (True, "answered", 0.0)


async def test_answer_that_its_agent_does_not_want_kept_is_not(tmp_path: Path) -> None:
    async with agents_host(tmp_path, agent("one", cacheable=False)) as host:
        await _ask(host)
        assert not (await _ask(host)).cached


async def test_kept_answers_are_not_for_other_tenants_nor_after_a_change(tmp_path: Path) -> None:
    async with agents_host(tmp_path, agent("one", cacheable=True)) as host:
        await host.tenants.create("other")
        await host.install(agent("one", cacheable=True), tenant="other")
        await _ask(host)
        elsewhere = await _ask(host, tenant="other")
        await host.upgrade(agent("one", cacheable=True, id_=7, version="1.1.0"))
        after = await _ask(host)

    assert not elsewhere.cached
    assert (after.cached, after.version) == (False, "1.1.0")


async def test_answers_are_kept_for_nobody_where_the_operator_wants_none(tmp_path: Path) -> None:
    one = agent("one", cacheable=True)
    async with agents_host(tmp_path, one, agent_answers_seconds=0) as host:
        await _ask(host)
        assert not (await _ask(host)).cached


async def test_second_agent_answers_where_the_first_takes_long_and_that_is_wished(
    tmp_path: Path,
) -> None:
    slow = agent("slow", always="s", priority=90, per_call=0.5)
    async with agents_host(tmp_path, slow, agent("quick", per_call=0.25)) as host:
        answer = await _ask(host, criteria={"hedge": True, "weights": BY_PRIORITY})
        answered = await _ask(host, criteria={"agents": ["quick"]})
        (known,) = (await host.agents.registry.get("default", "slow")).measured

    slowly, quickly = answer.attempts
    assert (answer.agent, answered.agent) == ("quick", "quick")
    assert (slowly.agent, slowly.ending, slowly.hedge) == ("slow", "cancelled", False)
    assert slowly.reason == "quick answered first"
    assert known.latency_ms is not None
    assert known.latency_ms > 1_000  # it takes at least as long as it had
    assert known.asked == 0
    assert (quickly.agent, quickly.ending, quickly.hedge) == ("quick", "answered", True)
    assert answer.cost == 0.75  # the loser began, and had no effects that could have cost more


async def test_agent_is_not_slow_for_what_its_host_needs_before_it_is_called(
    tmp_path: Path,
) -> None:
    async def answers(arguments: Mapping[str, Any], answer: Any) -> Any:
        return {"output": "1", "units": 1, "confidence": None, "cacheable": False}

    async with fake_host(tmp_path, {ASK: answers}) as made:
        await made.host.install(agent("one"))
        await _ask(made.host)
        (known,) = (await made.host.agents.registry.get("default", "one")).measured

    assert known.latency_ms == 1.0  # what the call says of itself; not the time around it


async def test_question_whose_asker_goes_away_ends_and_is_charged(tmp_path: Path) -> None:
    slow = agent("slow", always="s", per_call=0.5)
    async with agents_host(tmp_path, slow) as host:
        await host.agents.budgets.set("default", "*", "day", 1.0)
        asking = asyncio.create_task(_ask(host))
        while (await host.agents.budgets.get("default"))[0].held == 0:
            await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await host.agents.idle()
        [budget] = await host.agents.budgets.get("default")
        [known] = (await host.agents.asks()).asks

    assert budget.held == 0
    assert (known.ending, known.attempts[0].ending) == ("cancelled", "cancelled")
    assert budget.spent == known.cost


async def test_questions_are_known_in_pages_the_newest_first(tmp_path: Path) -> None:
    async with agents_host(tmp_path, agent("one")) as host:
        ids = [(await _ask(host, f"x{number}")).id for number in range(5)]
        first = await host.agents.asks(limit=3)
        second = await host.agents.asks(limit=3, before=first.next)
        by_others = await host.agents.asks(subject="somebody else")
        with pytest.raises(InvalidArguments):
            await host.agents.asks(before="what")
        with pytest.raises(NotFound):
            await host.agents.asked("other", ids[0])

    assert [each.id for each in (*first.asks, *second.asks)] == ids[::-1]
    assert second.next is None
    assert by_others.asks == []


async def test_pieces_are_not_told_of_an_agent_that_says_none(tmp_path: Path) -> None:
    heard: list[Piece] = []

    async def hear(piece: Piece) -> None:
        heard.append(piece)

    async with agents_host(tmp_path, agent("one")) as host:
        answer = await _ask(host, on_piece=hear)

    assert answer.output == ["hello"]
    assert heard == []


async def test_capabilities_have_versions_that_askers_choose_among(tmp_path: Path) -> None:
    old, new = agent("old", CAPABILITY, priority=90), agent("new", "summarize@2.0.0", id_=2)
    async with agents_host(tmp_path, old, new) as host:
        answer = await _ask(host, criteria={"version": "^2"})
        with pytest.raises(NotFound):
            await _ask(host, criteria={"version": "^3"})

    assert answer.agent == "new"
