"""Agents that are Python functions: what the faces of the host show is tested over these."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime
from typing import Any

import msgspec

from wardian.agents.asking.records import AsksPage
from wardian.agents.criteria import Criteria
from wardian.agents.questions import OnPiece
from wardian.agents.registry.changes import AgentChange
from wardian.agents.views import (
    AgentView,
    AnswerView,
    ArmView,
    AskAttemptView,
    AskView,
    BudgetView,
    CandidateView,
    CostView,
    ExplanationView,
    FeedbackView,
    HealthView,
    LimitsView,
    MeasuredView,
    RulesView,
    TrialView,
)
from wardian.errors import AgentUnavailable, InvalidArguments, NotFound, Unanswered
from wardian.policy.limits import Limits
from wardian.policy.usage import Usage
from wardian.tenants.scopes import may_call

AT = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)

Answers = Callable[[Any, OnPiece | None], Awaitable[Any]]


def agent_view(name: str, *capabilities: str) -> AgentView:
    """An agent that is well."""
    return AgentView(
        name=name,
        version="1.0.0",
        state="active",
        description="Answers.",
        priority=50,
        tags=["quick"],
        cost=CostView(per_call=0.5, per_unit=0.001, unit="token"),
        limits=LimitsView(units=1_000, concurrent=4, input_bytes=10_000),
        paused=False,
        overridden=[],
        in_flight=0,
        health=HealthView(
            state="closed",
            reason="",
            failures=0,
            since=AT,
            open_until=None,
            last_probe_at=None,
            last_probe="",
        ),
        measured=[
            MeasuredView(
                capability=each,
                capability_version="1.0.0",
                quality=0.75,
                quality_low=0.5,
                quality_high=0.9,
                latency_ms=12.5,
                cost=0.6,
                success_rate=1.0,
                asked=7,
            )
            for each in capabilities
        ],
    )


class Oracles:
    """`wardian.agents.agents.Agents` in memory; each agent answers by a function of its own.

    Attributes:
        put: what was asked, as keyword arguments.
    """

    def __init__(self) -> None:
        self.put: list[dict[str, Any]] = []
        self._agents: dict[str, dict[str, tuple[AgentView, Answers]]] = defaultdict(dict)
        self._asks: dict[str, list[AskView]] = defaultdict(list)
        self.registry = _Registry(self._agents)
        self.rules, self.budgets = _Rules(), _Budgets()
        self.feedback = _Feedback(self._asks)
        self.trials = _Trials(self._agents)

    def add(self, name: str, answers: Answers, *capabilities: str, tenant: str = "default") -> None:
        """Have an agent answer."""
        view = agent_view(name, *(capabilities or ("summarize",)))
        self._agents[tenant][name] = (view, answers)

    async def ask(
        self,
        capability: str,
        input: Any,  # noqa: A002 -- as the real ones have it
        *,
        criteria: Criteria | None = None,
        tenant: str,
        subject: str,
        scopes: Collection[str] | None = None,
        correlation_id: str | None = None,
        traceparent: str | None = None,
        tracestate: str | None = None,
        on_piece: OnPiece | None = None,
    ) -> AnswerView:
        self.put.append({"input": input, "criteria": criteria, "tenant": tenant, "scopes": scopes})
        ranked = self._ranked(tenant, capability, scopes)
        attempts: list[AskAttemptView] = []
        for view, answers in ranked:
            output = await answers(input, on_piece)
            ended = "failed" if isinstance(output, Exception) else "answered"
            reason = str(output) if ended == "failed" else ""
            attempts.append(_attempt(view, ended, reason))
            if ended == "answered":
                return self._answered(tenant, capability, subject, view, output, attempts)
        error = AgentUnavailable("None of them answered.")
        error.question = Unanswered(id="ask-0", cost=0.5)
        raise error

    async def explain(
        self,
        capability: str,
        input: Any,  # noqa: A002 -- as the real ones have it
        *,
        criteria: Criteria | None = None,
        tenant: str,
        subject: str,
        scopes: Collection[str] | None = None,
    ) -> ExplanationView:
        ranked = self._ranked(tenant, capability, scopes)
        return ExplanationView(
            capability=capability,
            chosen=ranked[0][0].name,
            strategy="weighted",
            rule=None,
            why_none="",
            candidates=[_candidate(view, at == 0) for at, (view, _) in enumerate(ranked)],
        )

    async def asks(
        self,
        tenant: str,
        *,
        limit: int,
        before: str | None = None,
        capability: str | None = None,
        agent: str | None = None,
        subject: str | None = None,
    ) -> AsksPage:
        found = [
            (at, each)
            for at, each in reversed(list(enumerate(self._asks[tenant])))
            if (before is None or at < int(before))
            and capability in (None, each.capability)
            and agent in (None, each.agent)
            and subject in (None, each.subject)
        ]
        page = found[:limit]
        more = len(found) > limit
        return AsksPage(asks=[each for _, each in page], next=str(page[-1][0]) if more else None)

    async def asked(self, tenant: str, ask_id: str) -> AskView:
        return _found(self._asks[tenant], ask_id)

    def _ranked(
        self, tenant: str, capability: str, scopes: Collection[str] | None
    ) -> list[tuple[AgentView, Answers]]:
        found = [
            (view, answers)
            for view, answers in self._agents[tenant].values()
            if any(each.capability == capability for each in view.measured)
            and (scopes is None or may_call(view.name, scopes))
        ]
        if not found:
            raise NotFound(f"No agent answers {capability!r}.")
        return found

    def _answered(
        self,
        tenant: str,
        capability: str,
        subject: str,
        view: AgentView,
        output: Any,
        attempts: list[AskAttemptView],
    ) -> AnswerView:
        ask_id = f"ask-{len(self._asks[tenant])}-of-{tenant}"
        self._asks[tenant].append(_ask_view(ask_id, capability, subject, view, attempts))
        return AnswerView(
            id=ask_id,
            capability=capability,
            agent=view.name,
            version=view.version,
            output=output,
            cost=0.5,
            units=3,
            unit="token",
            confidence=0.9,
            cached=False,
            latency_ms=12.5,
            strategy="weighted",
            rule=None,
            attempts=attempts,
            usage=msgspec.to_builtins(Usage(wall_seconds=0.01, fuel=10, output_bytes=20)),
            limits=msgspec.to_builtins(LIMITS),
            call_id="call",
        )


LIMITS = Limits()


async def echoes(question: Any, on_piece: OnPiece | None) -> Any:
    """Answer what was asked."""
    return question


async def breaks(question: Any, on_piece: OnPiece | None) -> Any:
    """Fail."""
    return RuntimeError("It trapped.")


async def waits(question: Any, on_piece: OnPiece | None) -> Any:
    """Answer when nobody waits any more."""
    await asyncio.Event().wait()


class _Registry:
    def __init__(self, agents: dict[str, dict[str, tuple[AgentView, Answers]]]) -> None:
        self._agents = agents

    async def list(
        self, tenant: str, capability: str | None = None, tag: str | None = None
    ) -> list[AgentView]:
        return [
            view
            for view, _ in self._agents[tenant].values()
            if (capability is None or capability in {each.capability for each in view.measured})
            and (tag is None or tag in view.tags)
        ]

    async def get(self, tenant: str, name: str) -> AgentView:
        if name not in self._agents[tenant]:
            raise NotFound(f"There is no agent {name!r}.")
        return self._agents[tenant][name][0]

    async def change(self, tenant: str, name: str, change: AgentChange, actor: str) -> AgentView:
        view = await self.get(tenant, name)
        said = {key: value for key, value in msgspec.to_builtins(change).items() if value != {}}
        kept = {
            key: said[key] for key in ("priority", "tags", "paused") if said.get(key) is not None
        }
        changed = msgspec.structs.replace(view, **kept, overridden=sorted(said))
        self._agents[tenant][name] = (changed, self._agents[tenant][name][1])
        return changed


class _Rules:
    def __init__(self) -> None:
        self._known: dict[str, RulesView] = {}

    async def get(self, tenant: str) -> RulesView:
        return self._known.get(
            tenant, RulesView(rules=[], default="weighted", strategies=["cheapest", "weighted"])
        )

    async def set(self, tenant: str, value: Any, actor: str) -> RulesView:
        view = msgspec.convert({**value, "strategies": ["cheapest", "weighted"]}, RulesView)
        if view.default not in view.strategies:
            raise InvalidArguments("There is no such strategy.", path="default")
        self._known[tenant] = view
        return view


class _Budgets:
    def __init__(self) -> None:
        self._known: dict[str, dict[tuple[str, str], BudgetView]] = defaultdict(dict)

    async def get(self, tenant: str) -> list[BudgetView]:
        return list(self._known[tenant].values())

    async def set(
        self, tenant: str, capability: str, period: str, limit: float, actor: str
    ) -> BudgetView:
        told = {"capability": capability, "period": period, "limit": limit}
        try:
            view = msgspec.convert({**told, "spent": 0.0, "held": 0.0, "ends_at": None}, BudgetView)
        except msgspec.ValidationError as error:
            raise InvalidArguments("There is no such period.", path="period") from error
        self._known[tenant][capability, period] = view
        return view

    async def remove(self, tenant: str, capability: str, period: str, actor: str) -> None:
        if self._known[tenant].pop((capability, period), None) is None:
            raise NotFound("There is no such budget.")


class _Feedback:
    def __init__(self, asks: dict[str, list[AskView]]) -> None:
        self._asks = asks

    async def give(
        self,
        tenant: str,
        ask_id: str,
        *,
        score: float | None = None,
        label: str = "",
        comment: str = "",
        by: str,
    ) -> FeedbackView:
        ask = _found(self._asks[tenant], ask_id)
        if score is None and not label:
            raise InvalidArguments("Say a score or a label.")
        given = FeedbackView(
            id="f1",
            ask=ask_id,
            score=score,
            label=label,
            comment=comment,
            by=by,
            at=AT,
        )
        ask.feedback[:] = [each for each in ask.feedback if each.by != by] + [given]
        return given


class _Trials:
    def __init__(self, agents: dict[str, dict[str, tuple[AgentView, Answers]]]) -> None:
        self._agents = agents
        self._known: dict[tuple[str, str], TrialView] = {}

    async def start(
        self,
        tenant: str,
        name: str,
        version: str,
        *,
        share: float,
        confidence: float,
        ends: bool,
        actor: str,
    ) -> TrialView:
        if name not in self._agents[tenant]:
            raise NotFound(f"There is no agent {name!r}.")
        view = TrialView(
            agent=name,
            active=_arm(self._agents[tenant][name][0].version),
            other=_arm(version),
            share=share,
            confidence=confidence,
            other_is_better=0.5,
            verdict="There is not enough to tell.",
            decided=False,
            since=AT,
        )
        self._known[tenant, name] = view
        return view

    async def stop(self, tenant: str, name: str, *, actor: str) -> TrialView:
        view = await self.status(tenant, name)
        del self._known[tenant, name]
        return view

    async def status(self, tenant: str, name: str) -> TrialView:
        if (tenant, name) not in self._known:
            raise NotFound(f"There is no trial of {name!r}.")
        return self._known[tenant, name]


def _arm(version: str) -> ArmView:
    return ArmView(
        version=version, asked=0, mean=None, low=0.0, high=1.0, latency_ms=None, cost=None
    )


def _found(asks: list[AskView], ask_id: str) -> AskView:
    for each in asks:
        if each.id == ask_id:
            return each
    raise NotFound(f"There is no question {ask_id!r}.")


def _attempt(view: AgentView, ending: str, reason: str) -> AskAttemptView:
    return AskAttemptView(
        agent=view.name,
        version=view.version,
        ending=ending,
        reason=reason,
        latency_ms=6.0,
        cost=0.25,
    )


def _ask_view(
    ask_id: str, capability: str, subject: str, view: AgentView, attempts: list[AskAttemptView]
) -> AskView:
    return AskView(
        id=ask_id,
        at=AT,
        capability=capability,
        subject=subject,
        agent=view.name,
        version=view.version,
        ending="answered",
        strategy="weighted",
        rule=None,
        cost=0.5,
        units=3,
        latency_ms=12.5,
        cached=False,
        attempts=attempts,
        feedback=[],
    )


def _candidate(view: AgentView, chosen: bool) -> CandidateView:
    return CandidateView(
        agent=view.name,
        version=view.version,
        capability_version="1.0.0",
        score=0.8 if chosen else 0.6,
        parts={"cost": 0.9, "quality": 0.75},
        lost="" if chosen else "It scores less.",
        cost=0.6,
        cost_most=1.5,
        latency_ms=12.5,
        quality=0.75,
        load=0.0,
        priority=50,
    )
