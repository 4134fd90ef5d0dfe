"""Recorded calls, and what came of running them again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from wardian.client.models.calls import Usage


class RecordedPlugin(msgspec.Struct, frozen=True, kw_only=True):
    """How calls of a plugin are recorded.

    Attributes:
        calls: how many are kept; 0 records none.
        kept, size_bytes: how many there are, and what they take.
        dropped: how many were not kept since the host started, by reason.
    """

    plugin: str
    calls: int
    kept: int
    size_bytes: int
    dropped: dict[str, int]


class RecordingSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One recorded call, without what was said in it."""

    call_id: str
    version: str
    package_digest: str
    function: str
    outcome: str
    recorded_at: datetime
    size_bytes: int


class RecordingsPage(msgspec.Struct, frozen=True, kw_only=True):
    """How calls of a plugin are recorded, and some that were, the newest first.

    Attributes:
        next: what asks for those after them; None if there are no more.
    """

    plugin: str
    calls: int
    kept: int
    size_bytes: int
    dropped: dict[str, int]
    recordings: list[RecordingSummary]
    next: str | None


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Ceilings of one call. The defaults are those of the level ``restricted``.

    Attributes:
        wall_seconds: until the call is stopped, time inside host functions included.
        fuel: wasm fuel (about one unit an instruction); None does not meter.
        memory_bytes: all linear memories of the call together.
        table_elements: elements of each table.
        instances, tables, memories: how many of each the component may create.
        host_calls, http_requests, events, log_lines: how many of each.
        argument_bytes, result_bytes: size of the encoded arguments and of the result; also of
            the body of one HTTP request, and of one response to it.
    """

    wall_seconds: float = 5.0
    fuel: int | None = 100000000000
    memory_bytes: int = 134217728
    table_elements: int = 100000
    instances: int = 100
    tables: int = 100
    memories: int = 20
    host_calls: int = 1000
    http_requests: int = 16
    events: int = 50
    log_lines: int = 1000
    argument_bytes: int = 4194304
    result_bytes: int = 4194304


class RecordedError(msgspec.Struct, frozen=True, kw_only=True):
    """How a call failed: an error's type, its sentence, and what else it says."""

    type: str
    message: str
    details: dict[str, Any] = {}


class RecordedHostCall(msgspec.Struct, frozen=True, kw_only=True):
    """One host call with its answer, a WIT result as a plain value."""

    interface: str
    function: str
    arguments: list[Any]
    answer: Any


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """One call, without its secrets.

    Attributes:
        version, package_digest, component_digest: of the plugin as it was called.
        level, limits: at which, and within which, it ran: `trusted`, `standard`, `restricted`
            or `isolated`.
        lowered: the limits that the request itself lowered.
        configuration: the plugin's resolved values.
        configured: what of these was set, in whatever layer, over the manifest's defaults.
        host_calls: in order, lines for the log too. What the worker answered from the
            configuration by itself is not among them.
        result, error: what came of it; ``error`` is None for a call that succeeded.
        format:  or `wardian.recording/1`.
    """

    format: str = "wardian.recording/1"
    call_id: str
    plugin: str
    version: str
    package_digest: str
    component_digest: str
    level: str
    function: str
    arguments: dict[str, Any]
    limits: Limits
    lowered: dict[str, Any] = {}
    configuration: dict[str, Any] = {}
    configured: dict[str, Any] = {}
    host_calls: list[RecordedHostCall] = []
    result: Any = None
    error: RecordedError | None = None
    usage: Usage
    recorded_at: datetime


class RemovedRecordings(msgspec.Struct, frozen=True, kw_only=True):
    """How many recordings were removed."""

    removed: int


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One difference; what is long in ``before`` and ``after`` is cut.

    Attributes:
        place: ``result.items[2].price``, ``error`` or ``host-call 3``.
        kind: whether it is on both sides, on one of them, or comes in another order: `added`,
            `changed`, `moved` or `removed`.
    """

    place: str
    kind: str = "changed"
    before: Any = None
    after: Any = None


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """One recorded call, run again.

    Attributes:
        recorded_version, version: the one that was recorded, and the one that ran now.
        same: whether it did what it had done: the same host calls, the same result or error.
        differences: the first of them; ``left_out`` counts the rest.
        before, after: what the call spent.
        notes: what else may tell the two apart, as sentences.
    """

    call_id: str
    function: str
    recorded_version: str
    version: str
    same: bool
    differences: list[Difference]
    left_out: int = 0
    before: Usage
    after: Usage
    notes: list[str] = []
