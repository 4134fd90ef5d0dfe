"""What a call came to, as the result of a tool: also when it failed, so that a model can go on."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from mcp_types.version import is_version_at_least
from msgspec import Raw

from wardian.api.answers import LARGE_OUTPUT
from wardian.api.mcp.tools import RESULT
from wardian.api.problems import problem_of
from wardian.errors import CallError, GuestError, WardianError
from wardian.runtime.host import CallOutcome
from wardian.sandbox import to_json

STRUCTURED_SINCE = "2025-06-18"


async def tool_result(outcome: CallOutcome, *, wraps: bool, version: str) -> dict[str, Any]:
    """Return a call's result as text and, where the client's version has it, as an object.

    A text is told as it is, everything else as JSON. What is large is encoded in a thread.
    """
    if outcome.usage.output_bytes > LARGE_OUTPUT:
        return await asyncio.to_thread(_result, outcome, wraps, version)
    return _result(outcome, wraps, version)


async def failed_result(error: WardianError, call_id: str | None) -> dict[str, Any]:
    """Return why a call failed, in the words of its problem; a large one is encoded in a thread."""
    usage = error.usage if isinstance(error, CallError) else None
    if usage is not None and usage.output_bytes > LARGE_OUTPUT:
        return await asyncio.to_thread(_failed, error, call_id)
    return _failed(error, call_id)


def _failed(error: WardianError, call_id: str | None) -> dict[str, Any]:
    problem = problem_of(error)
    text = f"{problem.title} ({problem.type}) {problem.detail}"
    if isinstance(error, GuestError):
        text += f" {_encoded(error.payload).decode()}"
    facts = {"type": problem.type, "title": problem.title, "detail": problem.detail}
    told = Raw(msgspec.json.encode({**facts, **problem.members}))
    return {
        "content": content_of(text),
        "isError": True,
        "_meta": {"problem": told} | ({} if call_id is None else {"call_id": call_id}),
    }


def _result(outcome: CallOutcome, wraps: bool, version: str) -> dict[str, Any]:
    encoded = _encoded(outcome.result)
    is_text = isinstance(outcome.result, str)
    found: dict[str, Any] = {
        "content": content_of(outcome.result if is_text else encoded.decode()),
        "isError": False,
        "_meta": {"call_id": outcome.call_id, "usage": outcome.usage},
    }
    if is_version_at_least(version, STRUCTURED_SINCE):
        # It was encoded for the text already, and goes into the answer as it is.
        found["structuredContent"] = Raw(_wrapped(encoded) if wraps else encoded)
    return found


def _wrapped(encoded: bytes) -> bytes:
    return b'{"' + RESULT.encode() + b'":' + encoded + b"}"


def _encoded(value: Any) -> bytes:
    return msgspec.json.encode(to_json(value))


def content_of(text: str) -> Raw:
    """Return a result's content: one text."""
    return Raw(msgspec.json.encode([{"type": "text", "text": text}]))
