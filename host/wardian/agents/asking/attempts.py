"""One question put to one agent: admitted, paid for, called, and how that ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial

from wardian.agents.asking.askers import Askers
from wardian.agents.asking.attempt import Attempt
from wardian.agents.asking.outcomes import charged, learnt
from wardian.agents.asking.places import Places
from wardian.agents.asking.replies import NoReply, read_reply, read_reported
from wardian.agents.budgets.allowances import Allowance, Allowances
from wardian.agents.candidates import Candidate, Ending
from wardian.agents.money import spelled
from wardian.agents.ports import Breakers, Budgets, Candidates, Trials
from wardian.agents.questions import Question
from wardian.capabilities import Course, Refused
from wardian.crypto.identifiers import new_id
from wardian.errors import (
    Conflict,
    WardianError,
)
from wardian.plugins import Installed
from wardian.plugins.agents import AGENT_ASK
from wardian.policy.permissions import parse_permission
from wardian.runtime.calls import CallRequest
from wardian.runtime.enhancements.answers import Answers
from wardian.runtime.entrance import Entrance

Say = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptParts:
    """What attempts are made with.

    Attributes:
        later: has something be done to its end, whoever stops waiting for it.
    """

    entrance: Entrance
    candidates: Candidates
    breakers: Breakers
    trials: Trials
    budgets: Budgets
    allowances: Allowances
    answers: Answers
    later: Callable[[Awaitable[None]], asyncio.Future[None]]
    clock: Callable[[], float] = time.perf_counter


class Attempts:
    """Puts questions to agents.

    Attributes:
        places: who has how many of the places that agents have.
    """

    def __init__(self, parts: AttemptParts) -> None:
        self._parts = parts
        self._askers = Askers()
        self.places = Places()

    async def make(
        self, question: Question, attempt: Attempt, allowance: Allowance, say: Say | None
    ) -> Attempt:
        """Put a question to one agent; return the attempt as it ended, also if it was cancelled.

        Whoever cancels it runs it in a task of its own.
        """
        parts = self._parts
        if not self._admit(question, attempt, allowance):
            return attempt
        began = parts.clock()
        try:
            attempt.spending = await parts.budgets.reserve(
                question.tenant, question.capability, attempt.most_nanos
            )
            await self._put(question, attempt, allowance, say)
        except asyncio.CancelledError:
            attempt.cancel()
        except (WardianError, Refused) as error:
            attempt.fail(error)
        finally:
            attempt.latency_ms = (parts.clock() - began) * 1_000
            self._conclude(question, attempt, allowance)
        return attempt

    async def find(self, tenant: str, candidate: Candidate) -> Installed:
        """Return the plugin that a candidate is.

        Raises:
            NotFound, Conflict, SignatureInvalid, Revoked: it takes no calls, or not this question
                any more.
        """
        parts = self._parts
        if candidate.is_trial:
            plugin = await parts.trials.installed(tenant, candidate)
        else:
            plugin = await parts.entrance.named(tenant, candidate.agent)
        await parts.candidates.refresh(tenant)
        why_not = parts.candidates.why_not(tenant, candidate)
        if why_not:
            raise Conflict(f"{candidate.agent} is not asked: {why_not}.")
        return plugin

    def _admit(self, question: Question, attempt: Attempt, allowance: Allowance) -> bool:
        """Begin, where everybody lets it. Nothing is awaited, so what is free stays so."""
        candidate, parts = attempt.candidate, self._parts
        if candidate.in_flight >= candidate.concurrent_max:
            return attempt.refuse("it answers as many questions as it takes at once")
        if not self.places.are_for(question.tenant, question.subject, candidate):
            return attempt.refuse("its last places are for others who ask, too")
        if not allowance.take(attempt.most_nanos):
            return attempt.refuse(
                f"it may cost {spelled(attempt.most_nanos)}, and of the ceiling there is "
                f"{spelled(allowance.left_nanos or 0)} left",
            )
        if not parts.breakers.admit(question.tenant, candidate):
            allowance.give_back(attempt.most_nanos)
            return attempt.refuse(candidate.unavailable or "its circuit breaker is open")
        parts.candidates.begin(question.tenant, candidate)
        self.places.take(question.tenant, question.subject, candidate)
        return True

    async def _put(
        self, question: Question, attempt: Attempt, allowance: Allowance, say: Say | None
    ) -> None:
        if question.caller is not None:
            # Because the operator may have taken it away while another was asked.
            question.caller.confirm(parse_permission(f"agents:ask:{question.capability}"))
        call_id = attempt.call_id = new_id()
        request = request_of(question, call_id=call_id, course=attempt.course, say=say)
        with self._parts.allowances.answering(call_id, allowance):
            outcome = await self._parts.entrance.call(
                partial(self._found, question.tenant, attempt), request
            )
        attempt.outcome = outcome
        attempt.cost_nanos = attempt.most_nanos  # of what says nothing that can be believed
        try:
            reported = read_reported(outcome)
            attempt.cost_nanos = attempt.cost_of(reported.units)
            attempt.reply = await read_reply(reported, attempt.candidate.units_max)
        except NoReply as error:
            attempt.end(Ending.FAILED, str(error))
        else:
            attempt.end(Ending.ANSWERED)

    def _conclude(self, question: Question, attempt: Attempt, allowance: Allowance) -> None:
        """Tell everybody how it ended, and have it charged, which goes on beside what is next."""
        parts, tenant, candidate = self._parts, question.tenant, attempt.candidate
        attempt.cost_nanos = charged(attempt)
        allowance.give_back(attempt.most_nanos - attempt.cost_nanos)
        self.places.leave(tenant, question.subject, candidate)
        lesson = learnt(question, attempt)
        share = self._askers.share(tenant, question.subject, candidate, lesson.ending)
        if share < 1.0:
            lesson = replace(lesson, share=share)
        parts.candidates.end(tenant, candidate, lesson)
        parts.breakers.ended(tenant, candidate, lesson)
        if attempt.spending is not None:
            attempt.settling = parts.later(attempt.spending.settle(attempt.cost_nanos))

    async def _found(self, tenant: str, attempt: Attempt) -> Installed:
        plugin = attempt.plugin = await self.find(tenant, attempt.candidate)
        attempt.shelf = self._parts.answers.shelf(tenant, plugin.name)
        attempt.was_put = True
        return plugin


def request_of(
    question: Question, *, call_id: str, course: Course, say: Say | None = None
) -> CallRequest:
    """Return the call by which a question is put to an agent."""
    return CallRequest(
        function=AGENT_ASK,
        arguments={"question": {"capability": question.capability, "input": question.input}},
        subject=question.subject,
        call_id=call_id,
        correlation_id=question.correlation_id,
        traceparent=question.traceparent,
        tracestate=question.tracestate,
        caller=question.caller,
        scopes=question.scopes,
        is_kept=True,  # why an agent did not answer is written down
        course=course,
        on_piece=say,
        question=call_id,
    )
