"""What plugins keep in key-value storage: looked at, exported, cleared."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from wardian.api.answers import answer, answers, takes
from wardian.api.bodies import body_of
from wardian.api.dependencies import Admin, Host, Reader
from wardian.api.downloads import Downloads, FileAnswer
from wardian.runtime.store_views import Cleared, EntryView, KeysPage, StoreView
from wardian.runtime.stores import PAGE_MAX

LINES_TYPE = "application/x-ndjson"

router = APIRouter(prefix="/plugins/{name}/kv", tags=["kv"])

InNamespace = Annotated[
    str, Query(alias="namespace", description="Without one, what `kv` itself keeps.")
]


class ClearRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What to clear: `all`, or a `namespace`, a `prefix`, or both; the nameless one is empty."""

    everything: bool = msgspec.field(default=False, name="all")
    namespace: str | None = None
    prefix: str | None = None


@router.get("", responses=answers(StoreView))
async def show_store(host: Host, caller: Reader, name: str) -> Response:
    """Show what a plugin keeps beside its quota, by namespace."""
    return answer(await host.kv.usage(name, tenant=caller.tenant))


@router.get("/keys", responses=answers(KeysPage))
async def list_keys(  # noqa: PLR0913 -- the parameters of a page
    host: Host,
    caller: Admin,
    name: str,
    *,
    namespace: InNamespace = "",
    prefix: Annotated[str, Query(description="Only keys that start with it.")] = "",
    after: Annotated[str | None, Query(description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 100,
) -> Response:
    """List the keys of a namespace, in byte order."""
    page = await host.kv.keys(
        name,
        namespace=namespace,
        prefix=prefix,
        after=after,
        limit=limit,
        tenant=caller.tenant,
    )
    return answer(page)


@router.get("/entry", responses=answers(EntryView))
async def show_entry(
    host: Host, caller: Admin, name: str, key: str, namespace: InNamespace = ""
) -> Response:
    """Show one entry, without the secrets in its value."""
    found = await host.kv.entry(name, key, namespace=namespace, tenant=caller.tenant)
    return answer(found)


@router.get(
    "/export",
    responses={
        200: {
            "description": "JSON Lines: an entry a line, as it was at one moment.",
            "content": {LINES_TYPE: {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def export(
    request: Request,
    host: Host,
    caller: Admin,
    name: str,
    namespace: Annotated[
        str | None, Query(description="Only this one; empty: what `kv` itself keeps.")
    ] = None,
) -> Response:
    """Export what a plugin keeps; values are exact, but credentials of the tenant are taken out."""
    downloads: Downloads = request.app.state.downloads
    with ExitStack() as held:
        file = held.enter_context(downloads.opened(caller.tenant))
        done = await host.kv.export(
            name, file, namespace=namespace, tenant=caller.tenant, actor=caller.key_name
        )
        return FileAnswer(file, done.size_bytes, held.pop_all(), LINES_TYPE)


@router.post("/clear", responses=answers(Cleared), openapi_extra=takes(ClearRequest))
async def clear(request: Request, host: Host, caller: Admin, name: str) -> Response:
    """Remove what a plugin keeps: all, a namespace, or the keys of a prefix."""
    wanted = await body_of(request, ClearRequest)
    done = await host.kv.clear(
        name,
        namespace=wanted.namespace,
        prefix=wanted.prefix,
        everything=wanted.everything,
        tenant=caller.tenant,
        actor=caller.key_name,
    )
    return answer(done)
