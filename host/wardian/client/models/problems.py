"""What a host says when it does not do what was asked."""

from __future__ import annotations

from typing import Any

import msgspec

from wardian.client.models.attempts import AgentAttempt
from wardian.client.models.calls import Usage


class ProblemFault(msgspec.Struct, frozen=True, kw_only=True):
    """One fault of a manifest.

    Attributes:
        path: which field it is in.
        line: of the manifest.
    """

    message: str
    path: str | None = None
    line: int | None = None


class Problem(msgspec.Struct, frozen=True, kw_only=True, rename={"imported": "import"}):
    """What went wrong (RFC 9457).

    Attributes:
        type: ``/problems/`` and the error's stable name.
        title: the same for every error of this type.
        detail: what was asked, what refused it, and why.
        instance: the path that was asked for.
        call_id, usage: of the call, if there was one.
        step: at which step a change of several stopped.
        needs_approval: what an upgrade asks for beyond the version before.
        path: where in the input the fault is.
        line, faults: of a manifest.
        limit: the limit that the call met.
        imported: the import that was refused.
        permission, layer: what was lacking, and who refused it.
        quota: the quota that is used up.
        payload: the error value that the function itself answered.
        attempts: which agents were asked, and why each did not answer.
        ask, cost: the question's id, and what was charged for it, where agents were asked.
        retry_after_seconds: when to try again.
    """

    type: str
    title: str
    status: int
    detail: str
    instance: str = ""
    request_id: str = ""
    call_id: str | None = None
    usage: Usage | None = None
    step: str | None = None
    needs_approval: list[str] = []
    path: str | None = None
    line: int | None = None
    faults: list[ProblemFault] = []
    limit: str | None = None
    imported: str | None = None
    permission: str | None = None
    layer: str | None = None
    quota: str | None = None
    payload: Any = None
    attempts: list[AgentAttempt] = []
    ask: str | None = None
    cost: float | None = None
    retry_after_seconds: float | None = None
