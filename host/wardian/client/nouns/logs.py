"""What plugins log: listed, and followed."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from wardian.client.answers import NOTHING, json_of
from wardian.client.binding import Noun, S, operation, stream
from wardian.client.feeds import Feed
from wardian.client.models import DroppedLines, LogLine, LogLines
from wardian.client.operations import Operation, get

LogLevel: TypeAlias = Literal["trace", "debug", "info", "warn", "error"]

_LINE = msgspec.json.Decoder(LogLine)
_DROPPED = msgspec.json.Decoder(DroppedLines)


class Logs(Noun[S]):
    """What the tenant's plugins log on the host that answers."""

    @operation
    def list(
        self,
        *,
        plugin: str | None = None,
        call_id: str | None = None,
        level: LogLevel | None = None,
        after: int | None = None,
        limit: int | None = None,
    ) -> Operation[LogLines]:
        """List the newest lines of at least a level; ``after`` is ``next`` of those before."""
        asked = {"plugin": plugin, "call_id": call_id, "level": level}
        return get("/logs", json_of(LogLines), **asked, after=after, limit=limit)

    @stream
    def stream(
        self,
        *,
        plugin: str | None = None,
        call_id: str | None = None,
        level: LogLevel | None = None,
        after: int | None = None,
    ) -> Feed[LogLine | DroppedLines]:
        """Follow lines in order, from now on, or after the line of this ``sequence``.

        A connection that is lost is made again, and the stream goes on after the last line that
        came. Where lines come faster than they are read, `DroppedLines` tells how many are missing.
        """
        asked = {"plugin": plugin, "call_id": call_id, "level": level}
        request = get("/logs/stream", NOTHING, **asked, after=after)
        # The host says where it is before the first line comes.
        return Feed("", request, _LINE.decode, {"dropped": _DROPPED.decode})
