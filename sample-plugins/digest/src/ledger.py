"""What was counted, and the last summary of it: one value, changed as a whole.

Events come at least once, and several at a time, so the ids of those that were counted are in the
same value as the counts: an event is counted and remembered in one step, or neither. A summary
ends the count in one step, too, and has the id of the run that asked for it: a run that is begun
anew, because its host was lost, finds the summary that it made before.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from wardian_sdk import kv
from wit_world.exports.event_handler import Event

T = TypeVar("T")

KEY = "ledger"
REMEMBERED = 500
"""Ids of events that are known; one that comes again comes soon, and long before so many others."""

ATTEMPTS = 8
"""How often a change is tried that others were faster than."""


class Busy(Exception):
    """Others were faster each time."""


@dataclass
class Line:
    """What came to one topic."""

    events: int = 0
    amount: int = 0


@dataclass
class Summary:
    """What came, and when the first and the last of it were published."""

    id: str
    first: str
    last: str
    lines: dict[str, Line]


@dataclass
class Ledger:
    """What is counted now, when the first and the last of it were published, and the last summary.

    It is the events that have a time: a plugin without WASI has no clock.
    """

    times: tuple[str, str] = ("", "")
    lines: dict[str, Line] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    summary: Summary | None = None

    def count(self, event: Event, amount: int) -> bool:
        """Count an event; False if it was counted before."""
        if event.id in self.seen:
            return False
        first, last = self.times if self.lines else (event.time, event.time)
        self.times = min(first, event.time), max(last, event.time)
        line = self.lines.setdefault(event.topic, Line())
        line.events += 1
        line.amount += amount
        self.seen = [*self.seen, event.id][-REMEMBERED:]
        return True

    def close(self, run: str) -> Summary | None:
        """End the count, once for each run; None if nothing came."""
        if self.summary is not None and self.summary.id == run:
            return self.summary
        if not self.lines:
            return None
        self.summary = Summary(run, *self.times, self.lines)
        self.lines = {}
        return self.summary


def read() -> Ledger:
    """Return the ledger as it is."""
    return _parsed(kv.get_json(KEY))


def change(step: Callable[[Ledger], T]) -> T:
    """Change the ledger by ``step``, which may be called again; return what it returned.

    Raises ``Busy``, or what the host refuses.
    """
    for _ in range(ATTEMPTS):
        before = kv.get(KEY)
        ledger = _parsed(None if before is None else json.loads(before))
        answer = step(ledger)
        if kv.compare_and_set(KEY, before, json.dumps(asdict(ledger))):
            return answer
    raise Busy


def _parsed(document: Any) -> Ledger:
    if document is None:
        return Ledger()
    found = document["summary"]
    return Ledger(
        times=tuple(document["times"]),
        lines=_lines(document["lines"]),
        seen=document["seen"],
        summary=found and Summary(**found | {"lines": _lines(found["lines"])}),
    )


def _lines(document: dict[str, Any]) -> dict[str, Line]:
    return {topic: Line(**line) for topic, line in document.items()}
