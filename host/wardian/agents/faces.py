"""What API, command line and tools for models need of agents; `Host.agents` is one of these."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Protocol

from wardian.agents.changes import AgentChange
from wardian.agents.criteria import Criteria
from wardian.agents.questions import OnPiece
from wardian.agents.records import AsksPage
from wardian.agents.views import (
    AgentView,
    AnswerView,
    AskView,
    BudgetView,
    ExplanationView,
    FeedbackView,
    RulesView,
    TrialView,
)


class AgentList(Protocol):
    """Which agents there are, and what the operator says of them."""

    async def list(
        self, tenant: str, capability: str | None = None, tag: str | None = None
    ) -> list[AgentView]:
        """Return a tenant's agents, by name."""
        ...

    async def get(self, tenant: str, name: str) -> AgentView:
        """Return one.

        Raises:
            NotFound: there is no such agent.
        """
        ...

    async def change(self, tenant: str, name: str, change: AgentChange, actor: str) -> AgentView:
        """Say something else of one than its manifest does.

        Raises:
            NotFound: there is no such agent.
            InvalidArguments: what is said cannot be.
        """
        ...


class Rules(Protocol):
    """By which rules strategies are chosen."""

    async def get(self, tenant: str) -> RulesView:
        """Return a tenant's."""
        ...

    async def set(self, tenant: str, value: Any, actor: str) -> RulesView:
        """Replace them by ``{"rules": […], "default": …}``.

        Raises:
            InvalidArguments: it is none; with the path of the fault.
        """
        ...


class BudgetBook(Protocol):
    """What tenants may spend."""

    async def get(self, tenant: str) -> list[BudgetView]:
        """Return a tenant's budgets."""
        ...

    async def set(
        self, tenant: str, capability: str, period: str, limit: float, actor: str
    ) -> BudgetView:
        """Set what may be spent on a capability, or ``*`` for all, in a period.

        Raises:
            InvalidArguments: no such period, no capability, or no amount.
        """
        ...

    async def remove(self, tenant: str, capability: str, period: str, actor: str) -> None:
        """Remove a budget.

        Raises:
            NotFound: there is none.
        """
        ...


class Feedback(Protocol):
    """What people think of answers."""

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
        """Take it down, and learn from it.

        Raises:
            NotFound: there was no such question.
            InvalidArguments: it says nothing, or what cannot be said.
        """
        ...


class TrialBook(Protocol):
    """Trials of a kept version beside the active one."""

    async def start(  # noqa: PLR0913 -- what a trial is
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
        """Start one, in place of any there was.

        Raises:
            NotFound: no such agent, or no such kept version.
            Conflict: the two cannot run side by side.
        """
        ...

    async def stop(self, tenant: str, name: str, *, actor: str) -> TrialView:
        """End it; returns how it stood.

        Raises:
            NotFound: there is none.
        """
        ...

    async def status(self, tenant: str, name: str) -> TrialView:
        """Return how it stands.

        Raises:
            NotFound: there is none.
        """
        ...


class Agents(Protocol):
    """All of it."""

    @property
    def registry(self) -> AgentList: ...
    @property
    def rules(self) -> Rules: ...
    @property
    def budgets(self) -> BudgetBook: ...
    @property
    def feedback(self) -> Feedback: ...
    @property
    def trials(self) -> TrialBook: ...

    async def ask(  # noqa: PLR0913 -- what a question is
        self,
        capability: str,
        input: Any,  # noqa: A002 -- as all faces have it
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
        """Have the best agent answer.

        Args:
            input: a JSON value.
            on_piece: hears what agents say before the answer is whole.

        Raises:
            WardianError: as `wardian.agents.questions.Asks.ask` says.
        """
        ...

    async def explain(
        self,
        capability: str,
        input: Any,  # noqa: A002 -- as all faces have it
        *,
        criteria: Criteria | None = None,
        tenant: str,
        subject: str,
        scopes: Collection[str] | None = None,
    ) -> ExplanationView:
        """Say who would be asked, and why the others not; nothing changes by it."""
        ...

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
        """Return what was asked, the newest first."""
        ...

    async def asked(self, tenant: str, ask_id: str) -> AskView:
        """Return one question.

        Raises:
            NotFound: there was none, or it is not kept any more.
        """
        ...
