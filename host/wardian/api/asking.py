"""Questions to agents over HTTP, as every version of the API puts them."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Annotated, Any

import msgspec
from fastapi import Depends, Request

from wardian.agents.agents import Agents
from wardian.agents.criteria import Criteria, Word
from wardian.agents.questions import OnPiece
from wardian.agents.views import AnswerView
from wardian.api.identity import trace_of
from wardian.tenants import Caller, Scope


class AskRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A question.

    Attributes:
        capability: what an agent must be able to do.
        input: what it is to do that to; any JSON value.
        criteria: what is wanted of the agent.
    """

    capability: Word
    input: Any
    criteria: Criteria = Criteria()


async def _agents(request: Request) -> Agents:
    agents: Agents = request.app.state.host.agents
    return agents


AskedAgents = Annotated[Agents, Depends(_agents)]


def asked(
    request: Request, caller: Caller, wanted: AskRequest, on_piece: OnPiece | None = None
) -> Awaitable[AnswerView]:
    """Have a question answered by an agent that the caller may call; see `Agents.ask`."""
    agents: Agents = request.app.state.host.agents
    parent, state = trace_of(request.headers)
    return agents.ask(
        wanted.capability,
        wanted.input,
        criteria=wanted.criteria,
        tenant=caller.tenant,
        subject=caller.key_name,
        scopes=caller.scopes,
        correlation_id=request.state.request_id,
        traceparent=parent,
        tracestate=state,
        on_piece=on_piece,
    )


def asker_of(caller: Caller, scope: Scope) -> str | None:
    """Return whose questions a caller has to do with: of all, if it holds ``scope``, which a key
    for some plugins cannot."""
    return None if caller.holds(scope) and caller.plugins is None else caller.key_name
