"""One question put to one agent: admitted, paid for, called, and how that ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

from wardian.agents.asking.askers import Askers
from wardian.agents.asking.places import Places
from wardian.agents.asking.replies import NoReply, Reply, read_reply, read_reported
from wardian.agents.budgets.allowances import Allowance, Allowances
from wardian.agents.candidates import Candidate, Ending, Outcome
from wardian.agents.money import amount, nanos, spelled
from wardian.agents.ports import Breakers, Budgets, Candidates, Spending, Trials
from wardian.agents.questions import Question
from wardian.agents.views import AskAttemptView
from wardian.capabilities import Course, Refused
from wardian.crypto.identifiers import new_id
from wardian.errors import (
    BudgetExceeded,
    CallError,
    Conflict,
    DeadlineExceeded,
    GuestError,
    MemoryExceeded,
    OutOfFuel,
    QuotaExceeded,
    ResultTooLarge,
    WardianError,
)
from wardian.plugins import Installed
from wardian.plugins.agents import AGENT_ASK
from wardian.plugins.text import escaped
from wardian.policy.permissions import parse_permission
from wardian.runtime.calls import CallRequest
from wardian.runtime.enhancements.answers import Answers, Shelf
from wardian.runtime.entrance import Entrance
from wardian.runtime.views import CallOutcome

REASON_CHARACTERS_MAX = 300

COST_NANOS_MAX = nanos(1_000_000.0)
"""No question costs more, whatever a manifest says: sums of such amounts stay numbers."""

_OF_ITS_BUDGET = (DeadlineExceeded, OutOfFuel, MemoryExceeded, ResultTooLarge)

Say = Callable[[str], Awaitable[None]]


@dataclass(slots=True, eq=False)
class Attempt:
    """One question to one agent, while it is answered and after.

    Attributes:
        candidate: the version that was asked.
        hedge: whether it was asked beside another.
        most_nanos: what it can cost at most.
        ending: None while it has not ended.
        reason: why there is no reply, for people.
        was_put: whether it came as far as the agent's call.
        outrun_by: who answered first, where it was ended for that.
        is_abandoned: whether its asker has gone, while it was answered.
        spending: what it holds of the tenant's budgets; ``settling`` charges it.
        error: what kept it from being answered, as it was raised.
        call_id: of the agent's call, once there is one.
        course: what the agent did.
        shelf: where its answer is kept if it may be; as it was before the agent was called.
    """

    candidate: Candidate
    hedge: bool = False
    ending: Ending | None = None
    reason: str = ""
    cost_nanos: int = 0
    latency_ms: float = 0.0
    was_put: bool = False
    outrun_by: str = ""
    is_abandoned: bool = False
    spending: Spending | None = None
    settling: asyncio.Future[None] | None = None
    reply: Reply | None = None
    outcome: CallOutcome | None = None
    error: Exception | None = None
    call_id: str = ""
    course: Course = field(default_factory=Course)
    plugin: Installed | None = None
    shelf: Shelf | None = None

    @property
    def most_nanos(self) -> int:
        return min(COST_NANOS_MAX, self.candidate.cost.of(self.candidate.units_max))

    def cost_of(self, units: int) -> int:
        """Return what so many units cost, in billionths; no more than `most_nanos`."""
        return min(self.most_nanos, self.candidate.cost.of(units))

    @property
    def is_final(self) -> bool:
        """Whether nobody else needs to be asked: what refused is the same for all."""
        return isinstance(self.error, QuotaExceeded | Refused)

    def view(self) -> AskAttemptView:
        """Show it."""
        return AskAttemptView(
            agent=self.candidate.agent,
            version=self.candidate.version,
            ending=str(self.ending),
            reason=self.reason,
            latency_ms=round(self.latency_ms, 3),
            cost=amount(self.cost_nanos),
            hedge=self.hedge,
        )


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
            _end(attempt, Ending.CANCELLED, _why_cancelled(attempt))
        except (WardianError, Refused) as error:
            _fail(attempt, error)
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
            return _refused(attempt, "it answers as many questions as it takes at once")
        if not self.places.are_for(question.tenant, question.subject, candidate):
            return _refused(attempt, "its last places are for others who ask, too")
        if not allowance.take(attempt.most_nanos):
            return _refused(
                attempt,
                f"it may cost {spelled(attempt.most_nanos)}, and of the ceiling there is "
                f"{spelled(allowance.left_nanos or 0)} left",
            )
        if not parts.breakers.admit(question.tenant, candidate):
            allowance.give_back(attempt.most_nanos)
            return _refused(attempt, candidate.unavailable or "its circuit breaker is open")
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
            _end(attempt, Ending.FAILED, str(error))
        else:
            _end(attempt, Ending.ANSWERED, "")

    def _conclude(self, question: Question, attempt: Attempt, allowance: Allowance) -> None:
        """Tell everybody how it ended, and have it charged, which goes on beside what is next."""
        parts, tenant, candidate = self._parts, question.tenant, attempt.candidate
        attempt.cost_nanos = _cost(attempt)
        allowance.give_back(attempt.most_nanos - attempt.cost_nanos)
        self.places.leave(tenant, question.subject, candidate)
        learnt = _outcome(question, attempt)
        share = self._askers.share(tenant, question.subject, candidate, learnt.ending)
        if share < 1.0:
            learnt = replace(learnt, share=share)
        parts.candidates.end(tenant, candidate, learnt)
        parts.breakers.ended(tenant, candidate, learnt)
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


def _refused(attempt: Attempt, reason: str) -> bool:
    _end(attempt, Ending.NOT_BEGUN, reason)
    return False


def _why_cancelled(attempt: Attempt) -> str:
    other = attempt.outrun_by
    return f"{other} answered first" if other else "nobody waited for it any more"


def _end(attempt: Attempt, ending: Ending, reason: str) -> None:
    attempt.ending = ending
    attempt.reason = escaped(reason, REASON_CHARACTERS_MAX)


def _fail(attempt: Attempt, error: WardianError | Refused) -> None:
    attempt.error = error
    if isinstance(error, Refused):
        _end(attempt, Ending.NOT_BEGUN, error.text)
    elif isinstance(error, GuestError):
        _end(attempt, Ending.REFUSED, str(error.payload))
    elif isinstance(error, CallError):
        is_late = isinstance(error, DeadlineExceeded)
        _end(attempt, Ending.TIMED_OUT if is_late else Ending.FAILED, error.message)
    else:
        _end(attempt, Ending.NOT_BEGUN, error.message)


def _cost(attempt: Attempt) -> int:
    """Return what an attempt is charged.

    What an agent reports is known. One that was stopped reports nothing: if it had effects outside
    of itself, it may have cost as much as it may; if not, what each question costs. Who heard an
    answer in pieces and then went, before it was charged, has had it all the same.
    """
    if attempt.outcome is not None:
        return attempt.cost_nanos
    if attempt.spending is None or not attempt.was_put:
        return 0
    if attempt.ending is Ending.REFUSED:
        return attempt.cost_of(0)
    if _may_have_effects(attempt) or (attempt.is_abandoned and attempt.course.was_heard):
        return attempt.most_nanos
    return 0 if attempt.ending is Ending.NOT_BEGUN else attempt.cost_of(0)


def _may_have_effects(attempt: Attempt) -> bool:
    plugin = attempt.plugin
    # The chain around a function notes what happens in it for itself.
    is_hidden = plugin is not None and bool(plugin.manifest.enhancements)
    is_stopped = attempt.ending is not Ending.NOT_BEGUN
    return attempt.course.had_effects or (is_hidden and is_stopped)


def _outcome(question: Question, attempt: Attempt) -> Outcome:
    """Return what is learnt of an attempt: nothing of the agent, where it had too little left of
    its caller's budget, or is another version by now."""
    ending = attempt.ending or Ending.CANCELLED
    caller = question.caller
    if caller is not None and isinstance(attempt.error, CallError):
        is_short = isinstance(attempt.error, _OF_ITS_BUDGET) or caller.budget.is_starved()
        ending = Ending.CANCELLED if is_short else ending
    if attempt.plugin is not None and attempt.plugin.version != attempt.candidate.version:
        ending = Ending.CANCELLED
    reply, latency_ms = attempt.reply, _agent_ms(attempt)
    return Outcome(
        ending=ending,
        latency_ms=latency_ms,
        cost_nanos=attempt.cost_nanos,
        units=0 if reply is None else reply.units,
        confidence=None if reply is None else reply.confidence,
        is_probe=question.is_probe,
        # That it takes at least so long is news only where it was thought to take less.
        is_outrun=bool(attempt.outrun_by) and latency_ms > attempt.candidate.latency_ms,
    )


def _agent_ms(attempt: Attempt) -> float:
    """Return how long the agent took: what the host needs before it calls one, a place or a
    compilation, says nothing of it, and would be held against whoever was asked first."""
    usage = None if attempt.outcome is None else attempt.outcome.usage
    if isinstance(attempt.error, CallError):
        usage = attempt.error.usage
    return attempt.latency_ms if usage is None else usage.wall_seconds * 1_000


def budget_error(attempt: Attempt) -> BudgetExceeded | None:
    """Return what the tenant's budget said, if it was that which refused."""
    return attempt.error if isinstance(attempt.error, BudgetExceeded) else None


def usage_of(outcome: CallOutcome | None) -> dict[str, Any] | None:
    """Return what the call spent that answered."""
    if outcome is None:
        return None
    return {name: getattr(outcome.usage, name) for name in outcome.usage.__dataclass_fields__}


def limits_of(outcome: CallOutcome | None) -> dict[str, Any] | None:
    """Return which limits the call that answered had."""
    return None if outcome is None else asdict(outcome.terms.limits)
