"""What is told of a question: who was asked in vain, who was not, and why there is no answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from wardian.agents.asking.attempt import Attempt
from wardian.agents.money import amount
from wardian.agents.questions import Question
from wardian.errors import (
    AgentUnavailable,
    BudgetExceeded,
    CallError,
    GuestError,
    Overloaded,
    SpentCall,
    Unanswered,
    WardianError,
)

NOT_ASKED_MAX = 16
"""Of those that were not asked so many are told: a tenant may have any number of agents."""


def told(attempts: Sequence[Attempt]) -> list[Attempt]:
    """Return all that were asked, and the first of those that could not be, in their order."""
    found: list[Attempt] = []
    left = NOT_ASKED_MAX
    for each in attempts:
        left -= not each.was_put
        if each.was_put or left >= 0 or each.reply is not None:
            found.append(each)
    return found


def last_asked(attempts: Sequence[Attempt]) -> Attempt | None:
    """Return the last that was asked; where nobody was, the last that would have been."""
    asked = [each for each in attempts if each.was_put] or attempts
    return asked[-1] if asked else None


def unanswered(question: Question, attempts: Sequence[Attempt]) -> Exception:
    """Return why there is no answer: one error if it is that for all, or what happened to each."""
    error = _why(question, attempts)
    if isinstance(error, WardianError):
        calls = [call for each in attempts if (call := _spent(each)) is not None]
        error.question = Unanswered(
            id=question.id,
            cost=amount(sum(each.cost_nanos for each in attempts)),
            call=calls[-1] if calls else None,
        )
    return error


def _spent(attempt: Attempt) -> SpentCall | None:
    outcome, error = attempt.outcome, attempt.error
    if outcome is not None:
        terms, usage = outcome.terms, outcome.usage
    elif isinstance(error, CallError) and error.terms is not None and error.usage is not None:
        terms, usage = error.terms, error.usage
    else:
        return None
    seconds = attempt.latency_ms / 1_000
    return SpentCall(id=attempt.call_id, seconds=seconds, terms=terms, usage=usage)


def _why(question: Question, attempts: Sequence[Attempt]) -> Exception:
    final = next((each.error for each in attempts if each.is_final), None)
    if final is not None:
        return final
    asked = [each for each in attempts if each.was_put]
    errors = [each.error for each in asked or attempts]
    first = next((each for each in errors if each is not None), None)
    for kind in (GuestError, Overloaded) if asked else (BudgetExceeded,):
        if isinstance(first, kind) and all(
            isinstance(each, kind) or each is None for each in errors
        ):
            return _refused(question, first, attempts) if isinstance(first, GuestError) else first
    error = AgentUnavailable(f"No agent for {question.capability} answered. {_reasons(attempts)}.")
    error.attempts = _views(attempts)
    return error


def _refused(question: Question, first: GuestError, attempts: Sequence[Attempt]) -> GuestError:
    """Return what all said who were asked; its payload is what the first of them did."""
    error = GuestError(
        f"No agent for {question.capability} answers this. {_reasons(attempts)}.",
        payload=first.payload,
        usage=first.usage,
    )
    error.terms, error.attempts = first.terms, _views(attempts)
    return error


def _reasons(attempts: Sequence[Attempt]) -> str:
    known = told(attempts)
    reasons = "; ".join(f"{each.candidate.agent}: {each.reason.rstrip('.')}" for each in known)
    if len(known) < len(attempts):
        reasons += f"; and {len(attempts) - len(known)} more were not asked"
    return reasons


def _views(attempts: Sequence[Attempt]) -> list[Any]:
    return [msgspec.to_builtins(each.view()) for each in told(attempts)]


def type_of(error: Exception) -> str:
    """Return how a question ended that was not answered."""
    return error.type if isinstance(error, WardianError) else "refused"
