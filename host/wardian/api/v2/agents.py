"""Questions to agents in version 2: with what the call spent, and streamed while it is answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from wardian.agents.views import AnswerView, AskAttemptView
from wardian.api.answers import answers, takes
from wardian.api.asking import AskRequest, asked
from wardian.api.bodies import body_of
from wardian.api.calling import while_connected
from wardian.api.dependencies import AnyInvoker
from wardian.api.problems import Problem, described, problem_of, respond
from wardian.api.streams import HEARTBEAT_SECONDS, STREAMED, Streams
from wardian.api.v1.agents import answered
from wardian.api.v2.messages import HEARTBEAT, MessageStream, message
from wardian.api.v2.outcomes import UsageEnvelope, envelope
from wardian.api.v2.pieces import Pieces
from wardian.api.v2.preferences import STREAM_TYPE, Wish, wish_of
from wardian.errors import WardianError
from wardian.plugins.agents import AGENT_ASK
from wardian.policy.limits import Limits
from wardian.policy.terms import Terms
from wardian.policy.usage import Usage
from wardian.tenants import Caller

router = APIRouter(prefix="/agents", tags=["agents"])


class AnswerV2(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a question, as in version 1, with an envelope of usage.

    Attributes:
        usage: of the call that answered; null of a kept answer.
    """

    id: str
    capability: str
    agent: str
    version: str
    output: Any
    cost: float
    units: int
    unit: str
    confidence: float | None
    cached: bool
    latency_ms: float
    strategy: str
    rule: str | None
    attempts: list[AskAttemptView]
    usage: UsageEnvelope | None


def _responses() -> dict[int | str, Any]:
    found = answers(
        AnswerV2,
        description="The answer; or, as Server-Sent Events, `piece`, `restarted` and `dropped` "
        "while it is made, and `answer` or `problem` at the end.",
    )
    found[200]["content"][STREAM_TYPE] = STREAMED
    return found


@router.post("/ask", responses=_responses(), openapi_extra=takes(AskRequest))
async def ask_v2(request: Request, caller: AnyInvoker) -> Response:
    """Have a question answered by the best agent that the key may call.

    With `Accept: text/event-stream` the answer is told while the agent makes it. The question ends
    when the client goes away.
    """
    wanted = await body_of(request, AskRequest)
    if wish_of(request.scope) is Wish.STREAMED:
        return await MessageStream.begun(_streamed(request, caller, wanted))
    try:
        found = await while_connected(request.receive, asked(request, caller, wanted))
    except WardianError as error:
        return respond(request.scope, _problem(error))
    return await answered(answer_v2(found), found.usage)


def answer_v2(found: AnswerView) -> AnswerV2:
    """Return an answer as this version has it."""
    kept = {name: getattr(found, name) for name in AnswerV2.__struct_fields__ if name != "usage"}
    return AnswerV2(**kept, usage=_envelope(found))


def _envelope(found: AnswerView) -> UsageEnvelope | None:
    if found.usage is None or found.limits is None:
        return None
    terms = Terms(found.agent, found.version, AGENT_ASK, msgspec.convert(found.limits, Limits))
    spent = msgspec.convert(found.usage, Usage)
    return envelope(found.call_id or "", terms, spent, found.latency_ms / 1000)


def _problem(error: WardianError) -> Problem:
    """Describe why there is no answer, with what the last call spent that was made for it."""
    problem = problem_of(error)
    members = {name: value for name, value in problem.members.items() if name != "usage"}
    call = None if error.question is None else error.question.call
    if call is not None:
        members["usage"] = envelope(call.id, call.terms, call.usage, call.seconds)
    return replace(problem, members=members)


async def _streamed(request: Request, caller: Caller, wanted: AskRequest) -> AsyncGenerator[bytes]:
    """Put a question, and tell what is said; whoever closes this ends it."""
    streams: Streams = request.app.state.streams
    pieces = Pieces()
    with streams.held(caller, pieces):
        yield HEARTBEAT
        task = asyncio.ensure_future(asked(request, caller, wanted, pieces.hear))
        task.add_done_callback(lambda _: pieces.wake())
        try:
            while not (task.done() or streams.closing):
                told = await pieces.next(HEARTBEAT_SECONDS)
                for each in told:
                    yield each
                if not told and not task.done():
                    yield HEARTBEAT
            for each in pieces.rest():
                yield each
            if task.done():
                yield await _last(request, task)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _last(request: Request, task: asyncio.Future[AnswerView]) -> bytes:
    try:
        return await asyncio.to_thread(message, "answer", answer_v2(await task))
    except WardianError as error:
        return message("problem", described(request.scope, _problem(error)))
