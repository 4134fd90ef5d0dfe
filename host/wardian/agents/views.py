"""Agents and what they answer, as the API and the command line show them.

Amounts are of the operator's currency, times in milliseconds.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

State = Literal["closed", "open", "half-open"]


class CostView(msgspec.Struct, frozen=True, kw_only=True):
    """What asking costs."""

    per_call: float
    per_unit: float
    unit: str


class LimitsView(msgspec.Struct, frozen=True, kw_only=True):
    """What one agent takes on."""

    units: int
    concurrent: int
    input_bytes: int


class MeasuredView(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured of an agent for one capability, all of it decayed but ``asked``.

    Attributes:
        quality_low, quality_high: within which its quality is in 19 cases of 20.
        latency_ms, cost: null before the first answer.
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


class HealthView(msgspec.Struct, frozen=True, kw_only=True):
    """An agent's circuit breaker.

    Attributes:
        open_until: when the next trial may be, of an open one.
        failures: in a row.
    """

    state: State
    reason: str
    failures: int
    since: datetime | None
    open_until: datetime | None
    last_probe_at: datetime | None
    last_probe: str


class AgentView(msgspec.Struct, frozen=True, kw_only=True):
    """One agent.

    Attributes:
        name, version: the plugin's.
        state: of the plugin; only `active` and `degraded` ones are asked.
        paused: whether the operator keeps questions from it.
        overridden: which of priority, tags, cost and limits are the operator's, not the manifest's.
        in_flight: questions under way now, on all hosts.
    """

    name: str
    version: str
    state: str
    description: str
    priority: int
    tags: list[str]
    cost: CostView
    limits: LimitsView
    paused: bool
    overridden: list[str]
    in_flight: int
    health: HealthView
    measured: list[MeasuredView]


class AskAttemptView(msgspec.Struct, frozen=True, kw_only=True):
    """One agent that a question was put to, or would have been.

    Attributes:
        ending: how; see `wardian.agents.candidates.Ending`.
        reason: why it did not answer, for people.
        hedge: whether it was asked beside another that took long.
    """

    agent: str
    version: str
    ending: str
    reason: str
    latency_ms: float
    cost: float
    hedge: bool = False


class AnswerView(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a question.

    Attributes:
        id: of the question; feedback names it.
        output: the answer, a JSON value.
        cost: what was charged, for all attempts.
        cached: whether the answer was kept from an earlier question; then it cost nothing.
        attempts: everybody who was asked, in order; the last answered, or the one that is not
            `cancelled` where two were asked at once.
        strategy, rule: who chose.
        usage, limits: of the call that answered; null of a kept answer.
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
    attempts: list[AskAttemptView]
    usage: dict[str, Any] | None = None
    call_id: str | None = None
    limits: dict[str, Any] | None = None


class AskView(msgspec.Struct, frozen=True, kw_only=True):
    """One question that was asked, without what was asked and answered.

    Attributes:
        ending: `answered`, or the type of the error.
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
    attempts: list[AskAttemptView]
    feedback: list[FeedbackView]


class FeedbackView(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody thinks of an answer.

    Attributes:
        score: 0 to 1.
    """

    id: str
    ask: str
    score: float | None
    label: str
    comment: str
    by: str
    at: datetime


class CandidateView(msgspec.Struct, frozen=True, kw_only=True):
    """One candidate as a decision saw it.

    Attributes:
        parts: what the score is made of, each 0 to 1 before its weight.
        lost: why it is not the one; empty for the one.
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


class ExplanationView(msgspec.Struct, frozen=True, kw_only=True):
    """Who would be asked, and why the others not."""

    capability: str
    chosen: str | None
    strategy: str | None
    rule: str | None
    why_none: str
    candidates: list[CandidateView]


class RuleView(msgspec.Struct, frozen=True, kw_only=True):
    """An operator's rule: which strategy, when.

    Attributes:
        when: conditions, all of which must hold; see `docs/operators.md`. Empty always holds.
    """

    name: str
    strategy: str
    when: dict[str, Any]


class RulesView(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant's rules, the first that matches counts; and the strategy if none does."""

    rules: list[RuleView]
    default: str
    strategies: list[str]


Period = Literal["hour", "day", "month", "ever"]


class BudgetView(msgspec.Struct, frozen=True, kw_only=True):
    """What a tenant may spend on agents in a period (UTC).

    Attributes:
        capability: the one that it is for; `*` for all.
        held: what is set aside for questions under way.
        ends_at: of the present period; null of `ever`.
    """

    capability: str
    period: Period
    limit: float
    spent: float
    held: float
    ends_at: datetime | None


class ArmView(msgspec.Struct, frozen=True, kw_only=True):
    """One version in a trial.

    Attributes:
        answered: of those that were ``asked``.
        mean: of what askers said of its answers; None if nobody did.
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


class TrialView(msgspec.Struct, frozen=True, kw_only=True):
    """Two versions of an agent that answer by turns.

    Attributes:
        active: the version that the plugin runs.
        other: the kept version that is tried beside it.
        share: of questions that go to ``other``.
        other_is_better: how sure it is that ``other`` is better, 0 to 1.
        verdict: in words, with the confidence; says so when there is not enough to tell.
        ends: whether it ends by itself once it is decided.
        decided, decided_at, better: whether and since when one is better with the confidence asked
            for, and which version; that stays, whatever comes later.
        ended_at, why_ended: of one that has; what came of it stays to be looked at.
    """

    agent: str
    active: ArmView
    other: ArmView
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
