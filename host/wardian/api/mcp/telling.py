"""What a plugin logs during a call, told to the client that waits for it.

A line with a field `progress` (and maybe `total`), both numbers as text, is progress to a client
that asked for it; every line of the level that a client asked for is told as what it is.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import get_args

from mcp_types import LOG_LEVEL_META_KEY, LoggingLevel

from wardian.api.mcp.exchange import Exchange
from wardian.telemetry import Line
from wardian.telemetry.lines import Follower, WantedLines

PROGRESS = "progress"
TOTAL = "total"

_LEVELS: Sequence[str] = get_args(LoggingLevel)  # the least severe first
_LEVEL_OF = {
    "trace": "debug",
    "debug": "debug",
    "info": "info",
    "warn": "warning",
    "error": "error",
}


@asynccontextmanager
async def told(exchange: Exchange, call_id: str, level: object) -> AsyncIterator[None]:
    """Tell the client, while this is open, of a call's progress and of its lines from ``level`` on.

    ``level`` is what the client sent; one that MCP does not have is as good as none.
    """
    teller = _Teller(exchange, level)
    if not teller.is_asked:
        yield
        return
    wanted = WantedLines(tenant=exchange.visit.caller.tenant, call_id=call_id)
    with exchange.visit.host.lines.followed(wanted) as follower:
        task = asyncio.create_task(_tell(teller, follower))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])
            follower.wake()
            teller.tell(await follower.next())


async def _tell(teller: _Teller, follower: Follower) -> None:
    while True:
        teller.tell(await follower.next())


class _Teller:
    """Tells one client of one call's lines."""

    def __init__(self, exchange: Exchange, level: object) -> None:
        self._exchange = exchange
        self._levels = _LEVELS[_LEVELS.index(level) :] if level in _LEVELS else ()
        self._progress = -math.inf

    @property
    def is_asked(self) -> bool:
        wants = self._exchange.progress_token is not None or bool(self._levels)
        return wants and self._exchange.visit.takes_streams

    def tell(self, lines: Sequence[Line]) -> None:
        for line in lines:
            self._tell_progress(line)
            level = _LEVEL_OF[line.level]
            if level in self._levels:
                data = {"message": line.message, "fields": dict(line.fields)}
                params = {"level": level, "logger": line.plugin, "data": data}
                self._exchange.tell("notifications/message", params)

    def _tell_progress(self, line: Line) -> None:
        token = self._exchange.progress_token
        progress = _number(line.fields.get(PROGRESS))
        # MCP has it grow with each notification, which is a plugin's to break and ours to keep.
        if token is None or progress is None or progress <= self._progress:
            return
        self._progress = progress
        told = {"progressToken": token, "progress": progress, "message": line.message}
        total = _number(line.fields.get(TOTAL))
        self._exchange.tell(
            "notifications/progress", told if total is None else {**told, "total": total}
        )


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def wanted_level(meta: object) -> object:
    """The level of lines that a request asks for in its ``_meta``; None if it asks for none."""
    return meta.get(LOG_LEVEL_META_KEY) if isinstance(meta, dict) else None
