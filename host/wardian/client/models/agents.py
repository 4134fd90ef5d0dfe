"""Agents, what they were asked, and what may be spent on them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypedDict

import msgspec

from wardian.client.models.attempts import AgentAttempt
from wardian.client.models.jobs import UsageEnvelope
from wardian.client.models.pages import Tagged


class AgentCeilings(TypedDict, total=False):
    """What no agent that is asked passes.

    Attributes:
        cost: the most that the question may cost, in the host's currency.
        latency_ms: mean time to an answer.
        load: share of what it takes on at once.
        quality_min: from 0 to 1.
        priority_min: from 0 to 100.
    """

    cost: float
    latency_ms: float
    load: float
    quality_min: float
    priority_min: int


class AgentWeights(TypedDict, total=False):
    """How much each counts for the strategy `weighted`; only their ratios matter."""

    cost: float
    latency: float
    quality: float
    load: float
    priority: float


class AgentCriteria(TypedDict, total=False):
    """What one question wants of the agent that answers.

    Attributes:
        strategy: the name of one; else the host's rules say.
        version: a range of the capability's versions.
        tags: each must be there.
        agents, exclude: only these, and none of these.
        fallback: how many others are asked if the chosen one does not answer, up to 8.
        hedge: ask the next best as well when the first takes longer than usual.
        fresh: never take an answer that was kept.
    """

    ceilings: AgentCeilings
    weights: AgentWeights
    strategy: str
    version: str
    tags: list[str]
    agents: list[str]
    exclude: list[str]
    fallback: int
    hedge: bool
    fresh: bool


class AgentPrice(TypedDict, total=False):
    """What an operator says that asking costs."""

    per_call: float
    per_unit: float


class AgentBounds(TypedDict, total=False):
    """What an operator says that one agent takes on; what is left out is the manifest's."""

    units: int
    concurrent: int
    input_bytes: int


class AgentCost(msgspec.Struct, frozen=True, kw_only=True):
    """What asking costs, in the host's currency."""

    per_call: float
    per_unit: float
    unit: str


class AgentLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What one agent takes on."""

    units: int
    concurrent: int
    input_bytes: int


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured of an agent for one capability.

    Attributes:
        quality_low, quality_high: within which its quality is in 19 cases of 20.
        latency_ms, cost: None before the first answer.
        asked: how many outcomes were seen.
    """

    capability: str
    capability_version: str
    quality: float
    quality_low: float
    quality_high: float
    latency_ms: float | None
    cost: float | None
    success_rate: float | None
    asked: int


class AgentHealth(msgspec.Struct, frozen=True, kw_only=True):
    """An agent's circuit breaker.

    Attributes:
        state: ``closed``, ``open`` or ``half-open``.
        failures: in a row.
        open_until: when the next trial may be, of an open one.
    """

    state: str
    reason: str
    failures: int
    since: datetime | None
    open_until: datetime | None
    last_probe_at: datetime | None
    last_probe: str


class Agent(Tagged, frozen=True, kw_only=True):
    """One agent.

    Attributes:
        name, version: the plugin's.
        state: of the plugin; only ``active`` and ``degraded`` ones are asked.
        paused: whether the operator keeps questions from it.
        overridden: which of priority, tags, cost and limits are the operator's.
        in_flight: questions under way now, on all hosts.
    """

    name: str
    version: str
    state: str
    description: str
    priority: int
    tags: list[str]
    cost: AgentCost
    limits: AgentLimits
    paused: bool
    overridden: list[str]
    in_flight: int
    health: AgentHealth
    measured: list[Measured]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a question.

    Attributes:
        id: of the question; feedback names it.
        output: the answer, a JSON value.
        cost: what was charged, for all attempts.
        confidence: how sure the agent was, from 0 to 1, if it said so.
        cached: whether the answer was kept from an earlier question.
        strategy, rule: who chose.
        usage: of the call that answered; None of a kept answer.
    """

    id: str
    capability: str
    agent: str
    version: str
    output: Any
    cost: float
    units: int
    unit: str
    confidence: float | None
    cached: bool
    latency_ms: float
    strategy: str
    rule: str | None
    attempts: list[AgentAttempt]
    usage: UsageEnvelope | None


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent said before its answer was whole."""

    text: str
    agent: str


class Restarted(msgspec.Struct, frozen=True, kw_only=True):
    """Another agent begins from the start: the pieces up to now are not of the answer."""

    agent: str


class DroppedPieces(msgspec.Struct, frozen=True, kw_only=True):
    """How many pieces were not told, because they were read too slowly."""

    dropped: int


class AnswerFeedback(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody thinks of an answer.

    Attributes:
        ask: the question's id.
        score: from 0 to 1.
        by: the name of the key.
    """

    id: str
    ask: str
    score: float | None
    label: str
    comment: str
    by: str
    at: datetime


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One question that was asked, without what was asked and answered.

    Attributes:
        subject: who asked.
        ending: ``answered``, or the type of the error.
    """

    id: str
    at: datetime
    capability: str
    subject: str
    agent: str
    version: str
    ending: str
    strategy: str
    rule: str | None
    cost: float
    units: int
    latency_ms: float
    cached: bool
    attempts: list[AgentAttempt]
    feedback: list[AnswerFeedback]


class QuestionsPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some questions, the newest first; ``next`` asks for those before them."""

    asks: list[Question]
    next: str | None


class AgentCandidate(msgspec.Struct, frozen=True, kw_only=True):
    """One candidate as a decision saw it.

    Attributes:
        score: what the strategy went by; None if it was not in question.
        parts: what the score is made of, each from 0 to 1 before its weight.
        lost: why it is not the one; empty for the one.
        cost, cost_most: what the question may be expected to cost, and the most that it can.
    """

    agent: str
    version: str
    capability_version: str
    score: float | None
    parts: dict[str, float]
    lost: str
    cost: float
    cost_most: float
    latency_ms: float
    quality: float
    load: float
    priority: int


class AgentChoice(msgspec.Struct, frozen=True, kw_only=True):
    """Who would be asked, and why the others not."""

    capability: str
    chosen: str | None
    strategy: str | None
    rule: str | None
    why_none: str
    candidates: list[AgentCandidate]


class AgentRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule: which strategy, when; without conditions it always holds."""

    name: str
    strategy: str
    when: dict[str, Any] = {}


class AgentRules(Tagged, frozen=True, kw_only=True):
    """The rules, of which the first that matches counts.

    Attributes:
        default: the strategy if none does.
        strategies: which there are.
    """

    rules: list[AgentRule]
    default: str
    strategies: list[str]


class AgentBudget(msgspec.Struct, frozen=True, kw_only=True):
    """What may be spent on agents in a period (UTC).

    Attributes:
        capability: the one that it is for; ``*`` for all.
        period: ``hour``, ``day``, ``month`` or ``ever``.
        held: what is set aside for questions under way.
        ends_at: of the present period; None of ``ever``.
    """

    capability: str
    period: str
    limit: float
    spent: float
    held: float
    ends_at: datetime | None


class TrialArm(msgspec.Struct, frozen=True, kw_only=True):
    """One version in a trial.

    Attributes:
        answered: of those that were ``asked``.
        mean: of its scores; None without one.
        low, high: within which that is in 19 cases of 20.
    """

    version: str
    asked: int
    mean: float | None
    low: float
    high: float
    latency_ms: float | None
    cost: float | None
    answered: int = 0


class AgentTrial(Tagged, frozen=True, kw_only=True):
    """Two versions of an agent that answer by turns.

    Attributes:
        active: the version that the plugin runs.
        other: the kept version that is tried beside it.
        share: of questions that go to ``other``.
        other_is_better: how sure it is that it is, from 0 to 1.
        verdict: in words, with the confidence.
        ends: whether it ends by itself once it is decided.
        decided, decided_at, better: whether and since when one is better with the confidence asked
            for, and which version; that stays, whatever comes later.
        ended_at, why_ended: of one that has.
    """

    agent: str
    active: TrialArm
    other: TrialArm
    share: float
    confidence: float
    other_is_better: float
    verdict: str
    decided: bool
    since: datetime
    ends: bool = False
    ended_at: datetime | None = None
    why_ended: str = ""
    decided_at: datetime | None = None
    better: str | None = None
