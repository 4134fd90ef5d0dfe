"""The tenant's rules: which strategy chooses the agent, when."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from wardian.agents.views import RulesView
from wardian.api.answers import answer, answers, takes
from wardian.api.asking import AskedAgents
from wardian.api.bodies import body_of
from wardian.api.dependencies import Admin, Host, Reader
from wardian.api.preconditions import AgentRulesMatch, tag_of
from wardian.storage.revisions import Kind

RULES_MAX = 1_000

router = APIRouter(prefix="/agent-rules", tags=["agents"])


class RuleRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A rule: which strategy, when.

    Attributes:
        when: conditions, all of which must hold; empty always holds.
    """

    name: str
    strategy: str
    when: dict[str, Any] = {}


class RulesRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A tenant's rules, the first that matches counts; and the strategy if none does."""

    rules: Annotated[list[RuleRequest], msgspec.Meta(max_length=RULES_MAX)]
    default: str = "weighted"


@router.get("", responses=answers(RulesView))
async def show(host: Host, agents: AskedAgents, caller: Reader) -> Response:
    """Show the rules, and which strategies there are."""
    tag = await tag_of(host, caller.tenant, Kind.AGENT_RULES)
    return answer(await agents.rules.get(caller.tenant), headers=tag)


@router.put("", responses=answers(RulesView), openapi_extra=takes(RulesRequest))
async def replace(
    request: Request, agents: AskedAgents, caller: Admin, _: AgentRulesMatch
) -> Response:
    """Replace the rules, all of them at once; other hosts go by them in seconds."""
    wanted = await body_of(request, RulesRequest)
    value = msgspec.to_builtins(wanted)
    return answer(await agents.rules.set(caller.tenant, value, caller.key_name))
