"""``wardian:plugin/logging``: lines for the operator's log.

Lines go to the logger ``wardian.plugin``, and to whoever follows them. Each record carries
``tenant``, ``plugin``, ``call_id`` and ``fields`` (a dict) beside its message.
"""

from __future__ import annotations

import logging
import unicodedata

from wardian.capabilities.base import CallContext, Refused
from wardian.storage.rows import now
from wardian.telemetry import Line, Lines

MAX_MESSAGE_BYTES = 4096
MAX_FIELDS = 16
MAX_FIELD_NAME_BYTES = 64
MAX_FIELD_VALUE_BYTES = 1024

LEVELS = {
    "trace": 5,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}

_SHORTENED = "…"
_ESCAPED = frozenset(("Cc", "Cf", "Cs", "Co", "Zl", "Zp"))

_log = logging.getLogger("wardian.plugin")


class Logging:
    """Capped, escaped and counted lines. Needs no permission."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    async def log(
        self, call: CallContext, level: str, message: str, fields: list[tuple[str, str]]
    ) -> None:
        """Write one line, or drop it if the call's log budget is spent."""
        try:
            call.budget.spend("log_lines")
        except Refused:
            call.budget.usage.dropped_log_lines += 1
            raise
        shown = {
            clean(name, MAX_FIELD_NAME_BYTES): clean(value, MAX_FIELD_VALUE_BYTES)
            for name, value in fields[:MAX_FIELDS]
        }
        _write(self._lines, call, level, message, shown)


def write_output(lines: Lines, call: CallContext, written: bytes) -> None:
    """Log what a guest wrote to its standard output or error, as one line at ``info``."""
    try:
        call.budget.spend("log_lines")
    except Refused:
        call.budget.usage.dropped_log_lines += 1
    else:
        text = written.decode(errors="replace").removesuffix("\n")
        _write(lines, call, "info", text, {"stream": "output"})


def _write(
    lines: Lines, call: CallContext, level: str, message: str, fields: dict[str, str]
) -> None:
    facts = call.facts
    shown = clean(message, MAX_MESSAGE_BYTES)
    extra = {
        "tenant": facts.tenant,
        "plugin": facts.plugin,
        "call_id": facts.call_id,
        "fields": fields,
    }
    _log.log(LEVELS[level], "%s", shown, extra=extra)
    line = Line(
        sequence=0,
        time=now(),
        plugin=facts.plugin,
        call_id=facts.call_id,
        level=level,
        message=shown,
        fields=fields,
    )
    lines.write(facts.tenant, line)


def clean(text: str, most_bytes: int) -> str:
    """Return ``text`` on one line, shortened, and with nothing a terminal would act upon.

    Control characters, and invisible ones that reorder or hide text, come out as escapes.
    """
    kept = text[:most_bytes]  # no character takes less than a byte, so no more can ever be shown
    if not (kept.isascii() and kept.isprintable()):
        kept = "".join(map(_escaped, kept))
    encoded = kept.encode()
    if len(text) <= most_bytes and len(encoded) <= most_bytes:
        return kept
    room = most_bytes - len(_SHORTENED.encode())
    return encoded[:room].decode(errors="ignore") + _SHORTENED


def _escaped(character: str) -> str:
    if unicodedata.category(character) in _ESCAPED:
        return character.encode("unicode_escape").decode()
    return character
