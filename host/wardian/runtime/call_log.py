"""A line in the operator's log for every call."""

from __future__ import annotations

import logging
from typing import NamedTuple

from wardian.telemetry.held import HeldLines

_TEXT = "call %s of %s %s %s: %s in %.6f s"


class Ended(NamedTuple):
    """How a call ended, in the order of the line's words."""

    call_id: str
    plugin: str
    version: str
    function: str
    outcome: str
    seconds: float


class CallLog:
    """Writes a line for every call, those of calls that succeeded several at a time.

    A call that failed is written at once, with all that waits.
    """

    def __init__(self) -> None:
        self._lines = HeldLines(logging.getLogger("wardian.calls"), _TEXT)

    def ended(self, call: Ended, *, failed: bool) -> None:
        """Write down one call; from within a running event loop."""
        if self._lines.is_wanted:
            self._lines.tell(call, {}, now=failed)

    def flush(self) -> None:
        """Write the lines that wait."""
        self._lines.flush()
