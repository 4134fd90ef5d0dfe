"""Questions answered: who is asked, in which order, for how much, and what is written down."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain

import msgspec

from wardian.agents.asking.attempt import Attempt
from wardian.agents.asking.attempts import Attempts
from wardian.agents.asking.eligibility import Eligibility
from wardian.agents.asking.jottings import Note
from wardian.agents.asking.kept import Found, KeptAnswers
from wardian.agents.asking.outcomes import limits_of, usage_of
from wardian.agents.asking.pursuit import HedgeAfter, Pursuit, hedge_after
from wardian.agents.asking.records import AskRecords
from wardian.agents.asking.replies import Reply
from wardian.agents.asking.telling import last_asked, told, type_of, unanswered
from wardian.agents.budgets.allowances import Allowance, Allowances
from wardian.agents.candidates import Candidate, Ending
from wardian.agents.criteria import Criteria
from wardian.agents.decisions import Decision, Explanation
from wardian.agents.money import amount, nanos
from wardian.agents.ports import Candidates, Router, Trials
from wardian.agents.questions import Question
from wardian.agents.views import AnswerView
from wardian.errors import InvalidArguments
from wardian.plugins.text import is_capability
from wardian.plugins.versions import parse_range
from wardian.storage.asks import AskRow
from wardian.storage.rows import now

SUBJECT_CHARACTERS_MAX = 200

LOST = "lost"
"""How a question ended whose host was killed before it had an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskingParts:
    """What questions are answered with.

    Attributes:
        refresh: what else must know of a tenant before there is a decision, such as its rules.
        after: how long an agent has before another is asked beside it, where that is wished.
    """

    candidates: Candidates
    eligibility: Eligibility
    router: Router
    trials: Trials
    attempts: Attempts
    allowances: Allowances
    kept: KeptAnswers
    records: AskRecords
    refresh: Sequence[Callable[[str], Awaitable[None]]] = ()
    after: HedgeAfter = hedge_after
    clock: Callable[[], float] = time.perf_counter
    now: Callable[[], datetime] = now


@dataclass(slots=True, eq=False)
class _Asked:
    """One question, while it is answered.

    Attributes:
        begun: what is noted of it until it has ended.
    """

    question: Question
    decision: Decision
    at: datetime
    began: float
    begun: Note | None = None


class Asking:
    """Has agents answer questions; implements `wardian.agents.questions.Asks`."""

    def __init__(self, parts: AskingParts) -> None:
        self._parts = parts

    async def ask(self, question: Question) -> AnswerView:
        """Return the answer of the best agent that answered; as `Asks.ask`."""
        parts = self._parts
        at, began = parts.now(), parts.clock()
        allowance = parts.allowances.of(question)
        question = _within(question, allowance)
        candidates = await self._candidates(question)
        if candidates:
            parts.attempts.places.wanted(question.tenant, question.capability, question.subject)
        decision = parts.router.decide(question, candidates)
        asked = _Asked(question, decision, at, began)
        arms = self._arms(asked)
        first = next(arms)
        found = await self._found(asked, first)
        if found is not None:
            return await self._answered_before(asked, first, found)
        asked.begun = parts.records.begun(question.tenant, _lost(asked, first))
        ranked = chain([first], arms)
        pursuit = Pursuit(parts.attempts, question, ranked, allowance, parts.after)
        try:
            answered = await pursuit.run()
        except asyncio.CancelledError:
            await self._abandoned(asked, pursuit)
            raise
        if answered is None or answered.reply is None:
            error = unanswered(question, pursuit.attempts)
            await self._record(asked, pursuit.attempts, None, type_of(error))
            raise error
        view = await self._answered(asked, pursuit.attempts, answered, answered.reply)
        await parts.kept.keep(question, answered)
        return view

    async def explain(self, question: Question) -> Explanation:
        """Say how each agent would fare, and ask none.

        Raises:
            Forbidden: there are some, and the key lacks a scope that they require.
            InvalidArguments: the capability, the input or the criteria.
        """
        question = _within(question, self._parts.allowances.of(question))
        return self._parts.router.explain(question, await self._candidates(question))

    async def _candidates(self, question: Question) -> Sequence[Candidate]:
        _check_capability(question.capability)
        parts = self._parts
        for refresh in (parts.candidates.refresh, *parts.refresh):
            await refresh(question.tenant)
        found = parts.candidates.of(question.tenant, question.capability)
        return await parts.eligibility.of(question, found)

    def _arms(self, asked: _Asked) -> Iterator[Candidate]:
        """Go through the versions that are asked, where two of an agent answer by turns."""
        question, arm = asked.question, self._parts.trials.arm
        for each in asked.decision.ranked:
            other = arm(question.tenant, each, question.id)
            # Another version may be dearer, or offer an earlier version of the capability, and
            # what is wanted was held against the chosen one.
            yield other if other is each or _fits(other, question.criteria) else each

    async def _found(self, asked: _Asked, candidate: Candidate) -> Found | None:
        if asked.question.criteria.fresh:
            return None
        return await self._parts.kept.find(asked.question, candidate)

    async def _answered_before(
        self, asked: _Asked, candidate: Candidate, found: Found
    ) -> AnswerView:
        attempt = Attempt(candidate, ending=Ending.ANSWERED, reply=found.reply, plugin=found.plugin)
        return await self._answered(asked, [attempt], attempt, found.reply, is_kept=True)

    async def _answered(
        self,
        asked: _Asked,
        attempts: Sequence[Attempt],
        answered: Attempt,
        reply: Reply,
        *,
        is_kept: bool = False,
    ) -> AnswerView:
        row = await self._record(asked, attempts, answered, "answered", is_kept=is_kept)
        outcome = answered.outcome
        return AnswerView(
            id=row.id,
            capability=row.capability,
            agent=row.agent,
            version=row.version,
            output=reply.output,
            cost=amount(row.cost_nanos),
            units=row.units,
            unit=answered.candidate.cost.unit,
            confidence=reply.confidence,
            cached=is_kept,
            latency_ms=round(row.latency_ms, 3),
            strategy=row.strategy,
            rule=row.rule,
            attempts=[each.view() for each in told(attempts)],
            usage=usage_of(outcome),
            limits=limits_of(outcome),
            call_id=None if outcome is None else outcome.call_id,
        )

    async def _abandoned(self, asked: _Asked, pursuit: Pursuit) -> None:
        """Have what is being asked end, and be charged and written down, after its asker has gone.

        It waits for nothing, as who cancels a question wants to be gone; but for agents that run
        in the place of a plugin's call, and on what that has left: these end before it does.
        """

        async def ended() -> None:
            await pursuit.end()
            await self._record(asked, pursuit.attempts, None, "cancelled")

        if asked.question.caller is not None:
            await pursuit.end()
        self._parts.records.later(ended())

    async def _record(
        self,
        asked: _Asked,
        attempts: Sequence[Attempt],
        answered: Attempt | None,
        ending: str,
        *,
        is_kept: bool = False,
    ) -> AskRow:
        question, decision = asked.question, asked.decision
        last = answered or last_asked(attempts)
        reply = None if answered is None else answered.reply
        row = AskRow(
            id=question.id,
            at=asked.at,
            capability=question.capability,
            subject=_told(question.subject),
            ending=ending,
            agent="" if last is None else last.candidate.agent,
            plugin_id="" if last is None else last.candidate.plugin_id,
            version="" if last is None else _version(last),
            capability_version="" if last is None else last.candidate.capability_version,
            strategy=decision.strategy,
            rule=decision.rule,
            cost_nanos=sum(each.cost_nanos for each in attempts),
            units=0 if reply is None or is_kept else reply.units,
            latency_ms=(self._parts.clock() - asked.began) * 1_000,
            cached=is_kept,
            arm=last.candidate.version if last is not None and last.candidate.is_trial else None,
            attempts=[msgspec.to_builtins(each.view()) for each in told(attempts)],
        )
        settling = [each.settling for each in attempts if each.settling is not None]
        await self._parts.records.add(question.tenant, row, asked.begun)
        if settling:
            await asyncio.wait(settling)  # which, unlike awaiting them, does not cancel them
        return row


def _lost(asked: _Asked, first: Candidate) -> AskRow:
    """Return what a question is whose host is killed before it has ended: it may have cost as much
    as the agent that was chosen may."""
    question, decision = asked.question, asked.decision
    return AskRow(
        id=question.id,
        at=asked.at,
        capability=question.capability,
        subject=_told(question.subject),
        ending=LOST,
        agent=first.agent,
        plugin_id=first.plugin_id,
        version=first.version,
        capability_version=first.capability_version,
        strategy=decision.strategy,
        rule=decision.rule,
        cost_nanos=Attempt(first).most_nanos,
    )


def _told(subject: str) -> str:
    """Return who asked as a database can have it: host apps name askers as they like."""
    text = subject[:SUBJECT_CHARACTERS_MAX].encode(errors="replace").decode()
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _version(attempt: Attempt) -> str:
    """Return the version that ran; one may have taken another's place since it was chosen."""
    return attempt.candidate.version if attempt.plugin is None else attempt.plugin.version


def _fits(candidate: Candidate, criteria: Criteria) -> bool:
    """Tell whether another version of an agent may answer what was asked of the chosen one."""
    ceiling = criteria.ceilings.cost
    if ceiling is not None and candidate.most_nanos > nanos(ceiling):
        return False
    return criteria.version == "*" or candidate.capability_version in parse_range(criteria.version)


def _check_capability(text: str) -> None:
    if not is_capability(text):
        raise InvalidArguments(
            f"{text[:80]!r} is no capability such as 'summarize'.", path="capability"
        )


def _within(question: Question, allowance: Allowance) -> Question:
    """Return a question with the ceiling that it has with those that led to it."""
    left = allowance.left_nanos
    ceilings = question.criteria.ceilings
    if left is None or amount(left) == ceilings.cost:
        return question
    ceilings = msgspec.structs.replace(ceilings, cost=amount(left))
    return replace(question, criteria=msgspec.structs.replace(question.criteria, ceilings=ceilings))
