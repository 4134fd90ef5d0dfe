"""How a call ended, as version 2 answers it: a result or a problem, and what it spent."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType
from starlette.types import Scope as RequestScope

from wardian.api.answers import SCHEMAS
from wardian.api.problems import Problem, described, problem_of, problem_of_recorded
from wardian.errors import CallError, WardianError
from wardian.policy.limits import Limits
from wardian.policy.terms import Terms
from wardian.policy.usage import Usage
from wardian.runtime.jobs import JobResult
from wardian.runtime.views import CallOutcome
from wardian.sandbox import to_json

ProblemBody = Annotated[
    dict[str, Any], msgspec.Meta(extra_json_schema={"$ref": SCHEMAS.format(name="ProblemV2")})
]


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """What a call had left of each of its limits at its end: 0 of what it used up. ``fuel`` is null
    where none is metered."""

    wall_seconds: float
    fuel: int | None
    memory_bytes: int
    host_calls: int
    http_requests: int
    events: int
    log_lines: int
    result_bytes: int


class UsageEnvelope(msgspec.Struct, frozen=True, kw_only=True):
    """What a call spent, of which limits, and what it left of them.

    Attributes:
        version: of the plugin, as it was called.
        function: by its full name.
        duration_seconds: from the moment that the host took the call to its end, waiting included;
            of a job, from when it was last begun. `spent.wall_seconds` is what of it counts.
        cached: whether the result is one that was kept from a call before.
    """

    call_id: str
    plugin: str
    version: str
    function: str
    duration_seconds: float
    limits: Limits
    spent: Usage
    left: Left
    cached: bool = False


class CallAnswerV2(msgspec.Struct, frozen=True, kw_only=True):
    """A call that succeeded."""

    result: Any
    usage: UsageEnvelope


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a call ended that was one of several, or was not waited for: either ``result`` or
    ``problem`` is there, and ``usage`` wherever a call was made to its end."""

    result: Any | UnsetType = UNSET
    problem: ProblemBody | UnsetType = UNSET
    usage: UsageEnvelope | UnsetType = UNSET


def envelope(call_id: str, terms: Terms, spent: Usage, seconds: float) -> UsageEnvelope:
    """Return what a call spent of its limits, and took as so many seconds."""
    return UsageEnvelope(
        call_id=call_id,
        plugin=terms.plugin,
        version=terms.version,
        function=terms.function,
        duration_seconds=seconds,
        limits=terms.limits,
        spent=spent,
        left=_left(terms.limits, spent),
        cached=spent.cached,
    )


def call_answer(outcome: CallOutcome, seconds: float) -> CallAnswerV2:
    """Return the answer to a call that succeeded."""
    usage = envelope(outcome.call_id, outcome.terms, outcome.usage, seconds)
    return CallAnswerV2(result=to_json(outcome.result), usage=usage)


def call_problem(error: WardianError, call_id: str, seconds: float) -> Problem:
    """Describe how a call failed."""
    problem = problem_of(error)
    members = dict(problem.members)
    members.pop("usage", None)
    usage = _spent(error, call_id, seconds)
    if not isinstance(usage, UnsetType):
        members["usage"] = usage
    return replace(problem, members=members)


def outcome_of_error(
    scope: RequestScope, error: WardianError, call_id: str, seconds: float
) -> Outcome:
    """Return how one call of several failed."""
    problem = problem_of(error)
    members = {name: value for name, value in problem.members.items() if name != "usage"}
    body = described(scope, replace(problem, members=members))
    usage = _spent(error, call_id, seconds)
    return Outcome(problem=body | {"call_id": call_id}, usage=usage)


def outcome_of_job(scope: RequestScope, found: JobResult) -> Outcome:
    """Return what came of a job."""
    usage: UsageEnvelope | UnsetType = UNSET
    job = found.job
    if found.usage is not None and found.terms is not None:
        usage = envelope(job.call_id or "", found.terms, found.usage, _seconds(found))
    if found.error is None:
        return Outcome(result=to_json(found.result), usage=usage)
    error = found.error
    body = described(scope, problem_of_recorded(error.type, error.message, error.details))
    named = {} if job.call_id is None else {"call_id": job.call_id}
    return Outcome(problem=body | named, usage=usage)


def _left(limits: Limits, spent: Usage) -> Left:
    return Left(
        wall_seconds=max(0.0, limits.wall_seconds - spent.wall_seconds),
        fuel=None if limits.fuel is None else max(0, limits.fuel - spent.fuel),
        memory_bytes=max(0, limits.memory_bytes - spent.memory_bytes),
        host_calls=max(0, limits.host_calls - spent.host_calls),
        http_requests=max(0, limits.http_requests - spent.http_requests),
        events=max(0, limits.events - spent.events),
        log_lines=max(0, limits.log_lines - spent.log_lines),
        result_bytes=max(0, limits.result_bytes - spent.output_bytes),
    )


def _spent(error: WardianError, call_id: str, seconds: float) -> UsageEnvelope | UnsetType:
    if not isinstance(error, CallError) or error.usage is None or error.terms is None:
        return UNSET
    return envelope(call_id, error.terms, error.usage, seconds)


def _seconds(found: JobResult) -> float:
    job = found.job
    if job.began_at is None or job.ended_at is None:
        return 0.0
    return (job.ended_at - job.began_at).total_seconds()
