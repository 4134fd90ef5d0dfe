"""A question, as everybody who has one puts it, and what is heard before its answer is whole."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from wardian.agents.criteria import ANY, Criteria
from wardian.agents.views import AnswerView
from wardian.capabilities import CallContext
from wardian.crypto.identifiers import new_id
from wardian.runtime.sinks import is_longer
from wardian.storage.documents import check_json, dump_json, utf8_length

LARGE = 16 * 1024
"""An input of more characters is written in a thread: that takes longer than others are to wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What an agent said before its answer was whole.

    Attributes:
        text: what came next; empty where ``restarted`` says only that.
        agent: who said it.
        restarted: whether another agent begins from the start, because the one before did not
            answer or was slower: what was heard up to now is not of the answer.
    """

    text: str
    agent: str
    restarted: bool = False


OnPiece = Callable[[Piece], Awaitable[None]]
"""Hears pieces, in order. The answer that comes at the end is whole, whatever was heard."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """One question.

    Attributes:
        input: JSON text.
        subject: who asks.
        scopes: of the key that all began with; None if it took no key. Only agents that such a key
            may call are asked.
        caller: the call of a plugin that asks, and waits. Its rights, what is left of its budget
            and of the ceiling on cost of the question that it answers itself are what the agent
            has at most; an agent that is in its chain is not asked, and nobody is asked beside
            another.
        on_piece: hears pieces of the answer.
        id: of the question; feedback names it.
        is_probe: whether the host asks by itself, to know whether an agent is well.
    """

    tenant: str
    capability: str
    input: str
    criteria: Criteria = ANY
    subject: str = "host"
    scopes: Collection[str] | None = None
    correlation_id: str | None = None
    traceparent: str | None = None
    tracestate: str | None = None
    caller: CallContext | None = None
    on_piece: OnPiece | None = None
    id: str = field(default_factory=new_id)
    is_probe: bool = False

    @cached_property
    def input_bytes(self) -> int:
        """How long the input is, in UTF-8."""
        return utf8_length(self.input)


class Asks(Protocol):
    """Has agents answer questions; `wardian.agents.asking.asking.Asking` does."""

    async def ask(self, question: Question) -> AnswerView:
        """Return the answer of the best agent that answered.

        Raises:
            NotFound: no agent for it, or none in such a version or with such tags.
            Forbidden: there are, and the key lacks a scope that they require.
            AgentUnavailable: none of those that could be asked answered; says why each did not.
            GuestError: all that were asked said why they do not answer; what the first said.
            BudgetExceeded: the tenant has less left than the question may cost.
            InvalidArguments: the capability, the input or the criteria.
            QuotaExceeded: the tenant has used up its calls of the day.
        """
        ...


async def input_text(value: Any) -> str:
    """Return the JSON text of an input.

    Raises:
        InvalidArguments: it is not a JSON value; with the path of the fault.
    """
    return await asyncio.to_thread(_text, value) if is_longer(value, LARGE) else _text(value)


def _text(value: Any) -> str:
    check_json(value)
    return dump_json(value)
