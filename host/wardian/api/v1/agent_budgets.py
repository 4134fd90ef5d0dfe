"""What the tenant may spend on agents, in an hour, a day, a month or ever."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from wardian.agents.views import BudgetView
from wardian.api.answers import answer, answers, takes
from wardian.api.asking import AskedAgents
from wardian.api.bodies import body_of
from wardian.api.cursors import InPages, page_of
from wardian.api.dependencies import Admin, Host, Reader
from wardian.api.preconditions import AgentBudgetsMatch, tag_of
from wardian.storage.revisions import Kind

router = APIRouter(prefix="/agent-budgets", tags=["agents"])


class BudgetRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What may be spent, in the currency of the host."""

    limit: Annotated[float, msgspec.Meta(ge=0, le=1e9)]


@router.get("", responses=answers(list[BudgetView]))
async def list_budgets(
    host: Host, agents: AskedAgents, caller: Reader, paging: InPages
) -> Response:
    """List the budgets, with what is spent and set aside of each."""
    tag = await tag_of(host, caller.tenant, Kind.AGENT_BUDGETS)
    found = await agents.budgets.get(caller.tenant)
    return page_of(found, paging, lambda each: (each.capability, each.period), tag)


@router.put(
    "/{capability}/{period}", responses=answers(BudgetView), openapi_extra=takes(BudgetRequest)
)
async def set_budget(
    request: Request,
    agents: AskedAgents,
    caller: Admin,
    capability: str,
    period: str,
    _: AgentBudgetsMatch,
) -> Response:
    """Set what may be spent on a capability (`*` is all) in an `hour`, `day`, `month` or `ever`.

    A question that could cost more than is left is refused: `budget-exceeded`.
    """
    wanted = await body_of(request, BudgetRequest)
    view = await agents.budgets.set(
        caller.tenant, capability, period, wanted.limit, caller.key_name
    )
    return answer(view)


@router.delete("/{capability}/{period}", status_code=204)
async def remove_budget(
    agents: AskedAgents, caller: Admin, capability: str, period: str, _: AgentBudgetsMatch
) -> Response:
    """Remove a budget: then only the others bound what is spent."""
    await agents.budgets.remove(caller.tenant, capability, period, caller.key_name)
    return Response(status_code=204)
