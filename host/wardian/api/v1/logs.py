"""What plugins log: the newest lines of this host, and those to come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response, StreamingResponse

from wardian.api.answers import answer, answers
from wardian.api.dependencies import Host, Reader, still_holds
from wardian.api.streams import STREAMED
from wardian.api.tails import KEPT_MAX, Tails, Wanted
from wardian.api.v1.events import POSITION_MAX, STREAM_TYPE
from wardian.telemetry import Line, WantedLines
from wardian.tenants import Scope

LIMIT_MAX = 1_000

router = APIRouter(prefix="/logs", tags=["logs"])

Plugin = Annotated[str | None, Query(description="Only lines of this plugin.")]
Call = Annotated[str | None, Query(description="Only lines of this call.")]
Least = Annotated[
    Literal["trace", "debug", "info", "warn", "error"], Query(description="The least level.")
]
After = Annotated[
    int | None, Query(ge=0, le=POSITION_MAX, description="Only lines behind this `sequence`.")
]


async def _wanted(
    caller: Reader, plugin: Plugin = None, call_id: Call = None, level: Least = "trace"
) -> Wanted:
    return Wanted(WantedLines(tenant=caller.tenant, plugin=plugin, call_id=call_id), level)


WantedOnes = Annotated[Wanted, Depends(_wanted)]


class LinesAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Some lines, the oldest first; `next` is the `after` with which to ask for those to come."""

    lines: Sequence[Line]
    next: int


@router.get("", responses=answers(LinesAnswer))
async def list_lines(
    host: Host,
    wanted: WantedOnes,
    after: After = None,
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = 100,
) -> Response:
    """List the newest lines that the tenant's plugins logged on this host.

    They are kept in memory, up to a mebibyte of them, and their numbers begin anew when the host
    does. The host's own log has them for good.
    """
    kept = host.telemetry.lines.recent(wanted.lines, KEPT_MAX, after=after or 0)
    newest = kept[-1].sequence if kept else after or 0
    return answer(LinesAnswer(lines=wanted.of(kept)[-limit:], next=newest))


@router.get(
    "/stream",
    responses={
        200: {
            "description": "Server-Sent Events, each a line, until the client closes.",
            "content": {STREAM_TYPE: STREAMED},
        }
    },
)
async def stream(
    request: Request,
    host: Host,
    caller: Reader,
    wanted: WantedOnes,
    after: After = None,
) -> Response:
    """Stream the lines that the tenant's plugins log on this host, from now on or behind `after`.

    A client that comes back with `Last-Event-ID` misses nothing that is still kept. One that is
    too slow is told of how many lines it missed, in an event `dropped`.
    """
    tails: Tails = request.app.state.tails
    tails.check_room(caller)
    position = tails.position(request.headers.get("last-event-id"))
    messages = tails.messages(
        host.telemetry,
        caller,
        wanted,
        after if position is None else position,
        still_holds(request, caller, Scope.READ),
    )
    return StreamingResponse(messages, media_type=STREAM_TYPE)
