"""What a line of the log is about: the request and the call during which it is written.

Two context variables that hold what is there already, so that a call pays for a set and a reset,
and whoever writes a line for the rest.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import NamedTuple, Protocol

from wardian.telemetry.steps import current_ids


class AboutCall(Protocol):
    """What is told of a call in each line."""

    @property
    def call_id(self) -> str: ...
    @property
    def tenant(self) -> str: ...
    @property
    def plugin(self) -> str: ...
    @property
    def version(self) -> str: ...


REQUEST: ContextVar[str | None] = ContextVar("wardian-request", default=None)
"""The id of the request that is being answered."""

CALL: ContextVar[AboutCall | None] = ContextVar("wardian-call", default=None)
"""The call that runs; of a chain, the last one."""


class Bound(NamedTuple):
    """What there is to tell in this moment; for a line that is written later."""

    request_id: str | None
    call: AboutCall | None
    trace: tuple[str, str] | None

    def facts(self) -> dict[str, str]:
        """Return it by the names that lines have."""
        found: dict[str, str] = {}
        if self.call is not None:
            found["tenant"], found["plugin"] = self.call.tenant, self.call.plugin
            found["version"], found["call_id"] = self.call.version, self.call.call_id
        if self.request_id is not None:
            found["request_id"] = self.request_id
        if self.trace is not None:
            found["trace_id"], found["span_id"] = self.trace
        return found


def bound() -> Bound:
    """Return what there is to tell now."""
    return Bound(REQUEST.get(), CALL.get(), current_ids())
