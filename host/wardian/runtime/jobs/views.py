"""Jobs as callers see them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from wardian.policy.terms import Terms
from wardian.policy.usage import Usage
from wardian.runtime.jobs.orders import JobState
from wardian.runtime.recorded import RecordedError
from wardian.storage.rows import JobRow


class JobView(msgspec.Struct, frozen=True, kw_only=True):
    """One job, without what was asked and answered.

    Attributes:
        attempt: how often it was begun; ``retry`` how often it may be begun again.
        call_id: of its last call, as log lines have it.
        error: the type of what it failed with.
        has_result: whether what came of it is still kept.
    """

    id: str
    plugin: str
    function: str
    state: JobState
    attempt: int
    retry: int
    subject: str
    notify: str | None
    call_id: str | None
    created_at: datetime
    began_at: datetime | None
    ended_at: datetime | None
    error: str | None
    has_result: bool


class JobsPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some jobs, the newest first; ``next`` asks for those before them."""

    jobs: list[JobView]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResult:
    """What came of a job.

    Attributes:
        result: as plain values, of one that succeeded.
        error: of any other.
        usage, terms: what its call spent of which limits; None where it made none to its end.
    """

    job: JobView
    result: Any
    error: RecordedError | None
    usage: Usage | None
    terms: Terms | None


def job_view(row: JobRow) -> JobView:
    """Show a job."""
    return JobView(
        id=row.id,
        plugin=row.plugin,
        function=row.function,
        state=JobState(row.state),
        attempt=row.attempt,
        retry=row.retry,
        subject=row.subject,
        notify=row.notify,
        call_id=row.call_id,
        created_at=row.created_at,
        began_at=row.began_at,
        ended_at=row.ended_at,
        error=row.error or None,
        has_result=row.outcome_bytes > 0,
    )
