"""Batches: many calls in one request, each with an outcome of its own."""

from __future__ import annotations

import asyncio
import time
from dataclasses import fields
from functools import partial
from typing import Any

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from wardian.api.answers import LARGE_OUTPUT, answers, takes
from wardian.api.bodies import body_of, decode
from wardian.api.calling import while_connected
from wardian.api.dependencies import AnyInvoker, Host
from wardian.api.guards import authenticated, charge
from wardian.api.identity import trace_of
from wardian.api.v2.outcomes import Outcome, call_answer, outcome_of_error
from wardian.errors import InvalidArguments
from wardian.policy.usage import Usage
from wardian.runtime.batches import BatchCall, BatchOrder, BatchPolicy, Ended
from wardian.tenants import Caller

router = APIRouter(prefix="/batch", tags=["calls"])


class CallOfBatch(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One call of a batch."""

    plugin: str
    function: str
    arguments: dict[str, Any] = {}
    limits: dict[str, Any] | None = None


class BatchRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Calls to be made side by side.

    After ``deadline_seconds`` what runs is stopped, and nothing more begun; the same as soon as one
    has failed with ``stop_at_first_failure``.
    """

    calls: list[CallOfBatch]
    deadline_seconds: float | None = None
    stop_at_first_failure: bool = False


class BatchUsage(msgspec.Struct, frozen=True, kw_only=True):
    """How a batch went, and what its calls spent together; of ``memory_bytes``, the most that one
    needed."""

    calls: int
    succeeded: int
    failed: int
    duration_seconds: float
    spent: Usage


class BatchAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How each call of a batch ended, in order."""

    outcomes: list[Outcome]
    usage: BatchUsage


class _Asked(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A `BatchRequest` whose calls are yet to be read, each as strictly as a single one's body."""

    calls: list[msgspec.Raw]
    deadline_seconds: float | None = None
    stop_at_first_failure: bool = False


class _Made(msgspec.Struct, frozen=True, kw_only=True):
    """A `BatchAnswer` whose outcomes are JSON already."""

    outcomes: list[msgspec.Raw]
    usage: BatchUsage


@router.post("", responses=answers(BatchAnswer), openapi_extra=takes(BatchRequest))
async def batch(request: Request, host: Host, caller: AnyInvoker) -> Response:
    """Make many calls, of any plugins and functions, side by side.

    Each has an outcome of its own, in order: a `result`, or a `problem`; one that fails does not
    fail the others. When the client goes away, what runs is stopped.
    """
    asked = await body_of(request, _Asked)
    calls = await _calls_of(asked, host.batches.policy)
    if len(calls) > 1:
        charge(request, caller, len(calls) - 1)  # one was counted when the request came in
    order = _order(request, caller, asked, calls)
    keeping = _Keeping(request)
    outcomes = await while_connected(
        request.receive, host.batches.run(order, tenant=caller.tenant, keep=keeping)
    )
    made = _Made(outcomes=outcomes, usage=keeping.usage())
    content = await asyncio.to_thread(msgspec.json.encode, made)
    return Response(content, media_type="application/json")


async def _calls_of(asked: _Asked, policy: BatchPolicy) -> list[BatchCall]:
    if not 1 <= len(asked.calls) <= policy.calls_max:
        raise InvalidArguments(
            f"A batch has 1 to {policy.calls_max} calls, not {len(asked.calls)} "
            "(WARDIAN_BATCH_CALLS_MAX).",
            path="calls",
        )
    if sum(memoryview(call).nbytes for call in asked.calls) > LARGE_OUTPUT:
        return await asyncio.to_thread(_read, asked.calls)
    return _read(asked.calls)


def _read(calls: list[msgspec.Raw]) -> list[BatchCall]:
    return [_read_one(number, bytes(call)) for number, call in enumerate(calls)]


def _read_one(number: int, content: bytes) -> BatchCall:
    where = f"calls[{number}]"
    try:
        found = decode(content, CallOfBatch)
    except InvalidArguments as error:
        path = where if error.path is None else f"{where}.{error.path}"
        raise InvalidArguments(
            f"The call {where} is not valid. {error.message}", path=path
        ) from error
    return BatchCall(
        plugin=found.plugin,
        function=found.function,
        arguments=found.arguments,
        limits=found.limits,
    )


def _order(request: Request, caller: Caller, asked: _Asked, calls: list[BatchCall]) -> BatchOrder:
    return BatchOrder(
        calls=calls,
        deadline_seconds=asked.deadline_seconds,
        stop_at_first_failure=asked.stop_at_first_failure,
        subject=caller.key_name,
        scopes=caller.scopes,
        correlation_id=request.state.request_id,
        traceparent=trace_of(request.headers)[0],
        # A batch may take long, and its key may be revoked meanwhile.
        check=partial(authenticated, request),
    )


class _Keeping:
    """Keeps each end as the JSON that is answered, and adds up what was spent."""

    def __init__(self, request: Request) -> None:
        self._scope = request.scope
        self._began = time.perf_counter()
        self._failed: dict[str, bool] = {}
        self._spent: dict[str, Usage] = {}

    async def __call__(self, ended: Ended) -> tuple[msgspec.Raw, int]:
        # An end that does not fit comes again, as an error: the last one counts.
        self._failed[ended.call_id] = ended.error is not None
        if ended.usage is not None:
            self._spent[ended.call_id] = ended.usage
        if ended.usage is not None and ended.usage.output_bytes > LARGE_OUTPUT:
            content = await asyncio.to_thread(self._encoded, ended)
        else:
            content = self._encoded(ended)
        return msgspec.Raw(content), len(content)

    def usage(self) -> BatchUsage:
        """Return how the batch went."""
        failed = sum(self._failed.values())
        return BatchUsage(
            calls=len(self._failed),
            succeeded=len(self._failed) - failed,
            failed=failed,
            duration_seconds=time.perf_counter() - self._began,
            spent=_sum(list(self._spent.values())),
        )

    def _encoded(self, ended: Ended) -> bytes:
        if ended.outcome is not None:
            return msgspec.json.encode(call_answer(ended.outcome, ended.seconds))
        assert ended.error is not None  # noqa: S101 -- it ended one way or the other
        return msgspec.json.encode(
            outcome_of_error(self._scope, ended.error, ended.call_id, ended.seconds)
        )


def _sum(spent: list[Usage]) -> Usage:
    names = [field.name for field in fields(Usage)]
    total = {name: sum(getattr(each, name) for each in spent) for name in names}
    most = max((each.memory_bytes for each in spent), default=0)
    cached = bool(spent) and all(each.cached for each in spent)
    return Usage(**(total | {"memory_bytes": most, "cached": cached}))
