"""Rows about requests to a host that serves on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any

from benchmarks.bench import Bench, Measurement
from benchmarks.crossings import TEXT
from benchmarks.figures import Figure, Row, at_least
from benchmarks.server import EMPTY_PATH

EMPTY = "empty route"
BODY = json.dumps({"arguments": {"value": TEXT}})

CALLS = Row("HTTP calls of a tiny guest", "requests/s", EMPTY, at_least(0.7))
CALLS_REUSED = Row("HTTP calls of a tiny guest, level standard", "requests/s", EMPTY)
CACHED = Row("HTTP calls with a kept answer", "requests/s", CALLS.name, at_least(1.0))
CALLS_V2 = Row("HTTP calls of a tiny guest, API version 2", "requests/s", EMPTY)
PATHS = {
    EMPTY: EMPTY_PATH,
    CALLS.name: "/api/v1/plugins/echo-restricted/functions/echo",
    CALLS_REUSED.name: "/api/v1/plugins/echo-standard/functions/echo",
    CACHED.name: "/api/v1/plugins/echo-cached/functions/echo",
    CALLS_V2.name: "/api/v2/plugins/echo-restricted/functions/echo",
}

BATCHED = 100
ONE_BY_ONE = "100 requests, one connection"
BATCH = Row("batch of 100 calls of a tiny guest", "calls/s", ONE_BY_ONE, at_least(1.0))
BATCH_BODY = json.dumps(
    {
        "calls": [
            {"plugin": "echo-restricted", "function": "echo", "arguments": {"value": TEXT}}
            for _ in range(BATCHED)
        ]
    }
)


def calls(bench: Bench) -> Iterator[Figure]:
    """Calls, and requests to a route that does nothing: same app, server, client and request."""
    requests = bench.effort.samples(300)
    with TemporaryDirectory() as folder, server_in(Path(folder)) as at, _client(at) as client:
        for path in PATHS.values():
            _rate(client, path, requests)
        rates: dict[str, list[float]] = {name: [] for name in PATHS}
        order = list(PATHS)
        for _ in range(bench.effort.samples(11)):
            for name in order:
                rates[name].append(_rate(client, PATHS[name], requests))
            order.append(order.pop(0))
    peer = median(rates.pop(EMPTY))
    for row in (CALLS, CALLS_REUSED, CALLS_V2):
        yield Figure(row, median(rates[row.name]), {EMPTY: peer})
    made = median(rates[CALLS.name])
    yield Figure(CACHED, median(rates[CACHED.name]), {CALLS.name: made, EMPTY: peer})


def batches(bench: Bench) -> Iterator[Figure]:
    """Calls in batches, and the same calls one request after the other, on one kept connection."""
    rounds = bench.effort.samples(15)
    single = PATHS[CALLS_V2.name]
    with TemporaryDirectory() as folder, server_in(Path(folder)) as at, _client(at) as client:
        together: list[float] = []
        apart: list[float] = []
        for number in range(2 * rounds):
            if number % 2:
                rate = _rate(client, "/api/v2/batch", 3, body=BATCH_BODY, connections=1)
                together.append(rate * BATCHED)
            else:
                apart.append(_rate(client, single, 3 * BATCHED, connections=1))
    yield Figure(BATCH, median(together[1:]), {ONE_BY_ONE: median(apart[1:])})


def _rate(client: subprocess.Popen[str], path: str, requests: int, **more: Any) -> float:
    """Requests a second, as the client saw it."""
    assert client.stdin is not None
    client.stdin.write(json.dumps({"path": path, "requests": requests, **more}) + "\n")
    client.stdin.flush()
    answer = _line(client)
    assert answer["cpu_seconds"] < 0.8 * answer["seconds"], "The client is what is being measured."
    return float(answer["requests"] / answer["seconds"])


@contextmanager
def server_in(folder: Path) -> Iterator[dict[str, Any]]:
    """Serve a host in a process of its own, with tiny guests; its ``url`` and ``key``."""
    with TemporaryFile() as log, _running("server", str(folder), stderr=log) as process:
        try:
            yield _line(process)
        except BaseException:
            log.seek(0)
            sys.stderr.write(log.read()[-4000:].decode())
            raise


@contextmanager
def _client(server: dict[str, Any]) -> Iterator[subprocess.Popen[str]]:
    with _running("client", server["url"], server["key"], BODY) as process:
        yield process


@contextmanager
def _running(module: str, *arguments: str, stderr: Any = None) -> Iterator[subprocess.Popen[str]]:
    """Run a module of the benchmarks in a process of its own, and end it."""
    process = subprocess.Popen(
        [sys.executable, "-m", f"benchmarks.{module}", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    with process:
        try:
            yield process
        finally:
            process.terminate()


def _line(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, f"{process.args!r} ended with {process.wait()}"
    found: dict[str, Any] = json.loads(line)
    return found


MEASUREMENTS = (
    Measurement((CALLS, CALLS_REUSED, CALLS_V2, CACHED), calls),
    Measurement((BATCH,), batches),
)
