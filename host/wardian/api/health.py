"""For machines that watch the host: alive, ready, and in numbers."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from wardian.api.answers import answer
from wardian.api.dependencies import Host, MaybeCaller, SettingsInForce
from wardian.api.exposure import describes_publicly
from wardian.errors import Forbidden, Unauthenticated
from wardian.tenants import Scope

router = APIRouter(tags=["host"])


@router.get("/healthz", response_class=Response)
async def healthz() -> Response:
    """Answer as long as the process answers at all."""
    return answer({"status": "alive"})


@router.get("/readyz", response_class=Response)
async def readyz(host: Host) -> Response:
    """Tell whether the host can take calls: 200, or 503 with what is missing."""
    found = await host.ready()
    return answer(found, 200 if found.ready else 503)
