"""Both clients behind one face, so that a test says once what both have to do."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from strangers import Heard, Reply, response
from wardian.client import AsyncClient, Client, Clock

KEY = "wdn_" + "s" * 43

NAMED = ("x-request-id", "r1")
"""What a Wardian host's answers have."""

Ask = Callable[[Callable[[Any], Any]], Any]


class Waiting:
    """Time that passes only while a client waits.

    Attributes:
        waits: every wait, in seconds.
    """

    def __init__(self) -> None:
        self.waits: list[float] = []

    @property
    def clock(self) -> Clock:
        return Clock(
            monotonic=lambda: sum(self.waits),
            sleep=self.waits.append,
            async_sleep=self._later,
            chance=lambda: 1.0,
        )

    async def _later(self, seconds: float) -> None:
        self.waits.append(seconds)


@asynccontextmanager
async def asking(kind: str, url: str, key: str = KEY, **options: Any) -> AsyncIterator[Ask]:
    """Open a client of a kind; what it is asked is awaited, in a thread if it blocks."""
    if kind == "async":
        async with AsyncClient(url, key, **options) as client:

            async def awaited(ask: Callable[[Any], Any]) -> Any:
                return await ask(client)

            yield awaited
    else:
        with Client(url, key, **options) as blocking:

            async def blocked(ask: Callable[[Any], Any]) -> Any:
                return await asyncio.to_thread(ask, blocking)

            yield blocked


def in_turn(*answers: bytes | None) -> Reply:
    """Answer one after the other, and the last again and again; None hangs up."""
    coming = itertools.chain(answers, itertools.repeat(answers[-1]))

    async def reply(heard: Heard, writer: Any) -> None:
        answer = next(coming)
        if answer is None:
            writer.transport.abort()
        else:
            writer.write(answer)

    return reply


def good(value: Any, *headers: tuple[str, str]) -> bytes:
    """A host's answer."""
    kind = ("content-type", "application/json")
    return response(msgspec.json.encode(value), headers=[NAMED, kind, *headers])


def problem(kind: str, status: int, *headers: tuple[str, str], **members: Any) -> bytes:
    """A host's problem."""
    said = {
        "type": f"/problems/{kind}",
        "title": kind,
        "status": status,
        "detail": f"It is {kind}.",
        "instance": "/",
        "request_id": "r1",
        **members,
    }
    return response(msgspec.json.encode(said), status, [NAMED, *headers])


CALLED = {"result": 3, "usage": {"fuel": 5}, "call_id": "c1"}
