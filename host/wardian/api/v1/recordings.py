"""Recordings: which calls of a plugin are kept, what was said in them, and running them again."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from wardian.api.answers import answer, answers, takes
from wardian.api.bodies import body_of
from wardian.api.dependencies import Admin, Host, Reader
from wardian.api.preconditions import PluginMatch
from wardian.runtime.recorded import Recording
from wardian.runtime.recordings import PAGE_MAX, RecordedPlugin, RecordingsPage
from wardian.runtime.rerun import ReplayOutcome
from wardian.sandbox import to_json

RECORDING_TYPE = "application/vnd.wardian.recording"

router = APIRouter(tags=["recordings"])


class RecordingRequest(msgspec.Struct, forbid_unknown_fields=True):
    """How many of a plugin's last calls are to be kept; 0 records no more."""

    calls: int


class ReplayRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Which kept version is to run; by default the one that was recorded, if it is kept."""

    version: str | None = None


class RemovedRecordings(msgspec.Struct):
    """How many recordings were removed."""

    removed: int


@router.put(
    "/plugins/{name}/recording",
    responses=answers(RecordedPlugin),
    openapi_extra=takes(RecordingRequest),
)
async def set_recording(
    request: Request, host: Host, caller: Admin, _: PluginMatch, name: str
) -> Response:
    """Keep the last calls of a plugin from now on, so that they can be run again."""
    wanted = await body_of(request, RecordingRequest)
    view = await host.recordings.set_calls(
        name, wanted.calls, tenant=caller.tenant, actor=caller.key_name
    )
    return answer(view)


@router.get("/plugins/{name}/recordings", responses=answers(RecordingsPage))
async def list_recordings(
    host: Host,
    caller: Reader,
    name: str,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 20,
    before: Annotated[str | None, Query(description="`next` of the page before.")] = None,
) -> Response:
    """List a plugin's recorded calls, the newest first, without what was said in them."""
    page = await host.recordings.page(name, limit=limit, before=before, tenant=caller.tenant)
    return answer(page)


@router.delete("/plugins/{name}/recordings", responses=answers(RemovedRecordings))
async def remove_recordings(host: Host, caller: Admin, name: str) -> Response:
    """Remove a plugin's recorded calls."""
    removed = await host.recordings.remove(name, tenant=caller.tenant, actor=caller.key_name)
    return answer(RemovedRecordings(removed))


@router.get("/recordings/{call_id}", responses=answers(Recording))
async def show_recording(host: Host, caller: Admin, call_id: str) -> Response:
    """Show one recorded call; bytes are base64, and secrets are not in it."""
    recording = await host.recordings.find(caller.tenant, call_id)
    return await asyncio.to_thread(lambda: answer(_shown(recording)))


@router.get(
    "/recordings/{call_id}/export",
    responses={
        200: {
            "description": "The recording as a file.",
            "content": {RECORDING_TYPE: {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def export_recording(host: Host, caller: Admin, call_id: str) -> Response:
    """Export one recorded call as a file, in which every value is exactly what it was."""
    document = await host.recordings.document(caller.tenant, call_id)
    return Response(document, media_type=RECORDING_TYPE)


@router.post(
    "/recordings/{call_id}/replay",
    responses=answers(ReplayOutcome),
    openapi_extra=takes(ReplayRequest, required=False),
)
async def replay(request: Request, host: Host, caller: Admin, call_id: str) -> Response:
    """Run one recorded call again, with the answers of then; nothing else comes of it."""
    wanted = await body_of(request, ReplayRequest)
    return answer(await host.replays.one(call_id, wanted.version, tenant=caller.tenant))


def _shown(recording: Recording) -> Any:
    plain = msgspec.to_builtins(recording, builtin_types=(bytes,))
    return to_json(plain)
