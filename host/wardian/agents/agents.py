"""Agents, as API, command line and host apps see them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from wardian.agents.asking.asking import Asking
from wardian.agents.asking.records import AskRecords, AsksPage
from wardian.agents.budgets.budget_book import AgentBudgets
from wardian.agents.criteria import Wanted, read_criteria
from wardian.agents.health.health import AgentHealth
from wardian.agents.quality.feedback import AgentFeedback
from wardian.agents.quality.trials import AgentTrials
from wardian.agents.questions import OnPiece, Question, input_text
from wardian.agents.registry.registry import AgentRegistry
from wardian.agents.routing.explaining import explanation_view
from wardian.agents.routing.rule_book import RuleBook
from wardian.agents.views import AgentView, AnswerView, AskView, ExplanationView


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentsParts:
    """What agents are found, judged and asked with."""

    asking: Asking
    registry: AgentRegistry
    rules: RuleBook
    budgets: AgentBudgets
    records: AskRecords
    health: AgentHealth
    feedback: AgentFeedback
    trials: AgentTrials


class Agents:
    """Every tenant's agents: asks them, and says who they are and how they do.

    Attributes:
        registry: who they are, what they declare, and what was seen of them.
        rules: by which rules one is chosen.
        budgets: what tenants may spend on them.
        health: how well they are.
        feedback: takes what askers think of answers.
        trials: has two versions of one answer by turns.
        asking: has them answer questions, also such as plugins have.
    """

    def __init__(self, parts: AgentsParts) -> None:
        self._parts = parts
        self.asking = parts.asking
        self.registry, self.rules = parts.registry, parts.rules
        self.budgets, self.health = parts.budgets, parts.health
        self.feedback, self.trials = parts.feedback, parts.trials

    async def ask(  # noqa: PLR0913 -- a question, and who has it, each with a default
        self,
        capability: str,
        input: Any,  # noqa: A002 -- what the WIT and the API call it
        *,
        criteria: Wanted = None,
        tenant: str = "default",
        subject: str = "host",
        scopes: Collection[str] | None = None,
        correlation_id: str | None = None,
        traceparent: str | None = None,
        tracestate: str | None = None,
        on_piece: OnPiece | None = None,
    ) -> AnswerView:
        """Have the best agent for a capability answer, and others if it does not.

        Whoever cancels this ends the question.

        Args:
            input: a JSON value; agents get it as text.
            criteria: ceilings that no agent passes, weights that rank them, and who is asked how;
                see `wardian.agents.criteria.Criteria`.
            scopes: of the key that asks; None for no key. Only agents that it may call are asked.
            on_piece: hears what the agent says before its answer is whole. The answer is whole,
                whatever was heard.

        Raises:
            NotFound: no agent for it, or none in such a version or with such tags.
            Forbidden: there are, and the key lacks a scope that they require.
            AgentUnavailable: none of those that could be asked answered; says why each did not.
            GuestError: all that were asked said why they do not answer; what the first said.
            Overloaded: every worker is busy and the queue is full.
            BudgetExceeded: the tenant has less left than the question may cost.
            InvalidArguments: the capability, the input or the criteria; with the path of the fault.
            QuotaExceeded: the tenant has used up its calls of the day.
        """
        return await self.asking.ask(
            Question(
                tenant=tenant,
                capability=capability,
                input=await input_text(input),
                criteria=read_criteria(criteria),
                subject=subject,
                scopes=scopes,
                correlation_id=correlation_id,
                traceparent=traceparent,
                tracestate=tracestate,
                on_piece=on_piece,
            )
        )

    route_request = ask
    """Choose an agent, and have it answer."""

    async def explain(
        self,
        capability: str,
        input: Any = None,  # noqa: A002 -- as of `ask`
        *,
        criteria: Wanted = None,
        tenant: str = "default",
        subject: str = "host",
        scopes: Collection[str] | None = None,
    ) -> ExplanationView:
        """Say who would be asked, how each candidate fares and why it lost; nobody is asked.

        Raises:
            Forbidden: there are some, and the key lacks a scope that they require.
            InvalidArguments: as of `ask`.
        """
        question = Question(
            tenant=tenant,
            capability=capability,
            input=await input_text(input),
            criteria=read_criteria(criteria),
            subject=subject,
            scopes=scopes,
        )
        return explanation_view(capability, await self.asking.explain(question))

    async def get_best_agent_for_capability(
        self,
        capability: str,
        criteria: Wanted = None,
        *,
        tenant: str = "default",
        subject: str = "host",
        scopes: Collection[str] | None = None,
    ) -> AgentView | None:
        """Return the agent that would be asked now; None if none can be. Nobody is asked.

        Raises:
            Forbidden: there are some, and the key lacks a scope that they require.
            InvalidArguments: the capability or the criteria.
        """
        found = await self.explain(
            capability, criteria=criteria, tenant=tenant, subject=subject, scopes=scopes
        )
        return None if found.chosen is None else await self.registry.get(tenant, found.chosen)

    async def asked(self, tenant: str, ask_id: str) -> AskView:
        """Return one question that was asked.

        Raises:
            NotFound: the tenant has not asked it, or it is not kept any more.
        """
        return await self._parts.records.find(tenant, ask_id)

    async def asks(
        self,
        tenant: str = "default",
        *,
        limit: int = 50,
        before: str | None = None,
        agent: str | None = None,
        capability: str | None = None,
        subject: str | None = None,
    ) -> AsksPage:
        """Return a page of questions that were asked, the newest first.

        Raises:
            InvalidArguments: no page of this size, or ``before`` is no `AsksPage.next`.
        """
        return await self._parts.records.page(
            tenant,
            limit=limit,
            before=before,
            agent=agent,
            capability=capability,
            subject=subject,
        )

    async def idle(self) -> None:
        """Wait until questions that nobody waits for any more have ended, and are written down."""
        await self._parts.records.idle()

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Look after what agents are asked with, while this is open."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.registry.kept())
            await stack.enter_async_context(self.budgets.kept())
            await stack.enter_async_context(self._parts.records.kept())
            await stack.enter_async_context(self.health.kept())
            yield
