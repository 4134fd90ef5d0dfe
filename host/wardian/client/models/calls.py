"""Calls: what a function answers, what that cost, and what functions there are."""

from __future__ import annotations

from typing import Any

import msgspec


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What one call spent; reported with every outcome, failed ones too.

    Attributes:
        wall_seconds: from the broker's (or, in process, the sandbox's) start to the outcome.
        fuel: wasm fuel consumed; 0 where the level does not meter it.
        memory_bytes: peak of what the call added to the worker's writable memory: its linear
            memories, tables and the values that crossed the boundary.
        host_calls: host functions called.
        http_requests: HTTP requests sent for the call, each redirect that was followed
            included.
        http_bytes_sent, http_bytes_received: what these took on the wire, within TLS.
        events: events published.
        output_bytes: size of the encoded result.
        log_lines: log lines kept.
        dropped_log_lines: log lines past the budget.
        attempts: how many attempts this is the sum of; 0 if none was made for this call.
        cached: whether the answer was one that is kept.
    """

    wall_seconds: float = 0.0
    fuel: int = 0
    memory_bytes: int = 0
    host_calls: int = 0
    http_requests: int = 0
    http_bytes_sent: int = 0
    http_bytes_received: int = 0
    events: int = 0
    output_bytes: int = 0
    log_lines: int = 0
    dropped_log_lines: int = 0
    attempts: int = 1
    cached: bool = False


class CallResult(msgspec.Struct, frozen=True, kw_only=True):
    """A call that succeeded."""

    result: Any
    usage: Usage
    call_id: str


class Function(msgspec.Struct, frozen=True, kw_only=True):
    """One callable function.

    Attributes:
        name: the full name: ``add``, or ``acme:calc/ops@1.0.0#add``.
        signature: the WIT type as text.
        parameters: JSON Schema of the arguments object.
        result: JSON Schema of the result.
        error: JSON Schema of a guest error's payload; None if the function answers none.
        enhancements: what the host does around it: a sentence each, the outermost first.
    """

    name: str
    signature: str
    parameters: dict[str, Any]
    result: dict[str, Any]
    error: dict[str, Any] | None = None
    enhancements: list[str] = []
