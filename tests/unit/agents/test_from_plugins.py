"""Questions of plugins: taken for what they are, and asked in the name of their chain."""

from __future__ import annotations

import json
from typing import Any

import pytest

from callings import calling, refusing
from wardian.agents.asking.from_plugins import CRITERIA_BYTES_MAX, PluginQuestions
from wardian.agents.criteria import ANY, Ceilings, Criteria
from wardian.agents.questions import Question
from wardian.agents.views import AnswerView
from wardian.capabilities import CallContext, Refused
from wardian.capabilities.agents import WantedAnswer
from wardian.errors import (
    AgentUnavailable,
    BudgetExceeded,
    Forbidden,
    GuestError,
    InvalidArguments,
    NotFound,
    Overloaded,
    QuotaExceeded,
    WardianError,
)
from wardian.policy.limits import Limits

pytestmark = pytest.mark.anyio


class Answering:
    """Answers every question with the same, or not at all."""

    def __init__(self, output: Any = "short", error: Exception | None = None) -> None:
        self.asked: list[Question] = []
        self._output = output
        self._error = error

    async def ask(self, question: Question) -> AnswerView:
        self.asked.append(question)
        if self._error is not None:
            raise self._error
        return AnswerView(
            id=question.id,
            capability=question.capability,
            agent="lead",
            version="1.0.0",
            output=self._output,
            cost=0.25,
            units=1,
            unit="token",
            confidence=None,
            cached=False,
            latency_ms=1.0,
            strategy="weighted",
            rule=None,
            attempts=[],
        )


async def ask(
    asks: Answering,
    input_: str = '"a text"',
    criteria: str | None = None,
    caller: CallContext | None = None,
    depth_max: int = 8,
) -> dict[str, Any]:
    wanted = WantedAnswer(capability="summarize", input=input_, criteria=criteria)
    return await PluginQuestions(asks, depth_max=depth_max).ask(caller or calling(), wanted)


async def test_a_plugin_is_told_who_answered_what_for_how_much() -> None:
    assert await ask(Answering({"é": [1, None]})) == {
        "agent": "lead",
        "output": '{"é":[1,null]}',
        "cost": 0.25,
    }


async def test_it_is_asked_in_the_name_of_the_plugin_and_as_its_call() -> None:
    asks = Answering()
    caller = calling()

    await ask(asks, ' {"text": 1} ', '{"ceilings": {"cost": 0.5}, "fallback": 0}', caller)
    await ask(asks)

    first, second = asks.asked
    assert (first.subject, first.tenant, first.correlation_id) == (
        "plugin:counter",
        "default",
        "c1",
    )
    assert first.caller is caller
    assert json.loads(first.input) == {"text": 1}
    assert first.criteria == Criteria(ceilings=Ceilings(cost=0.5), fallback=0)
    assert second.criteria is ANY


HOSTILE = [
    "",
    "{",
    "[]",
    '"cheapest"',
    "7",
    "[" * 10_000,
    '{"a":' * 5_000 + "1" + "}" * 5_000,
    '{"unknown": 1}',
    '{"strategy": 5}',
    '{"strategy": ""}',
    '{"strategy": "' + "x" * 201 + '"}',
    '{"fallback": 9}',
    '{"fallback": -1}',
    '{"fallback": 1.5}',
    '{"fallback": true}',
    '{"hedge": "yes"}',
    '{"ceilings": {"cost": -1}}',
    '{"ceilings": {"cost": NaN}}',
    '{"ceilings": {"cost": Infinity}}',
    '{"ceilings": {"cost": 1e400}}',
    '{"ceilings": {"quality_min": 2}}',
    '{"ceilings": {"cost": "0"}}',
    '{"ceilings": null}',
    '{"weights": {"cost": 1e13}}',
    '{"weights": {"beauty": 1}}',
    '{"agents": "lead"}',
    json.dumps({"agents": ["a"] * 65}),
    '{"agents": ["\\ud800"]}',
    '{"tags": [1]}',
    '{"fallback": 1, "fallback": 2}',
    '{"version": "' + "1" * CRITERIA_BYTES_MAX + '"}',
    "\0",
]


@pytest.mark.parametrize("criteria", HOSTILE, ids=range(len(HOSTILE)))
async def test_hostile_criteria_are_invalid_and_nobody_is_asked(criteria: str) -> None:
    asks = Answering()

    with refusing("invalid") as refused:
        await ask(asks, criteria=criteria)

    assert not asks.asked
    assert len(refused.text) < 1_000


@pytest.mark.parametrize("input_", ["", "{", "NaN", "[" * 10_000, '{"a":1,"a":2}', '"\\ud800"'])
async def test_an_input_that_is_no_json_is_invalid(input_: str) -> None:
    asks = Answering()

    with refusing("invalid", "no JSON"):
        await ask(asks, input_)

    assert not asks.asked


async def test_an_input_is_no_longer_than_arguments_of_the_caller() -> None:
    caller = calling(limits=Limits(argument_bytes=20_000))

    await ask(Answering(), json.dumps("x" * 19_000), caller=caller)
    with refusing("invalid"):
        await ask(Answering(), json.dumps("x" * 20_000), caller=caller)


async def test_an_answer_is_no_longer_than_a_result_of_the_caller() -> None:
    caller = calling(limits=Limits(result_bytes=100))

    await ask(Answering("é" * 49), caller=caller)
    with refusing("exhausted", "102 bytes"):
        await ask(Answering("é" * 50), caller=caller)


async def test_a_chain_that_is_as_long_as_may_be_asks_nobody() -> None:
    asks = Answering()
    caller = calling()
    caller.caller = calling()

    with refusing("exhausted", "no more than 2 plugins, and counter → counter has as many"):
        await ask(asks, caller=caller, depth_max=2)

    assert not asks.asked


ERRORS: list[tuple[WardianError, str]] = [
    (NotFound("No agent for summarize."), "not-found"),
    (Forbidden("It cannot be asked."), "denied"),
    (InvalidArguments("No capability."), "invalid"),
    (BudgetExceeded("Nothing is left."), "exhausted"),
    (QuotaExceeded("Nothing is left today."), "exhausted"),
    (AgentUnavailable("Nobody answered."), "unavailable"),
    (Overloaded("Every worker is busy."), "unavailable"),
    (GuestError(payload="\x1b[2Jthe text is too short"), "unavailable"),
    (GuestError(payload="x" * 100_000), "unavailable"),
]


@pytest.mark.parametrize(("error", "case"), ERRORS, ids=range(len(ERRORS)))
async def test_why_nobody_answered_is_told_in_the_words_of_the_wit(
    error: WardianError, case: Any
) -> None:
    with refusing(case) as refused:
        await ask(Answering(error=error))

    assert refused.text.isprintable()
    assert 10 < len(refused.text) < 1_000


async def test_what_the_budget_of_the_chain_refuses_stays_as_it_is() -> None:
    with refusing("exhausted", "too little"):
        await ask(Answering(error=Refused("exhausted", "What is left is too little.")))
