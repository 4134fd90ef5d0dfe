"""``wardian:plugin/context``: who calls, and what is left of the budget."""

from __future__ import annotations

from typing import Any

from wardian.capabilities.base import CallContext


class Context:
    """Facts of the running call. Needs no permission."""

    async def current(self, call: CallContext) -> dict[str, Any]:
        """Describe the call that is running."""
        facts = call.facts
        return {
            "call-id": facts.call_id,
            "tenant": facts.tenant,
            "subject": facts.subject,
            "plugin": facts.plugin,
            "version": facts.version,
            "correlation-id": facts.correlation_id,
            "traceparent": facts.traceparent,
        }

    async def remaining(self, call: CallContext) -> dict[str, int]:
        """Tell what the call may still spend."""
        budget = call.budget
        return {
            "wall-ms": budget.wall_left_ms(),
            "host-calls": budget.left("host_calls"),
            "http-requests": budget.left("http_requests"),
            "events": budget.left("events"),
            "log-lines": budget.left("log_lines"),
        }
