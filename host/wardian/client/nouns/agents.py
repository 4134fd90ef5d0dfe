"""Agents: asked, looked at, judged; and what may be spent on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from wardian.client.answers import NOTHING, json_of, page_of, raising
from wardian.client.binding import Noun, S, operation, stream
from wardian.client.feeds import STREAM_TYPE, Feed
from wardian.client.models import (
    Agent,
    AgentBounds,
    AgentBudget,
    AgentChoice,
    AgentCriteria,
    AgentPrice,
    AgentRule,
    AgentRules,
    AgentTrial,
    Answer,
    AnswerFeedback,
    DroppedPieces,
    Page,
    Piece,
    Question,
    QuestionsPage,
    Restarted,
)
from wardian.client.operations import (
    V2,
    Operation,
    asking,
    at,
    delete,
    get,
    given,
    patch,
    post,
    put,
)

Told: TypeAlias = Piece | Restarted | DroppedPieces | Answer

_ANSWER = msgspec.json.Decoder(Answer)
_PIECE = msgspec.json.Decoder(Piece)
_RESTARTED = msgspec.json.Decoder(Restarted)
_DROPPED = msgspec.json.Decoder(DroppedPieces)


class Agents(Noun[S]):
    """Plugins that answer questions, the best of which is asked."""

    @operation
    def list(
        self,
        *,
        capability: str | None = None,
        tag: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Operation[Page[Agent]]:
        """List agents, with what was measured of each."""
        asked = {"capability": capability, "tag": tag}
        return get("/agents", page_of(Agent), **asked, limit=limit, cursor=cursor)

    @operation
    def get(self, name: str) -> Operation[Agent]:
        """Show an agent."""
        return get(at("/agents/{}", name), json_of(Agent))

    @operation
    def change(  # noqa: PLR0913 -- an agent has this many things to be said otherwise
        self,
        name: str,
        *,
        priority: UnsetType | int | None = UNSET,
        tags: UnsetType | Sequence[str] | None = UNSET,
        cost: UnsetType | AgentPrice | None = UNSET,
        limits: UnsetType | AgentBounds | None = UNSET,
        paused: UnsetType | bool = UNSET,
        if_match: str | None = None,
    ) -> Operation[Agent]:
        """Say something else of an agent than its manifest does, or keep questions from it.

        What is not named stays, and None is the manifest's again.
        """
        said = {"priority": priority, "tags": tags, "cost": cost, "limits": limits}
        body = {each: value for each, value in said.items() if value is not UNSET}
        if paused is not UNSET:
            body["paused"] = paused
        return patch(at("/agents/{}", name), json_of(Agent), body).matching(if_match)

    @operation
    def ask(
        self,
        capability: str,
        input: Any,  # noqa: A002 -- what the API calls it
        *,
        criteria: AgentCriteria | None = None,
        timeout: float | None = None,
        idempotency_key: str | None = None,
    ) -> Operation[Answer]:
        """Have a question answered by the best agent that the key may call.

        ``input`` is any JSON value; ``criteria`` has ceilings and weights, such as
        ``{"ceilings": {"cost": 0.01}}``.

        Raises:
            BudgetExceeded: it could cost more than is left.
            AgentUnavailable: there are agents for it, and none answered.
            GuestError: those that were asked said why they do not answer.
            ClientError: anything else that went wrong.
        """
        asked = _asking("/agents/ask", capability, input, criteria).reading(json_of(Answer))
        return asked.within(timeout).with_headers(Idempotency_Key=idempotency_key)

    @stream
    def stream(
        self,
        capability: str,
        input: Any,  # noqa: A002 -- as of `ask`
        *,
        criteria: AgentCriteria | None = None,
    ) -> Feed[Told]:
        """Have a question answered, and hear what the agent says while it answers.

        `Answer` is the last that comes, and whole whatever was heard. After `Restarted` what was
        heard up to then is not of it. A connection that is lost is not made again: the question
        ended with it.

        Raises:
            HostError: as `ask`.
        """
        request = _asking("/agents/ask", capability, input, criteria).reading(NOTHING)
        return Feed(
            "",
            request.with_headers(Accept=STREAM_TYPE),
            _PIECE.decode,
            {"piece": _PIECE.decode, "restarted": _RESTARTED.decode, "dropped": _DROPPED.decode},
            {"answer": _ANSWER.decode, "problem": raising},
        )

    @operation
    def explain(
        self,
        capability: str,
        input: Any = None,  # noqa: A002 -- as of `ask`
        *,
        criteria: AgentCriteria | None = None,
    ) -> Operation[AgentChoice]:
        """Show who would be asked now, and why the others not; nothing is asked."""
        return post("/agents/explain", json_of(AgentChoice), _body(capability, input, criteria))

    @operation
    def rules(self) -> Operation[AgentRules]:
        """Show by which rules strategies are chosen, and which strategies there are."""
        return get("/agent-rules", json_of(AgentRules))

    @operation
    def set_rules(
        self,
        rules: Sequence[AgentRule],
        *,
        default: str = "weighted",
        if_match: str | None = None,
    ) -> Operation[AgentRules]:
        """Replace the rules, all of them at once."""
        body = {"rules": rules, "default": default}
        return put("/agent-rules", json_of(AgentRules), body).matching(if_match)

    @operation
    def trial(self, name: str) -> Operation[AgentTrial]:
        """Show how two versions of an agent do beside each other."""
        return get(at("/agents/{}/trial", name), json_of(AgentTrial))

    @operation
    def start_trial(
        self,
        name: str,
        version: str,
        *,
        share: float = 0.5,
        confidence: float = 0.95,
        ends: bool = False,
        if_match: str | None = None,
    ) -> Operation[AgentTrial]:
        """Have a kept version of an agent answer a ``share`` of its questions.

        With ``ends`` it is over as soon as it is known with this ``confidence`` which is better.
        """
        terms = {"version": version, "share": share, "confidence": confidence, "ends": ends}
        path = at("/agents/{}/trial", name)
        return put(path, json_of(AgentTrial), terms).matching(if_match)

    @operation
    def stop_trial(self, name: str, *, if_match: str | None = None) -> Operation[AgentTrial]:
        """End a trial, and tell how it stood."""
        return delete(at("/agents/{}/trial", name), json_of(AgentTrial)).matching(if_match)


class Asks(Noun[S]):
    """Questions that agents were asked."""

    @operation
    def list(
        self,
        *,
        capability: str | None = None,
        agent: str | None = None,
        limit: int | None = None,
        before: str | None = None,
    ) -> Operation[QuestionsPage]:
        """List questions, the newest first; ``before`` is ``next`` of the page before."""
        asked = {"capability": capability, "agent": agent, "limit": limit, "before": before}
        return get("/asks", json_of(QuestionsPage), **asked)

    @operation
    def get(self, ask_id: str) -> Operation[Question]:
        """Show a question: who was asked, and how each ended."""
        return get(at("/asks/{}", ask_id), json_of(Question))

    @operation
    def judge(
        self,
        ask_id: str,
        *,
        score: float | None = None,
        label: str | None = None,
        comment: str | None = None,
    ) -> Operation[AnswerFeedback]:
        """Say what an answer was worth: a score from 0 to 1, or a label that stands for one.

        It replaces what a key of the same name said before.
        """
        body = given(score=score, label=label, comment=comment)
        return post(at("/asks/{}/feedback", ask_id), json_of(AnswerFeedback), body)


class Budgets(Noun[S]):
    """What the tenant may spend on agents."""

    @operation
    def list(
        self, *, limit: int | None = None, cursor: str | None = None
    ) -> Operation[Page[AgentBudget]]:
        """List budgets, with what is spent and set aside of each."""
        return get("/agent-budgets", page_of(AgentBudget), limit=limit, cursor=cursor)

    @operation
    def set(
        self,
        capability: str,
        period: Literal["hour", "day", "month", "ever"],
        limit: float,
        *,
        if_match: str | None = None,
    ) -> Operation[AgentBudget]:
        """Set what may be spent on a capability, or ``*`` for all, in a period."""
        path = at("/agent-budgets/{}/{}", capability, period)
        return put(path, json_of(AgentBudget), {"limit": limit}).matching(if_match)

    @operation
    def remove(
        self,
        capability: str,
        period: Literal["hour", "day", "month", "ever"],
        *,
        if_match: str | None = None,
    ) -> Operation[None]:
        """Remove a budget."""
        return delete(at("/agent-budgets/{}/{}", capability, period)).matching(if_match)


def _asking(
    path: str, capability: str, given_input: Any, criteria: AgentCriteria | None
) -> Operation[Any]:
    return asking("POST", V2 + path, _body(capability, given_input, criteria), {}, {})


def _body(capability: str, given_input: Any, criteria: AgentCriteria | None) -> dict[str, Any]:
    return {"capability": capability, "input": given_input, **given(criteria=criteria)}
