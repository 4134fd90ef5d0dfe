"""`ask_agent`: a tool that has a question answered by the best agent that a key may call; and
`explain_agent`, which says who that would be, and why.

They are there where there are such agents. The capabilities that can be asked for are one of its
parameters' choices; they are names that a manifest may have, and no prose.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import msgspec
from mcp_types import Tool, ToolAnnotations
from mcp_types.version import is_version_at_least

from wardian.agents.agents import Agents
from wardian.agents.criteria import Criteria, Word
from wardian.agents.questions import Piece
from wardian.agents.views import AnswerView
from wardian.api.bodies import decode
from wardian.api.mcp.exchange import Exchange
from wardian.api.mcp.results import STRUCTURED_SINCE, content_of, failed_result
from wardian.api.mcp.tools import OfferedTool
from wardian.errors import WardianError
from wardian.runtime.host import Offer

ASK, EXPLAIN = "ask_agent", "explain_agent"
NAMES = (ASK, EXPLAIN)
"""No function's tool is called so: there is no `__` in it."""

CAPABILITIES_MAX = 200
_TEXT = "What the agent must be able to do."

_Json = dict[str, Any]


class _Asked(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    capability: Word
    input: Any
    criteria: Criteria = Criteria()


class _Explained(_Asked, forbid_unknown_fields=True, kw_only=True):
    input: Any = None


def agent_tools(offers: Iterable[Offer]) -> list[OfferedTool]:
    """Return the tools, if there is an agent among what a key may call."""
    offers = [offer for offer in offers if offer.answers]
    if not offers:
        return []
    found = sorted({name for offer in offers for name in offer.answers})
    schema = _schema(found[:CAPABILITIES_MAX], is_whole=len(found) <= CAPABILITIES_MAX)
    ask = Tool(
        name=ASK,
        title="Ask an agent",
        description=(
            "Has a question answered by the best agent of this host for a capability, and by "
            "another if that does not answer. The answer is the agent's word, and costs what "
            "`cost` says."
        ),
        input_schema=schema,
        annotations=ToolAnnotations(open_world_hint=any(each.reaches_out for each in offers)),
    )
    explain = Tool(
        name=EXPLAIN,
        title="Explain who would be asked",
        description=(
            f"Says which agent `{ASK}` would ask now, what each candidate scores, and why the "
            "others are not asked. Nothing is asked, nothing is changed, and it costs nothing."
        ),
        input_schema=schema | {"required": ["capability"]},
        annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False),
    )
    return [
        OfferedTool(each, "", each.name, wraps=False, size=len(each.model_dump_json()))
        for each in (ask, explain)
    ]


async def answered(
    exchange: Exchange, params: _Json, version: str, traceparent: str | None
) -> _Json:
    """Answer a call of one of the tools, for a client that speaks this version of MCP."""
    if params["name"] == EXPLAIN:
        return await _explained(exchange, params, version)
    return await _asked(exchange, params, version, traceparent)


async def _explained(exchange: Exchange, params: _Json, version: str) -> _Json:
    visit = exchange.visit
    agents: Agents = visit.host.agents  # type: ignore[attr-defined]  # of the layer above its own
    try:
        wanted = decode(msgspec.json.encode(params.get("arguments") or {}), _Explained)
        found = await agents.explain(
            wanted.capability,
            wanted.input,
            criteria=wanted.criteria,
            tenant=visit.caller.tenant,
            subject=visit.caller.key_name,
            scopes=visit.caller.scopes,
        )
    except WardianError as error:
        return await failed_result(error, None)
    return _succeeded(msgspec.to_builtins(found), msgspec.json.encode(found).decode(), {}, version)


async def _asked(exchange: Exchange, params: _Json, version: str, traceparent: str | None) -> _Json:
    visit = exchange.visit
    agents: Agents = visit.host.agents  # type: ignore[attr-defined]  # of the layer above its own
    wants_progress = exchange.progress_token is not None
    try:
        wanted = decode(msgspec.json.encode(params.get("arguments") or {}), _Asked)
        answer = await agents.ask(
            wanted.capability,
            wanted.input,
            criteria=wanted.criteria,
            tenant=visit.caller.tenant,
            subject=visit.caller.key_name,
            scopes=visit.caller.scopes,
            correlation_id=visit.correlation_id,
            traceparent=traceparent,
            tracestate=visit.tracestate,
            on_piece=_Telling(exchange).hear if wants_progress else None,
        )
    except WardianError as error:
        return await failed_result(error, None)
    return await asyncio.to_thread(_result, answer, version)


class _Telling:
    """Tells a client that wants to know of progress what an agent says."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._count = 0

    async def hear(self, piece: Piece) -> None:
        """Take what an agent said."""
        self._count += 1
        said = f"{piece.agent} answers from the start." if piece.restarted else piece.text
        await self._exchange.progress(self._count, message=said)


def _result(answer: AnswerView, version: str) -> _Json:
    is_text = isinstance(answer.output, str)
    text = answer.output if is_text else msgspec.json.encode(answer.output).decode()
    meta = {"ask": answer.id, "call_id": answer.call_id, "usage": answer.usage}
    structured = {
        "output": answer.output,
        "agent": answer.agent,
        "version": answer.version,
        "cost": answer.cost,
        "confidence": answer.confidence,
        "ask": answer.id,
    }
    return _succeeded(structured, text, meta, version)


def _succeeded(structured: _Json, text: str, meta: _Json, version: str) -> _Json:
    found: _Json = {"content": content_of(text), "isError": False, "_meta": meta}
    if is_version_at_least(version, STRUCTURED_SINCE):
        found["structuredContent"] = structured
    return found


def _schema(capabilities: list[str], *, is_whole: bool) -> _Json:
    capability: _Json = {"type": "string", "description": _TEXT}
    # What is not among the choices could not be asked for, by clients that hold to them.
    capability |= {"enum": capabilities} if is_whole else {"examples": capabilities}
    return {
        "type": "object",
        "properties": {
            "capability": capability,
            "input": {"description": "What it is to do that to: any JSON value."},
            "criteria": {
                "type": "object",
                "description": "What is wanted of the agent, such as "
                '{"ceilings": {"cost": 0.01, "latency_ms": 2000}}.',
            },
        },
        "required": ["capability", "input"],
        "additionalProperties": False,
    }
