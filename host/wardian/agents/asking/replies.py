"""What agents reply, which may be anything that the interface has a type for."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import msgspec

from wardian.errors import InvalidArguments
from wardian.runtime.views import CallOutcome
from wardian.storage.documents import parse_json

LARGE_CHARACTERS = 16 * 1024
"""Longer JSON text is read in a thread: it takes longer than others are to wait."""

OUTPUT_BYTES_MAX = 64 * 1024 * 1024
"""No level lets a result be longer, and a call's own limit has been kept by now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer that is one.

    Attributes:
        output: a JSON value; ``text`` is what it was read from.
        units: no more than the agent may use.
    """

    output: Any
    text: str
    units: int
    confidence: float | None
    cacheable: bool


class NoReply(Exception):
    """An agent answered what is no answer; says what."""


class Reported(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent's `ask` returned, of the types that the interface says.

    Attributes:
        units: as many as it says.
    """

    output: str
    units: Annotated[int, msgspec.Meta(ge=0)]
    confidence: float | None
    cacheable: bool


def read_reported(outcome: CallOutcome) -> Reported:
    """Read what an agent's `ask` returned, which a worker has sent: one that was taken over may
    say anything, and would give money back with units below none.

    Raises:
        NoReply: it is nothing that an agent could return.
    """
    try:
        return msgspec.convert(outcome.result, Reported)
    except msgspec.ValidationError as exc:
        raise NoReply("it answered what no agent can: another type than an answer has") from exc


async def read_reply(reported: Reported, units_max: int) -> Reply:
    """Read an answer.

    Raises:
        NoReply: the output is no JSON, or the confidence is no share.
    """
    confidence = reported.confidence
    if confidence is not None and not (math.isfinite(confidence) and 0 <= confidence <= 1):
        raise NoReply(f"it is as sure of its answer as {confidence:g}, and not 0 to 1")
    try:
        output = await read_output(reported.output)
    except InvalidArguments as exc:
        raise NoReply(f"its output is no JSON: {exc.message[:200]}") from exc
    return Reply(
        output=output,
        text=reported.output,
        units=min(reported.units, units_max),
        confidence=confidence,
        cacheable=reported.cacheable,
    )


async def read_output(text: str) -> Any:
    """Return the JSON value that an output is.

    Raises:
        InvalidArguments: it is none.
    """
    parse = partial(parse_json, text, max_bytes=OUTPUT_BYTES_MAX)
    return parse() if len(text) <= LARGE_CHARACTERS else await asyncio.to_thread(parse)
