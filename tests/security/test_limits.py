"""Each limit of a call is met by a guest that attacks it."""

from __future__ import annotations

import asyncio
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from security import hostile
from security.arena import IN_WORKERS, Attack, arena
from wardian import errors
from wardian.policy.levels import Level
from wardian.policy.limits import MIB, Limits

pytestmark = [pytest.mark.anyio, pytest.mark.quiet]


async def ok(_interface: str, function: str, _arguments: list[Any]) -> Any:
    return {"tag": "ok", "val": None if function == "log" else True}


async def never(_interface: str, _function: str, _arguments: list[Any]) -> Any:
    await asyncio.Event().wait()


SPIN_SECONDS = 0.3

ATTACKS = [
    Attack(
        name="a loop without end",
        limit="wall_seconds",
        error=errors.DeadlineExceeded,
        wasm=hostile.misbehaving,
        function="spin",
        limits={"wall_seconds": SPIN_SECONDS},
        seconds=SPIN_SECONDS,
    ),
    Attack(
        name="a loop before the first call",
        limit="wall_seconds",
        error=errors.DeadlineExceeded,
        wasm=hostile.start_loop,
        function="go",
        limits={"wall_seconds": SPIN_SECONDS},
        seconds=SPIN_SECONDS,
    ),
    Attack(
        name="instructions that each write all of memory",
        limit="wall_seconds",
        error=errors.DeadlineExceeded,
        wasm=partial(hostile.filler, 900),
        function="go",
        limits={"wall_seconds": SPIN_SECONDS},
        seconds=SPIN_SECONDS,
    ),
    Attack(
        name="a host function that never answers",
        limit="wall_seconds",
        error=errors.DeadlineExceeded,
        wasm=partial(hostile.caller, "kv"),
        function="some",
        arguments={"count": 1},
        limits={"wall_seconds": SPIN_SECONDS},
        answer=never,
        seconds=SPIN_SECONDS,
    ),
    Attack(
        name="a sleep in WASI, which no deadline inside interrupts",
        limit="wall_seconds",
        error=errors.DeadlineExceeded,
        wasm=hostile.sleeper,
        function="go",
        limits={"wall_seconds": SPIN_SECONDS},
        seconds=SPIN_SECONDS,
        # `isolated` refuses WASI, and nothing can stop a thread of the host.
        levels=(Level.STANDARD, Level.RESTRICTED),
    ),
    Attack(
        name="a loop within a small budget of instructions",
        limit="fuel",
        error=errors.OutOfFuel,
        wasm=hostile.misbehaving,
        function="spin",
        limits={"fuel": 1_000_000},
    ),
    Attack(
        name="recursion without end",
        limit="stack",
        error=errors.StackOverflow,
        wasm=hostile.misbehaving,
        function="recurse",
    ),
    Attack(
        name="recursion with large frames",
        limit="stack",
        error=errors.StackOverflow,
        wasm=partial(hostile.deep, 1_000_000),
        function="go",
    ),
    Attack(
        name="memory in small steps",
        limit="memory_bytes",
        error=errors.MemoryExceeded,
        wasm=hostile.misbehaving,
        function="grow-slowly",
        seconds=1,
    ),
    Attack(
        name="memory at once",
        limit="memory_bytes",
        error=errors.MemoryExceeded,
        wasm=hostile.misbehaving,
        function="grow-at-once",
    ),
    Attack(
        name="several memories",
        limit="memory_bytes",
        error=errors.MemoryExceeded,
        wasm=partial(hostile.hoarders, 15),
        function="go",
        seconds=1,
    ),
    Attack(
        name="memory from the start",
        limit="memory_bytes",
        error=errors.MemoryExceeded,
        wasm=partial(hostile.filler, 900),
        function="go",
        limits={"memory_bytes": 8 * MIB},
    ),
    Attack(
        name="a table",
        limit="table_elements",
        error=errors.MemoryExceeded,
        wasm=hostile.tables,
        function="go",
    ),
    Attack(
        name="more memories than a call may have",
        limit="memories",
        error=errors.MemoryExceeded,
        wasm=partial(hostile.declares, "memories", 8),
        function="go",
        limits={"memories": 4},
    ),
    Attack(
        name="more tables than a call may have",
        limit="tables",
        error=errors.MemoryExceeded,
        wasm=partial(hostile.declares, "tables", 8),
        function="go",
        limits={"tables": 4},
    ),
    Attack(
        name="more instances than a call may have",
        limit="instances",
        error=errors.MemoryExceeded,
        wasm=partial(hostile.declares, "instances", 50),
        function="go",
        limits={"instances": 20},
    ),
    Attack(
        name="host functions without end",
        limit="host_calls",
        error=errors.Trap,
        wasm=partial(hostile.caller, "kv"),
        function="go",
        limits={"host_calls": 1_000},
        answer=ok,
        seconds=2,
    ),
    Attack(
        name="log lines without end",
        limit="log_lines",
        error=errors.Trap,
        wasm=partial(hostile.caller, "logging"),
        function="go",
        limits={"host_calls": 1_000},
        answer=ok,
        seconds=2,
    ),
    Attack(
        name="a long text for an answer",
        limit="result_bytes",
        error=errors.ResultTooLarge,
        wasm=partial(hostile.answers, 9 * MIB),
        function="go",
        limits={"result_bytes": 8 * MIB},
    ),
    Attack(
        name="a long list whose elements are the same text",
        limit="result_bytes",
        error=errors.ResultTooLarge,
        wasm=partial(hostile.overlapping, 100_000, 4096),
        function="go",
        seconds=3,
        # In a thread of the host, what the allocator keeps of it is the host's.
        levels=IN_WORKERS,
    ),
    Attack(
        name="long arguments",
        limit="argument_bytes",
        error=errors.InvalidArguments,
        wasm=hostile.takes_text,
        function="go",
        arguments={"text": "a" * 9 * MIB},
        limits={"argument_bytes": 8 * MIB},
    ),
]

NOT_HERE = {
    "events": "published through a host: test_events.py",
    "http_requests": "sent through a broker: test_http.py",
}


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
async def test_a_limit_stops_the_call_and_touches_nobody_else(
    tmp_path: Path, attack: Attack
) -> None:
    async with arena(tmp_path) as fight:
        for level in attack.levels:
            await fight.attack(attack, level)


def test_every_limit_is_attacked() -> None:
    attacked = {attack.limit for attack in ATTACKS}

    assert attacked - {"stack"} == {each.name for each in fields(Limits)} - NOT_HERE.keys()
