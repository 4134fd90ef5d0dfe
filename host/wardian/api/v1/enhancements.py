"""What the host does around the functions of a plugin."""

from __future__ import annotations

import msgspec
from fastapi import APIRouter
from starlette.responses import Response

from wardian.api.answers import answer, answers
from wardian.api.dependencies import Admin, Host, Reader
from wardian.runtime.enhancements import EnhancementsView

router = APIRouter(prefix="/plugins/{name}/enhancements", tags=["enhancements"])


class Emptied(msgspec.Struct):
    """How many answers were removed."""

    removed: int


@router.get("", responses=answers(EnhancementsView))
async def show_enhancements(host: Host, caller: Reader, name: str) -> Response:
    """Show the chain around each of a plugin's functions that has one, and how its calls went.

    Figures and kept answers are those of the host that is asked.
    """
    return answer(await host.enhancements.show(name, tenant=caller.tenant))


@router.post("/empty-cache", responses=answers(Emptied))
async def empty_cache(host: Host, caller: Admin, name: str) -> Response:
    """Keep none of the plugin's answers any longer on the host that is asked."""
    return answer(Emptied(await host.enhancements.empty_cache(name, tenant=caller.tenant)))
