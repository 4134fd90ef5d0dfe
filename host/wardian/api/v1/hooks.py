"""Webhooks that plugins receive: their addresses, and what came of requests.

Where they arrive is `wardian.api.receiving`.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from wardian.api.answers import answers
from wardian.api.cursors import InPages, page_of
from wardian.api.dependencies import Host, Reader
from wardian.runtime.hooks import WebhookView

router = APIRouter(prefix="/hooks", tags=["webhooks"])


@router.get("", responses=answers(list[WebhookView]))
async def list_webhooks(
    host: Host,
    caller: Reader,
    paging: InPages,
    plugin: Annotated[str | None, Query(description="Only those of this plugin.")] = None,
) -> Response:
    """List the webhooks that the tenant's plugins receive, and what came of their requests."""
    found = await host.hooks.list(plugin=plugin, tenant=caller.tenant)
    return page_of(found, paging, lambda each: (each.plugin, each.name))
