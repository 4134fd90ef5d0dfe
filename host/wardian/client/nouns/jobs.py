"""Calls that are not waited for, and many calls at once (version 2 of the API)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wardian.client.answers import json_of
from wardian.client.binding import Noun, S, operation
from wardian.client.models import Batch, BatchCall, Job, JobsPage, Outcome
from wardian.client.operations import V2, Operation, asking, at, given
from wardian.client.options import TIMEOUT_SECONDS


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
