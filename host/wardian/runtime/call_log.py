"""A line in the operator's log for every call."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import NamedTuple

HELD_SECONDS = 0.02
"""How long the line of a call that succeeded may wait for others."""

_log = logging.getLogger("wardian.calls")
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

    Because: on its own a line takes a fifth of the time that the host spends on a small call, and
    in a row with others a fraction of that. Each keeps the time at which its call ended. A call
    that failed is written at once, with all that waits; a host that is killed loses the lines of
    the last `HELD_SECONDS` and nothing else.
    """

    def __init__(self) -> None:
        self._held: list[tuple[float, Ended]] = []

    def ended(self, call: Ended, *, failed: bool) -> None:
        """Write down one call; from within a running event loop."""
        if not _log.isEnabledFor(logging.INFO):
            return
        self._held.append((time.time(), call))
        if failed:
            self.flush()
        elif len(self._held) == 1:
            asyncio.get_running_loop().call_later(HELD_SECONDS, self.flush)

    def flush(self) -> None:
        """Write the lines that wait."""
        held, self._held = self._held, []
        for when, call in held:
            record = _log.makeRecord(_log.name, logging.INFO, __file__, 0, _TEXT, call, None)
            record.created, record.msecs = when, when % 1 * 1000
            _log.handle(record)
