"""What a question to an agent came to, once it has ended: what it costs, and what is learnt."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from wardian.agents.asking.attempt import Attempt
from wardian.agents.candidates import Ending, Outcome
from wardian.agents.questions import Question
from wardian.errors import (
    BudgetExceeded,
    CallError,
    DeadlineExceeded,
    MemoryExceeded,
    OutOfFuel,
    ResultTooLarge,
)
from wardian.runtime.views import CallOutcome

_OF_ITS_BUDGET = (DeadlineExceeded, OutOfFuel, MemoryExceeded, ResultTooLarge)


def charged(attempt: Attempt) -> int:
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


def learnt(question: Question, attempt: Attempt) -> Outcome:
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
