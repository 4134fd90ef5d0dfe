"""Batches and jobs: calls that are several, or that are not waited for (version 2 of the API)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from wardian.client.models.calls import Usage
from wardian.client.models.problems import Problem
from wardian.client.models.recordings import Limits


class BatchCall(msgspec.Struct, frozen=True, omit_defaults=True):
    """One call to make in a batch.

    Attributes:
        limits: limits to lower, by name.
    """

    plugin: str
    function: str
    arguments: dict[str, Any] = {}
    limits: dict[str, Any] | None = None


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """What a call had left of each of its limits; ``fuel`` is None where none is metered."""

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
        duration_seconds: until its end, waiting included; of ``wall_seconds`` counts less.
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


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a call ended; `wardian.client.value_of` returns its result, or raises its problem.

    Attributes:
        result: of one that succeeded; ``msgspec.UNSET`` of any other.
        problem: of one that failed.
        usage: wherever a call was made to its end.
    """

    result: Any = msgspec.UNSET
    problem: Problem | None = None
    usage: UsageEnvelope | None = None


class BatchUsage(msgspec.Struct, frozen=True, kw_only=True):
    """How a batch went, and what its calls spent together."""

    calls: int
    succeeded: int
    failed: int
    duration_seconds: float
    spent: Usage


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """How each call of a batch ended, in order."""

    outcomes: list[Outcome]
    usage: BatchUsage


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One job, without what was asked and answered.

    Attributes:
        state: what has become of it so far.
        attempt: how often it was begun; ``retry`` how often it may be begun again.
        call_id: of its last call, as log lines have it.
        error: the type of what it failed with.
        has_result: whether what came of it is still kept.
    """

    id: str
    plugin: str
    function: str
    state: str
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


class JobProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a job's call is, from 0 to 1, by its own account."""

    progress: float
    message: str


class JobsPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some jobs, the newest first; ``next`` asks for those before them."""

    jobs: list[Job]
    next: str | None
