"""What plugins log."""

from __future__ import annotations

from datetime import datetime

import msgspec


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line that a plugin logged; every character of it prints.

    Attributes:
        sequence: its number on its host; later lines have larger ones.
        level: ``trace``, ``debug``, ``info``, ``warn`` or ``error``.
    """

    sequence: int
    time: datetime
    plugin: str
    call_id: str
    level: str
    message: str
    fields: dict[str, str]


class LogLines(msgspec.Struct, frozen=True, kw_only=True):
    """Some lines, the oldest first; ``next`` is the ``after`` that asks for those to come."""

    lines: list[LogLine]
    next: int


class DroppedLines(msgspec.Struct, frozen=True, kw_only=True):
    """How many lines a stream went on without, because they came faster than they were read."""

    dropped: int
