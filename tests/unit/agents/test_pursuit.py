"""One question through the ranking of a decision, by attempts that end as they are told."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from wardian.agents.asking.attempt import Attempt
from wardian.agents.asking.pursuit import HEDGE_SECONDS_MIN, Pursuit, hedge_after
from wardian.agents.budgets.allowances import Allowance
from wardian.agents.candidates import Candidate, Ending
from wardian.agents.criteria import Criteria
from wardian.agents.money import CostModel
from wardian.agents.questions import Question
from wardian.errors import BudgetExceeded, QuotaExceeded

pytestmark = pytest.mark.anyio


class Told:
    """Attempts that end as each agent's name says, or when it is released."""

    def __init__(self, endings: Mapping[str, Ending | Exception | asyncio.Event]) -> None:
        self._endings = endings
        self.asked: list[str] = []

    async def make(self, question: Question, attempt: Attempt, *more: Any) -> Attempt:
        name = attempt.candidate.agent
        self.asked.append(name)
        told = self._endings[name]
        if isinstance(told, asyncio.Event):
            try:
                await told.wait()
            except asyncio.CancelledError:
                attempt.ending = Ending.CANCELLED
                return attempt
            told = Ending.ANSWERED
        if isinstance(told, Exception):
            attempt.error, attempt.ending = told, Ending.NOT_BEGUN
        else:
            attempt.ending, attempt.was_put = told, told is not Ending.NOT_BEGUN
        return attempt


def _candidate(name: str, per_call: int = 0) -> Candidate:
    return Candidate(
        agent=name,
        version="1.0.0",
        plugin_id=name,
        capability="summarize",
        capability_version="1.0.0",
        cost=CostModel(per_call=per_call),
    )


def _pursuit(told: Told, ranked: Sequence[Candidate], **criteria: Any) -> Pursuit:
    question = Question(
        tenant="default", capability="summarize", input="1", criteria=Criteria(**criteria)
    )
    return Pursuit(
        told,  # type: ignore[arg-type]  # it makes attempts
        question,
        ranked,
        Allowance(None),
        after=lambda candidate: 0.0,
    )


async def test_next_one_is_asked_until_one_has_answered() -> None:
    told = Told({"a": Ending.FAILED, "b": Ending.REFUSED, "c": Ending.ANSWERED, "d": Ending.FAILED})
    answered = await _pursuit(told, [_candidate(name) for name in "abcd"]).run()

    assert answered is not None
    assert (answered.candidate.agent, told.asked) == ("c", ["a", "b", "c"])


async def test_only_so_many_others_are_asked_and_who_could_not_be_does_not_count() -> None:
    endings = [Ending.FAILED, Ending.NOT_BEGUN, Ending.NOT_BEGUN, Ending.TIMED_OUT, Ending.ANSWERED]
    told = Told(dict(zip("abcde", endings, strict=True)))

    assert await _pursuit(told, [_candidate(name) for name in "abcde"], fallback=1).run() is None
    assert told.asked == ["a", "b", "c", "d"]


async def test_nobody_else_is_asked_where_all_would_be_refused_the_same() -> None:
    told = Told({"a": QuotaExceeded("No more calls today."), "b": Ending.ANSWERED})

    assert await _pursuit(told, [_candidate("a"), _candidate("b")]).run() is None
    assert told.asked == ["a"]


async def test_only_cheaper_ones_are_asked_after_the_budget_has_refused() -> None:
    told = Told({"a": BudgetExceeded("Less is left."), "c": Ending.ANSWERED})
    ranked = [_candidate("a", 5), _candidate("b", 6), _candidate("c", 4)]

    answered = await _pursuit(told, ranked).run()

    assert answered is not None
    assert told.asked == ["a", "c"]


async def test_slower_of_two_is_ended_whichever_it_is() -> None:
    first, second = asyncio.Event(), asyncio.Event()
    first.set()
    told = Told({"a": first, "b": second})
    pursuit = _pursuit(told, [_candidate("a"), _candidate("b")], hedge=True)
    answered = await pursuit.run()

    other = Told({"a": asyncio.Event(), "b": Ending.ANSWERED})
    late = _pursuit(other, [_candidate("a"), _candidate("b")], hedge=True)
    hedged = await late.run()

    assert answered is not None
    assert hedged is not None
    assert answered.candidate.agent == "a"
    assert (hedged.candidate.agent, hedged.hedge) == ("b", True)
    assert [each.ending for each in late.attempts] == [Ending.CANCELLED, Ending.ANSWERED]
    assert [each.outrun_by for each in late.attempts] == ["b", ""]


async def test_one_that_fails_beside_another_leaves_that_one_to_answer() -> None:
    waits = asyncio.Event()
    told = Told({"a": waits, "b": Ending.FAILED})
    running = asyncio.create_task(
        _pursuit(told, [_candidate("a"), _candidate("b")], hedge=True).run()
    )
    while told.asked != ["a", "b"]:
        await asyncio.sleep(0)
    waits.set()

    answered = await running

    assert answered is not None
    assert answered.candidate.agent == "a"


async def test_attempt_that_is_ended_before_it_began_is_one_that_was_cancelled() -> None:
    told = Told({"a": asyncio.Event()})
    pursuit = _pursuit(told, [_candidate("a")])
    running = asyncio.create_task(pursuit.run())
    while not pursuit.attempts:
        await asyncio.sleep(0)
    running.cancel()
    await pursuit.end()

    assert told.asked == []
    assert [each.ending for each in pursuit.attempts] == [Ending.CANCELLED]


def test_agent_has_twice_its_usual_time_before_another_is_asked() -> None:
    usual, quick = _candidate("a"), _candidate("b")
    usual.latency_ms, quick.latency_ms = 1_500.0, 0.1

    assert hedge_after(usual) == 3.0
    assert hedge_after(quick) == HEDGE_SECONDS_MIN
