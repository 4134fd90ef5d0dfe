"""A row about the author's loop: how long after saving a file its version answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import wasmtime

from benchmarks.bench import Bench, Measurement
from benchmarks.figures import Figure, Row
from benchmarks.measuring import MILLI
from packages import manifest
from wardian.bootstrap import open_host
from wardian.cli.dev.attempts import Attempts, CallWanted
from wardian.cli.dev.follow import Follower
from wardian.cli.dev.reloading import Target
from wardian.cli.dev.showing import Screen
from wardian.cli.dev.watching import states
from wardian.cli.terminal import Terminal
from wardian.settings import Settings

RELOADS = 60

SAVED_TO_ANSWERED = Row("hot reload, saved file to first answer, p50", "ms")

_ANSWERS = """(component
  (core module $m (func (export "run") (result i32) (i32.const {number})))
  (core instance $i (instantiate $m))
  (func (export "run") (result u32) (canon lift (core func $i "run"))))"""


class _Told(Terminal):
    """Keeps what the loop tells in place of printing it."""

    def __init__(self) -> None:
        super().__init__(json=True)
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def answer(self, value: Any, show: Callable[[], None]) -> None:
        self._events.put_nowait(value)

    async def result(self) -> Any:
        """Wait for the result of the next call that the loop makes."""
        while (event := await self._events.get())["event"] != "result":
            assert event["event"] != "failed", event
        return event["result"]


def reloads(bench: Bench) -> Iterator[Figure]:
    """Save one component after the other, each as soon as the one before has answered."""
    with TemporaryDirectory() as folder:
        taken = asyncio.run(_reloaded(Path(folder), bench.effort.samples(RELOADS)))
    yield Figure(SAVED_TO_ANSWERED, median(taken) * MILLI)


async def _reloaded(folder: Path, count: int) -> list[float]:
    plugin = folder / "plugin"
    plugin.mkdir()
    (plugin / "plugin.toml").write_text(manifest("numbers"))
    _save(plugin, 0)
    told = _Told()
    taken: list[float] = []
    async with open_host(Settings(data_dir=folder / "host", versions_kept=1)) as host:
        target = Target(host, "default", plugin)
        wanted = CallWanted("run", {})
        attempts = Attempts(plugin, host, target, Screen(told), "default", wanted)
        follower = Follower(attempts.attempt, attempts.overtaken)
        following = asyncio.create_task(follower.follow(states(plugin)))
        assert await told.result() == 0
        for number in range(1, count + 1):
            started = time.perf_counter()
            _save(plugin, number)
            assert await told.result() == number
            taken.append(time.perf_counter() - started)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    return taken


def _save(plugin: Path, number: int) -> None:
    draft = plugin / ".plugin.wasm"
    draft.write_bytes(wasmtime.wat2wasm(_ANSWERS.format(number=number)))
    draft.replace(plugin / "plugin.wasm")


MEASUREMENTS = (Measurement((SAVED_TO_ANSWERED,), reloads),)
