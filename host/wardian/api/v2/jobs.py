"""Jobs: what became of calls that were not waited for; waited for after all, watched, cancelled.

Every route takes a key with ``call``, which sees the jobs that keys of its name asked for. With
``read`` it sees all of the tenant's, and with ``admin`` it has their results and cancels them, too.
Of a key for some plugins, all that is about their jobs alone.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from wardian.api.answers import answer, answers
from wardian.api.calling import while_connected
from wardian.api.dependencies import AnyInvoker, Host, still_holds
from wardian.api.streams import STREAMED, Streams
from wardian.api.v2.following import Followed, job_messages
from wardian.api.v2.messages import MessageStream
from wardian.api.v2.outcomes import Outcome, outcome_of_job
from wardian.api.v2.preferences import STREAM_TYPE
from wardian.runtime.host import PluginHost
from wardian.runtime.jobs import Asker, JobsPage, JobState, JobView
from wardian.runtime.jobs.jobs import PAGE_MAX, WAIT_SECONDS_MAX
from wardian.runtime.jobs.watching import Watch
from wardian.tenants import Caller, Scope

RETRY_AFTER = "1"
"""Seconds after which it is worth asking again for a job that has not ended."""

router = APIRouter(prefix="/jobs", tags=["jobs"])

Before = Annotated[str | None, Query(description="`next` of the page before.")]
Wait = Annotated[
    float,
    Query(
        ge=0,
        le=WAIT_SECONDS_MAX,
        description="Answer once it has ended, or after so many seconds.",
    ),
]


@router.get("", responses=answers(JobsPage))
async def list_jobs(
    host: Host,
    caller: AnyInvoker,
    state: Annotated[
        list[JobState] | None, Query(description="Only those in this state; repeat it for more.")
    ] = None,
    plugin: Annotated[str | None, Query(description="Only those of this plugin.")] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 50,
    before: Before = None,
) -> Response:
    """List jobs, the newest first."""
    page = await host.jobs.list(
        states=state or (),
        plugin=plugin,
        limit=limit,
        before=before,
        tenant=caller.tenant,
        asker=_asker(caller, Scope.READ),
    )
    return answer(page)


@router.get("/{job_id}", responses=answers(JobView))
async def show_job(
    request: Request, host: Host, caller: AnyInvoker, job_id: str, wait: Wait = 0.0
) -> Response:
    """Show a job; with `wait`, once it has ended. While it has not, `Retry-After` says when to ask
    again."""
    view = await _visible(host, caller, job_id)
    if wait and not view.state.has_ended:
        streams: Streams = request.app.state.streams
        with host.jobs.watched(job_id) as watch, streams.held(caller, _Waiting(watch)):
            waited = host.jobs.wait(job_id, seconds=wait, tenant=caller.tenant, watch=watch)
            view = await while_connected(request.receive, waited)
    return answer(view, headers=None if view.state.has_ended else {"Retry-After": RETRY_AFTER})


@router.get("/{job_id}/result", responses=answers(Outcome))
async def job_result(request: Request, host: Host, caller: AnyInvoker, job_id: str) -> Response:
    """Return what came of a job that has ended: a `result`, or the `problem` that it failed with.

    `conflict` while it has not ended; `not-found` also when what came of it is not kept any more.
    """
    asker = _asker(caller, Scope.ADMIN)
    found = await host.jobs.result(job_id, tenant=caller.tenant, asker=asker)
    made = await asyncio.to_thread(outcome_of_job, request.scope, found)
    return await asyncio.to_thread(answer, made)


@router.delete("/{job_id}", responses=answers(JobView))
async def cancel_job(host: Host, caller: AnyInvoker, job_id: str) -> Response:
    """Cancel a job, whichever host runs it: it has ended when this answers, and its call is stopped
    in a moment. `conflict` if it has ended otherwise."""
    view = await host.jobs.cancel(
        job_id,
        tenant=caller.tenant,
        actor=caller.key_name,
        asker=_asker(caller, Scope.ADMIN),
    )
    return answer(view)


@router.get(
    "/{job_id}/stream",
    responses={
        200: {
            "description": (
                "Server-Sent Events: `state` (a job), `line`, `progress`, `dropped`, and at its "
                "end `result` or `problem`."
            ),
            "content": {STREAM_TYPE: STREAMED},
        }
    },
)
async def stream_job(request: Request, host: Host, caller: AnyInvoker, job_id: str) -> Response:
    """Stream what happens to a job, until it has ended.

    What its call logs is told by the host that runs it; others tell its states.
    """
    streams: Streams = request.app.state.streams
    await _visible(host, caller, job_id)
    followed = Followed(
        job_id=job_id,
        caller=caller,
        asker=_asker(caller, Scope.ADMIN),
        holds=still_holds(request, caller, Scope.CALL),
    )
    return await MessageStream.begun(job_messages(request.scope, host, streams, followed))


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """A request that waits for a job, and is answered at once when the host ends."""

    watch: Watch

    def wake(self) -> None:
        self.watch.close()


async def _visible(host: PluginHost, caller: Caller, job_id: str) -> JobView:
    asker = _asker(caller, Scope.READ)
    return await host.jobs.find(job_id, tenant=caller.tenant, asker=asker)


def _asker(caller: Caller, scope: Scope) -> Asker:
    """Return whose jobs a caller has to do with: all of the tenant's, if it holds ``scope``."""
    return Asker(None if caller.holds(scope) else caller.key_name, caller.plugins)
