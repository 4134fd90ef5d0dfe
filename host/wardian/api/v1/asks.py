"""Questions that agents were asked: what became of each, and what people think of the answer.

A key with ``call`` has to do with what keys of its name asked, and judges that. One with ``read``
sees all of the tenant's, and one with ``admin`` may judge them, too.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from wardian.agents.agents import Agents
from wardian.agents.asking.records import AsksPage
from wardian.agents.criteria import Share
from wardian.agents.views import AskView, FeedbackView
from wardian.api.answers import answer, answers, takes
from wardian.api.asking import AskedAgents, asker_of
from wardian.api.bodies import body_of
from wardian.api.dependencies import AnyInvoker, AnyReaderOrInvoker
from wardian.errors import NotFound
from wardian.tenants import Caller, Scope

PAGE_MAX = 100

router = APIRouter(prefix="/asks", tags=["agents"])


class FeedbackRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What somebody thinks of an answer: at least one of these.

    Attributes:
        score: from 0 to 1.
        label: a word that stands for a score.
        comment: for people.
    """

    score: Share | None = None
    label: str = ""
    comment: str = ""


@router.get("", responses=answers(AsksPage))
async def list_asks(
    agents: AskedAgents,
    caller: AnyReaderOrInvoker,
    *,
    capability: Annotated[str | None, Query(max_length=200)] = None,
    agent: Annotated[
        str | None,
        Query(
            max_length=200, description="Only those that it answered, or was the last to be asked."
        ),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 20,
    before: Annotated[
        str | None, Query(max_length=200, description="`next` of the page before.")
    ] = None,
) -> Response:
    """List questions, the newest first, without what was asked and answered."""
    page = await agents.asks(
        caller.tenant,
        limit=limit,
        before=before,
        capability=capability,
        agent=agent,
        subject=asker_of(caller, Scope.READ),
    )
    return answer(page)


@router.get("/{ask_id}", responses=answers(AskView))
async def show(agents: AskedAgents, caller: AnyReaderOrInvoker, ask_id: str) -> Response:
    """Show a question: who was asked, how each ended, and what people think of the answer."""
    return answer(await _visible(agents, caller, ask_id, Scope.READ))


@router.post(
    "/{ask_id}/feedback", responses=answers(FeedbackView), openapi_extra=takes(FeedbackRequest)
)
async def give_feedback(
    request: Request, agents: AskedAgents, caller: AnyInvoker, ask_id: str
) -> Response:
    """Say what an answer was worth, which the agent is chosen by from then on.

    It replaces what a key of the same name said of it before.
    """
    wanted = await body_of(request, FeedbackRequest)
    await _visible(agents, caller, ask_id, Scope.ADMIN)
    given = await agents.feedback.give(
        caller.tenant,
        ask_id,
        score=wanted.score,
        label=wanted.label,
        comment=wanted.comment,
        by=caller.key_name,
    )
    return answer(given)


async def _visible(agents: Agents, caller: Caller, ask_id: str, scope: Scope) -> AskView:
    found = await agents.asked(caller.tenant, ask_id)
    asker = asker_of(caller, scope)
    if asker is not None and found.subject != asker:
        raise NotFound(f"There is no question {ask_id[:64]!r}.")
    return found
