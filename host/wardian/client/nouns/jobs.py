"""Calls that are not waited for, and many calls at once (version 2 of the API)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from wardian.client.answers import NOTHING, json_of
from wardian.client.binding import Noun, S, operation, stream
from wardian.client.feeds import Feed
from wardian.client.models import (
    Batch,
    BatchCall,
    DroppedLines,
    Job,
    JobProgress,
    JobsPage,
    LogLine,
    Outcome,
    Problem,
)
from wardian.client.operations import V2, Operation, asking, at, given
from wardian.client.options import TIMEOUT_SECONDS

JobNews: TypeAlias = Job | LogLine | JobProgress | DroppedLines | Outcome
"""What a job's stream tells: its states, what its call logs, and at last what came of it."""

_OUTCOME = msgspec.json.Decoder(Outcome)
_PROBLEM = msgspec.json.Decoder(Problem)
_STATE = msgspec.json.Decoder(Job)


def _problem(text: str) -> JobNews:
    return Outcome(problem=_PROBLEM.decode(text))


def _is_last(told: JobNews) -> bool:
    return isinstance(told, Job) and told.ended_at is not None


_NEWS: Mapping[str, Callable[[str], JobNews]] = {
    "state": _STATE.decode,
    "line": msgspec.json.Decoder(LogLine).decode,
    "progress": msgspec.json.Decoder(JobProgress).decode,
    "dropped": msgspec.json.Decoder(DroppedLines).decode,
    "result": _OUTCOME.decode,
    "problem": _problem,
}


class Jobs(Noun[S]):
    """Calls that are not waited for."""

    @operation
    def submit(  # noqa: PLR0913 -- what a job is asked with
        self,
        plugin: str,
        function: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        limits: Mapping[str, Any] | None = None,
        retry: int | None = None,
        notify: str | None = None,
        idempotency_key: str | None = None,
    ) -> Operation[Job]:
        """Have a function called, and do not wait for it.

        ``retry`` is how often it may be run again if its host is lost in the middle, and ``notify``
        the id of an endpoint that is told of its end.
        """
        more = given(limits=limits, retry=retry, notify=notify)
        body = {"arguments": arguments or {}, **more}
        path = V2 + at("/plugins/{}/functions/{}", plugin, function)
        asked = asking("POST", path, body, {}, {}).reading(json_of(Job))
        return asked.with_headers(Prefer="respond-async", Idempotency_Key=idempotency_key)

    @operation
    def list(
        self,
        *,
        state: Sequence[str] | None = None,
        plugin: str | None = None,
        limit: int | None = None,
        before: str | None = None,
    ) -> Operation[JobsPage]:
        """List jobs, the newest first; ``before`` is ``next`` of the page before."""
        query = {"state": state, "plugin": plugin, "limit": limit, "before": before}
        return asking("GET", f"{V2}/jobs", None, query, {}).reading(json_of(JobsPage))

    @operation
    def get(self, job_id: str, *, wait: float | None = None) -> Operation[Job]:
        """Show a job; with ``wait``, once it has ended, or after so many seconds."""
        path = V2 + at("/jobs/{}", job_id)
        asked = asking("GET", path, None, {"wait": wait}, {}).reading(json_of(Job))
        return asked if wait is None else asked.within(TIMEOUT_SECONDS + wait)

    @operation
    def result(self, job_id: str) -> Operation[Outcome]:
        """What came of a job that has ended; `Conflict` while it has not."""
        path = V2 + at("/jobs/{}/result", job_id)
        return asking("GET", path, None, {}, {}).reading(json_of(Outcome))

    @stream
    def stream(self, job_id: str) -> Feed[JobNews]:
        """Follow a job until it has ended.

        Its lines are told by the host that runs it. At the end comes an `Outcome`, if what came of
        the job is kept and the key may have it; `wardian.client.value_of` returns its result, or
        raises its problem. After a connection that was lost it begins anew: what was told may come
        once more.
        """
        request = asking("GET", V2 + at("/jobs/{}/stream", job_id), None, {}, {}).reading(NOTHING)
        return Feed("", request, _STATE.decode, _NEWS, is_last=_is_last)

    @operation
    def cancel(self, job_id: str) -> Operation[Job]:
        """Cancel a job; `Conflict` if it has ended otherwise."""
        path = V2 + at("/jobs/{}", job_id)
        return asking("DELETE", path, None, {}, {}).reading(json_of(Job))


def batching(
    calls: Sequence[BatchCall], deadline_seconds: float | None, stop_at_first_failure: bool
) -> Operation[Batch]:
    """Ask for many calls."""
    body = {
        "calls": calls,
        "stop_at_first_failure": stop_at_first_failure,
        **given(deadline_seconds=deadline_seconds),
    }
    return asking("POST", f"{V2}/batch", body, {}, {}).reading(json_of(Batch))
