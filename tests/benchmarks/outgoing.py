"""Rows about requests that plugins send, to a server on this machine."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial

import httpx

from benchmarks.bench import Bench, Measurement
from benchmarks.crossings import OURS
from benchmarks.figures import Figure, Row, at_most
from benchmarks.measuring import MICRO, seconds_of, take_turns
from callings import calling, unguarded
from strangers import LOOPBACK, broker, request
from wardian.capabilities.http import Http
from wardian.policy.limits import Limits

PLAIN = "httpx.AsyncClient"
AT_ONCE = 32

ONE_BY_ONE = Row("http.send, kept connection", "µs", PLAIN, at_most(1))
MANY = Row(f"http.send, {AT_ONCE} at once", "µs", PLAIN, at_most(1))

Send = Callable[[], Awaitable[object]]


def sends(bench: Bench) -> Iterator[Figure]:
    """The same small request through the broker, with every check, and through a plain client."""
    with _server() as url:
        alone, many = asyncio.run(_turns(url, bench.effort.samples(15)))
    for row, best in ((ONE_BY_ONE, alone), (MANY, many)):
        yield Figure(row, best[OURS] * MICRO, {PLAIN: best[PLAIN] * MICRO})


async def _turns(url: str, rounds: int) -> tuple[dict[str, float], dict[str, float]]:
    async with broker(LOOPBACK) as egress, httpx.AsyncClient(trust_env=False) as client:
        http = Http(egress, unguarded)
        limits = Limits(wall_seconds=3600, http_requests=2**62)
        call = calling(f"http:request:GET:{url}/*", limits=limits)
        sent: dict[str, Send] = {
            OURS: partial(http.send, call, request(f"{url}/repos/x?page=2")),
            PLAIN: partial(client.get, f"{url}/repos/x?page=2"),
        }
        return await _best(sent, 1, rounds), await _best(sent, AT_ONCE, rounds)


async def _best(sent: dict[str, Send], at_once: int, rounds: int) -> dict[str, float]:
    """Return each one's best turn of requests, in seconds a request."""
    turns = await take_turns(
        {name: partial(_turn, send, at_once) for name, send in sent.items()}, rounds
    )
    return {name: min(found) / (PER_TURN * at_once) for name, found in turns.items()}


PER_TURN = 10


async def _turn(send: Send, at_once: int) -> float:
    async def in_a_row() -> None:
        for _ in range(PER_TURN):
            await send()

    return await seconds_of(asyncio.gather(*(in_a_row() for _ in range(at_once))))


@contextmanager
def _server() -> Iterator[str]:
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.answering"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.stdin.close()


MEASUREMENTS = (Measurement((ONE_BY_ONE, MANY), sends),)
