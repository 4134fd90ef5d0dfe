"""The host's log, heard as it is written: plugins' lines, calls, and what else is worth a line."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from wardian.runtime.call_log import Ended

_CALLS = "wardian.calls"
_PLUGIN = "wardian.plugin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the log.

    Attributes:
        plugin: who says it; empty for the host.
        call_id: of the call in which it was said.
    """

    level: str
    message: str
    plugin: str = ""
    call_id: str = ""
    fields: dict[str, str] = field(default_factory=dict)


class Hearing(logging.Handler):
    """Hands on plugins' lines, the end of each call, and the host's own warnings."""

    def __init__(self, said: Callable[[Line], None], called: Callable[[Ended], None]) -> None:
        super().__init__()
        self._said = said
        self._called = called

    def emit(self, record: logging.LogRecord) -> None:
        """Hand on one record."""
        if record.name == _CALLS and isinstance(record.args, Ended):
            self._called(record.args)
        elif record.name == _PLUGIN or record.levelno >= logging.WARNING:
            self._said(_line(record))


def _line(record: logging.LogRecord) -> Line:
    return Line(
        level=record.levelname.lower(),
        message=record.getMessage(),
        plugin=getattr(record, "plugin", ""),
        call_id=getattr(record, "call_id", ""),
        fields={name: str(value) for name, value in getattr(record, "fields", {}).items()},
    )
