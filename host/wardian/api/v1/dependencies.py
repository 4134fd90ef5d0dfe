"""Dependencies: what a plugin needs, what needs it, and requests that concern several plugins."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query
from starlette.responses import Response

from wardian.api.answers import answer, answers
from wardian.api.dependencies import Host, Reader
from wardian.runtime.host import DependenciesView

router = APIRouter(prefix="/plugins/{name}/dependencies", tags=["plugins"])

CascadeToDependents = Annotated[
    bool, Query(description="Do it to the enabled plugins that need this one before.")
]
CascadeToNeeds = Annotated[bool, Query(description="Enable all that this plugin needs before.")]


class Uninstalled(msgspec.Struct, frozen=True):
    """The names of what was uninstalled, in order."""

    uninstalled: list[str]


@router.get("", responses=answers(DependenciesView))
async def show_dependencies(host: Host, caller: Reader, name: str) -> Response:
    """Show what a plugin needs and what needs it, each as a tree."""
    return answer(await host.dependencies(name, tenant=caller.tenant))
