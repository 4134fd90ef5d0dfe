"""Agents: which there are, and questions that the best of them answers."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from wardian.agents.criteria import Share, Word
from wardian.agents.registry.changes import AgentChange
from wardian.agents.views import AgentView, AnswerView, ExplanationView, TrialView
from wardian.api.answers import LARGE_OUTPUT, answer, answers, takes
from wardian.api.asking import AskedAgents, AskRequest, asked
from wardian.api.bodies import body_of
from wardian.api.calling import while_connected
from wardian.api.cursors import InPages, page_of
from wardian.api.dependencies import Admin, AnyInvoker, AnyReader, Host, Reader
from wardian.api.preconditions import AgentMatch, AgentTrialMatch, tag_of
from wardian.storage.revisions import Kind

router = APIRouter(prefix="/agents", tags=["agents"])


class TrialRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A trial of another version of an agent, beside the one that is active.

    Attributes:
        version: of those that are kept.
        share: of questions that go to it.
        confidence: how sure it must be which of the two is better until that is said.
        ends: whether the trial is over as soon as that is known.
    """

    version: Word
    share: Share = 0.5
    confidence: Share = 0.95
    ends: bool = False


@router.get("", responses=answers(list[AgentView]))
async def list_agents(
    agents: AskedAgents,
    caller: AnyReader,
    paging: InPages,
    capability: Annotated[
        str | None, Query(max_length=200, description="Only those that answer this.")
    ] = None,
    tag: Annotated[str | None, Query(max_length=200, description="Only those with this.")] = None,
) -> Response:
    """List the agents, with what was measured of each; a key for some plugins sees those."""
    found = await agents.registry.list(caller.tenant, capability=capability, tag=tag)
    may = caller.plugins
    seen = [each for each in found if may is None or each.name in may]
    return page_of(seen, paging, lambda each: (each.name,))


@router.post("/ask", responses=answers(AnswerView), openapi_extra=takes(AskRequest))
async def ask(request: Request, caller: AnyInvoker) -> Response:
    """Have a question answered by the best agent that the key may call.

    If that does not answer, the next best is asked, and `attempts` says why. The question ends when
    the client goes away.
    """
    wanted = await body_of(request, AskRequest)
    found = await while_connected(request.receive, asked(request, caller, wanted))
    return await answered(found, found.usage)


@router.post("/explain", responses=answers(ExplanationView), openapi_extra=takes(AskRequest))
async def explain(request: Request, agents: AskedAgents, caller: AnyInvoker) -> Response:
    """Show who would be asked now, with what each candidate scores and why the others are not.

    Nothing is asked, and nothing changes by it.
    """
    wanted = await body_of(request, AskRequest)
    found = await agents.explain(
        wanted.capability,
        wanted.input,
        criteria=wanted.criteria,
        tenant=caller.tenant,
        subject=caller.key_name,
        scopes=caller.scopes,
    )
    return answer(found)


@router.get("/{name}", responses=answers(AgentView))
async def show(host: Host, agents: AskedAgents, caller: Reader, name: str) -> Response:
    """Show an agent."""
    tag = await tag_of(host, caller.tenant, Kind.AGENT, of_name=name)
    return answer(await agents.registry.get(caller.tenant, name), headers=tag)


@router.patch("/{name}", responses=answers(AgentView), openapi_extra=takes(AgentChange))
async def change(
    request: Request, agents: AskedAgents, caller: Admin, name: str, _: AgentMatch
) -> Response:
    """Say something else of an agent than its manifest does, or keep questions from it.

    What is not named stays, and null is the manifest's again.
    """
    wanted = await body_of(request, AgentChange)
    return answer(await agents.registry.change(caller.tenant, name, wanted, caller.key_name))


@router.get("/{name}/trial", responses=answers(TrialView))
async def show_trial(host: Host, agents: AskedAgents, caller: Reader, name: str) -> Response:
    """Show how two versions of an agent do beside each other."""
    tag = await tag_of(host, caller.tenant, Kind.AGENT_TRIAL, of_name=name)
    return answer(await agents.trials.status(caller.tenant, name), headers=tag)


@router.put("/{name}/trial", responses=answers(TrialView), openapi_extra=takes(TrialRequest))
async def start_trial(
    request: Request, agents: AskedAgents, caller: Admin, name: str, _: AgentTrialMatch
) -> Response:
    """Have a kept version of an agent answer some of its questions, to see which is better."""
    wanted = await body_of(request, TrialRequest)
    view = await agents.trials.start(
        caller.tenant,
        name,
        wanted.version,
        share=wanted.share,
        confidence=wanted.confidence,
        ends=wanted.ends,
        actor=caller.key_name,
    )
    return answer(view)


@router.delete("/{name}/trial", responses=answers(TrialView))
async def stop_trial(agents: AskedAgents, caller: Admin, name: str, _: AgentTrialMatch) -> Response:
    """End a trial: the active version answers all questions again. Answers how it stood."""
    return answer(await agents.trials.stop(caller.tenant, name, actor=caller.key_name))


async def answered(view: object, usage: dict[str, object] | None) -> Response:
    """Encode an answer; a large one, or one whose size nobody knows, in a thread."""
    size = None if usage is None else usage.get("output_bytes")
    if isinstance(size, int) and size <= LARGE_OUTPUT:
        return answer(view)
    return await asyncio.to_thread(answer, view)
