"""Configuration: a plugin's values, one JSON object."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from wardian.api.answers import answer, answers, takes
from wardian.api.bodies import body_of
from wardian.api.dependencies import Admin, Host, Reader

router = APIRouter(prefix="/plugins/{name}/config", tags=["config"])


@router.get("", responses=answers(dict[str, Any]))
async def show_config(host: Host, caller: Reader, name: str) -> Response:
    """Show a plugin's configuration."""
    return answer(await host.config(name, tenant=caller.tenant))


@router.put("", responses=answers(dict[str, Any]), openapi_extra=takes(dict[str, Any]))
async def set_config(request: Request, host: Host, caller: Admin, name: str) -> Response:
    """Replace a plugin's configuration; it must fit the manifest's `config_schema`."""
    values = await body_of(request, dict[str, Any])
    return answer(await host.set_config(name, values, tenant=caller.tenant, actor=caller.key_name))
