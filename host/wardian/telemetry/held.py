"""Lines that are written several at a time.

Because: on its own a line takes a fifth of the time that the host spends on a small call, and in a
row with others a fraction of that. Each keeps the time at which it was told; a host that is killed
loses those of the last `HELD_SECONDS` and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from wardian.telemetry.bound import Bound, bound

HELD_SECONDS = 0.02
"""How long a line may wait for others."""

HELD_MAX = 1_000
"""How many wait at most."""


class _Held(NamedTuple):
    when: float
    arguments: tuple[Any, ...]
    about: Bound
    facts: Mapping[str, Any]


class HeldLines:
    """Lines of one kind, all at ``info``; told from within a running event loop."""

    def __init__(self, log: logging.Logger, text: str) -> None:
        """``text`` is what ``arguments`` are put into."""
        self._log = log
        self._text = text
        self._held: list[_Held] = []

    @property
    def is_wanted(self) -> bool:
        """Whether anybody reads such lines."""
        return self._log.isEnabledFor(logging.INFO)

    def tell(self, arguments: tuple[Any, ...], facts: Mapping[str, Any], *, now: bool) -> None:
        """Write a line soon, or ``now``, with all that waits.

        ``facts`` become attributes of the record, beside what is bound in this moment.
        """
        self._held.append(_Held(time.time(), arguments, bound(), facts))
        if now or len(self._held) >= HELD_MAX:
            self.flush()
        elif len(self._held) == 1:
            asyncio.get_running_loop().call_later(HELD_SECONDS, self.flush)

    def flush(self) -> None:
        """Write the lines that wait."""
        held, self._held = self._held, []
        for when, arguments, about, facts in held:
            record = self._log.makeRecord(
                self._log.name, logging.INFO, __file__, 0, self._text, arguments, None
            )
            record.created, record.msecs = when, when % 1 * 1000
            record.__dict__.update(facts, bound=about)
            self._log.handle(record)
