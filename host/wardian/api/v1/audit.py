"""The audit trail: who did what to what, from where, and who decided."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from wardian.api.answers import answer, answers
from wardian.api.dependencies import Admin, Host
from wardian.api.downloads import Downloads, FileAnswer
from wardian.api.v1.events import Before
from wardian.api.v1.kv import LINES_TYPE
from wardian.crypto.chains import ChainReport, Head, parse_head
from wardian.policy.moments import in_utc
from wardian.runtime.audit import AuditPage
from wardian.runtime.audit.trail import PAGE_MAX
from wardian.storage.audit import WantedEntries

router = APIRouter(prefix="/audit", tags=["audit"])


Pattern = Annotated[str | None, Query(max_length=200, description="With `*` for any characters.")]


@router.get("", responses=answers(AuditPage))
async def list_entries(  # noqa: PLR0913 -- what entries are looked for by
    host: Host,
    caller: Admin,
    *,
    actor: Annotated[str | None, Query(max_length=200, description="The name of a key.")] = None,
    action: Pattern = None,
    subject: Pattern = None,
    decision: Literal["allowed", "denied"] | None = None,
    layer: Annotated[str | None, Query(max_length=80, description="What decided.")] = None,
    since: Annotated[datetime | None, Query(description="From this moment on.")] = None,
    until: Annotated[datetime | None, Query(description="Before this moment.")] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 50,
    before: Before = None,
) -> Response:
    """List the tenant's entries, the newest first."""
    wanted = WantedEntries(
        actor=actor,
        action=action,
        subject=subject,
        decision=decision,
        layer=layer,
        since=None if since is None else in_utc(since, "query.since"),
        until=None if until is None else in_utc(until, "query.until"),
    )
    return answer(await host.audit.page(wanted, limit=limit, before=before, tenant=caller.tenant))


@router.get("/head", responses=answers(Head))
async def show_head(host: Host, caller: Admin) -> Response:
    """Show the number and the hash of the last entry, to be kept elsewhere."""
    return answer(await host.audit.head(tenant=caller.tenant))


@router.get("/verification", responses=answers(ChainReport))
async def verify(
    host: Host,
    caller: Admin,
    head: Annotated[
        str | None, Query(max_length=100, description="An earlier head, `SEQUENCE:HASH`.")
    ] = None,
) -> Response:
    """Verify the chain on the host, and that a head from some time before is in it."""
    known = None if head is None else parse_head(head)
    return answer(await host.audit.verify(known, tenant=caller.tenant))


@router.get(
    "/export",
    responses={
        200: {
            "description": "JSON Lines: an entry a line, the oldest first, each with its hash.",
            "content": {LINES_TYPE: {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def export(request: Request, host: Host, caller: Admin) -> Response:
    """Export the tenant's whole trail, which `wardian audit verify` verifies anywhere."""
    downloads: Downloads = request.app.state.downloads
    with ExitStack() as held:
        file = held.enter_context(downloads.opened(caller.tenant))
        done = await host.audit.export(file, tenant=caller.tenant, actor=caller.key_name)
        return FileAnswer(file, done.size_bytes, held.pop_all(), LINES_TYPE)
