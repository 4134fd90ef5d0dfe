"""Rows about `wardian.client`: what it adds to a request that httpx would make, too."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from benchmarks.bench import Bench, Measurement
from benchmarks.crossings import TEXT
from benchmarks.figures import Figure, Row, at_most
from benchmarks.measuring import MICRO, Effort, compare
from benchmarks.over_http import CALLS, PATHS, server_in
from wardian.client import AsyncClient, Client

HTTPX = "httpx"
OURS = "client"

BLOCKING = Row("client: a call by wardian.client", "µs", HTTPX, at_most(1.25))
AWAITING = Row("client: a call by wardian.client, async", "µs", HTTPX, at_most(1.25))

_PATH = PATHS[CALLS.name]
_BODY = {"arguments": {"value": TEXT}}
_CALL = ("echo-restricted", "echo", _BODY["arguments"])


def calls(bench: Bench) -> Iterator[Figure]:
    """The same call of a tiny guest by both, one at a time on a kept connection."""
    with TemporaryDirectory() as folder, server_in(Path(folder)) as at:
        for row, found in (
            (BLOCKING, _blocking(at, bench.effort)),
            (AWAITING, _awaiting(at, bench.effort)),
        ):
            yield Figure(row, found[OURS] * MICRO, {HTTPX: found[HTTPX] * MICRO})


def _blocking(at: dict[str, Any], effort: Effort) -> dict[str, float]:
    with Client(at["url"], at["key"]) as client, httpx.Client(**_settings(at)) as http:
        assert client.call(*_CALL).result == TEXT
        ours = {OURS: lambda: client.call(*_CALL)}
        return compare({**ours, HTTPX: lambda: _json(http.post(_PATH, json=_BODY))}, effort)


def _awaiting(at: dict[str, Any], effort: Effort) -> dict[str, float]:
    with asyncio.Runner() as runner:
        client = AsyncClient(at["url"], at["key"])
        http = httpx.AsyncClient(**_settings(at))

        async def plain() -> Any:
            return _json(await http.post(_PATH, json=_BODY))

        try:
            return compare(
                {
                    OURS: lambda: runner.run(client.call(*_CALL)),
                    HTTPX: lambda: runner.run(plain()),
                },
                effort,
            )
        finally:
            runner.run(client.close())
            runner.run(http.aclose())


def _settings(at: dict[str, Any]) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {at['key']}"}
    return {"base_url": at["url"], "headers": headers, "trust_env": False}


def _json(answer: httpx.Response) -> Any:
    answer.raise_for_status()
    return answer.json()


MEASUREMENTS = (Measurement((BLOCKING, AWAITING), calls),)
