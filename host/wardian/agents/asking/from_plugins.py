"""Questions of plugins to agents: in whose name they are asked, and what plugins get to hear."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from wardian.agents.criteria import ANY, Criteria, read_criteria
from wardian.agents.questions import Asks, Question
from wardian.agents.views import AnswerView
from wardian.capabilities import CallContext, Refused
from wardian.capabilities.agents import WantedAnswer
from wardian.errors import (
    BudgetExceeded,
    Forbidden,
    InvalidArguments,
    NotFound,
    QuotaExceeded,
    WardianError,
)
from wardian.plugins.text import escaped
from wardian.runtime.exchange import LARGE_BYTES, REASON_CHARACTERS_MAX, check_depth
from wardian.storage.documents import dump_json, parse_json, utf8_length

CRITERIA_BYTES_MAX = 16 * 1024


class PluginQuestions:
    """Has agents answer what plugins ask; implements `wardian.capabilities.agents.AgentAsks`.

    An agent that is asked so is called by the plugin that asks: it may do only what all plugins of
    the chain may, spends what they have left, and ends when they do.
    """

    def __init__(self, asks: Asks, *, depth_max: int) -> None:
        """``depth_max`` is how many plugins a chain may have."""
        self._asks = asks
        self._depth_max = depth_max

    async def ask(self, caller: CallContext, wanted: WantedAnswer) -> dict[str, Any]:
        """Return an ``answer`` of the WIT.

        Raises:
            Refused: why nobody was asked, or answered, for the plugin that asks.
        """
        check_depth(caller, self._depth_max, f"{escaped(wanted.capability, 200)} is not asked")
        criteria = _criteria(wanted.criteria)
        await _check_input(caller, wanted.input)
        facts = caller.facts
        question = Question(
            tenant=facts.tenant,
            capability=wanted.capability,
            input=wanted.input,
            criteria=criteria,
            subject=f"plugin:{facts.plugin}",
            scopes=facts.scopes,
            correlation_id=facts.correlation_id,
            traceparent=facts.traceparent,
            tracestate=facts.tracestate,
            caller=caller,
        )
        try:
            answer = await self._asks.ask(question)
        except WardianError as error:
            raise _refusal(error) from error
        return {"agent": answer.agent, "output": await _output(caller, answer), "cost": answer.cost}


def _criteria(text: str | None) -> Criteria:
    if text is None:
        return ANY
    try:
        return read_criteria(parse_json(text, max_bytes=CRITERIA_BYTES_MAX))
    except InvalidArguments as exc:
        where = "" if exc.path is None else f" ({escaped(exc.path, 100)})"
        raise Refused("invalid", f"{escaped(exc.message, REASON_CHARACTERS_MAX)}{where}") from exc


async def _check_input(caller: CallContext, text: str) -> None:
    """Check that an input is JSON, as strictly as arguments of any call."""
    parse = partial(parse_json, text, max_bytes=caller.budget.limits.argument_bytes)
    try:
        parse() if len(text) <= LARGE_BYTES else await asyncio.to_thread(parse)
    except InvalidArguments as exc:
        raise Refused(
            "invalid", f"The input is no JSON: {escaped(exc.message, REASON_CHARACTERS_MAX)}"
        ) from exc


async def _output(caller: CallContext, answer: AnswerView) -> str:
    """Return an answer's output as text, if it is no larger than the caller may be given."""
    write = partial(dump_json, answer.output)
    size = 0 if answer.usage is None else answer.usage["output_bytes"]
    text = write() if 0 < size <= LARGE_BYTES else await asyncio.to_thread(write)
    most = caller.budget.limits.result_bytes
    if utf8_length(text) > most:
        raise Refused(
            "exhausted",
            f"The answer is {utf8_length(text)} bytes of JSON, more than the limit of {most}.",
        )
    return text


def _refusal(error: WardianError) -> Refused:
    """Say why there is no answer, to a plugin."""
    text = escaped(error.message, REASON_CHARACTERS_MAX)
    if isinstance(error, InvalidArguments):
        return Refused("invalid", text)
    if isinstance(error, Forbidden):
        return Refused("denied", text)
    if isinstance(error, NotFound):
        return Refused("not-found", text)
    is_spent = isinstance(error, BudgetExceeded | QuotaExceeded)
    return Refused("exhausted" if is_spent else "unavailable", text)
