"""Schedules of plugins: when each runs next and how it went; pause, resume, run now."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from wardian.api.answers import answer, answers
from wardian.api.cursors import InPages, page_of
from wardian.api.dependencies import Admin, Host, Reader
from wardian.api.preconditions import ScheduleMatch, tag_of
from wardian.api.v1.events import Before
from wardian.runtime.schedules.schedules import PAGE_MAX, RunsPage, RunView, ScheduleView
from wardian.storage.revisions import Kind

router = APIRouter(prefix="/schedules", tags=["schedules"])


@router.get("", responses=answers(list[ScheduleView]))
async def list_schedules(
    host: Host,
    caller: Reader,
    paging: InPages,
    plugin: Annotated[str | None, Query(description="Only those of this plugin.")] = None,
) -> Response:
    """List what plugins have the host do by itself, and when each runs next."""
    found = await host.schedules.all(plugin=plugin, tenant=caller.tenant)
    return page_of(found, paging, lambda each: (each.plugin, each.name))


@router.get("/{plugin}/{name}", responses=answers(ScheduleView))
async def show(host: Host, caller: Reader, plugin: str, name: str) -> Response:
    """Show a schedule."""
    tag = await tag_of(host, caller.tenant, Kind.SCHEDULE, of_plugin=plugin, of_name=name)
    return answer(await host.schedules.find(plugin, name, tenant=caller.tenant), headers=tag)


@router.get("/{plugin}/{name}/runs", responses=answers(RunsPage))
async def list_runs(
    host: Host,
    caller: Reader,
    plugin: str,
    name: str,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 20,
    before: Before = None,
) -> Response:
    """List a schedule's runs, the newest first."""
    page = await host.schedules.runs(plugin, name, limit=limit, before=before, tenant=caller.tenant)
    return answer(page)


@router.post("/{plugin}/{name}/pause", responses=answers(ScheduleView))
async def pause(host: Host, caller: Admin, _: ScheduleMatch, plugin: str, name: str) -> Response:
    """Let a schedule rest; ticks that come meanwhile are not made up for."""
    view = await host.schedules.set_paused(
        plugin, name, True, tenant=caller.tenant, actor=caller.key_name
    )
    return answer(view)


@router.post("/{plugin}/{name}/resume", responses=answers(ScheduleView))
async def resume(host: Host, caller: Admin, _: ScheduleMatch, plugin: str, name: str) -> Response:
    """Have a schedule go on from its next tick."""
    view = await host.schedules.set_paused(
        plugin, name, False, tenant=caller.tenant, actor=caller.key_name
    )
    return answer(view)


@router.post("/{plugin}/{name}/run", responses=answers(RunView))
async def run(host: Host, caller: Admin, plugin: str, name: str) -> Response:
    """Run a schedule now, also one that is paused; its next tick stays what it is.

    Answers when the run has ended, and `state` says how.
    """
    return answer(
        await host.schedules.run_now(plugin, name, tenant=caller.tenant, actor=caller.key_name)
    )
