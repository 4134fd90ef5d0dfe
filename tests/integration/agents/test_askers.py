"""Plugins that wait for agents, in real workers: places and deaths."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agents import ASK, agent, agents_host, asked, asker
from wardian import Host
from wardian.errors import WorkerLost

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def asking(folder: Path, *agents: bytes, workers: int = 2) -> AsyncIterator[tuple[Host, Any]]:
    """A host with a plugin that asks, and its pool of workers."""
    async with agents_host(folder, *agents, workers_max=workers) as host:
        await host.install(asker("asker"), grants="all")
        yield host, host._parts.executor._pool  # type: ignore[attr-defined]


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


def worked(pid: int) -> int:
    """How long a process computed for its own program, in ticks of a hundredth of a second."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11])


async def test_fifty_plugins_that_ask_on_one_worker_are_all_answered(tmp_path: Path) -> None:
    one = agent("one", limits="concurrent = 100")
    async with asking(tmp_path, one, workers=1) as (host, pool):
        calls = (host.call("asker", ASK, asked(f"hello {number}")) for number in range(50))
        outcomes = await asyncio.gather(*calls)

        assert not pool._lent
    assert {json.loads(each.result["output"])[0] for each in outcomes} == {
        f"hello {number}" for number in range(50)
    }


async def test_an_asker_that_dies_takes_its_agent_along_and_pays_for_it(tmp_path: Path) -> None:
    async with asking(tmp_path, agent("one", per_call=0.5)) as (host, pool):
        await host.agents.budgets.set("default", "*", "ever", 10.0)
        await host.call("asker", ASK, asked("hello"))
        call = asyncio.create_task(host.call("asker", ASK, asked("s")))
        await until(lambda: len(pool._lent) == 2)
        (outer,) = (worker for worker in pool._lent if not worker.inside)
        os.kill(outer._body.pid, signal.SIGKILL)

        with pytest.raises(WorkerLost):
            await call
        assert not pool._lent
        assert (await host.ready()).workers.busy == 0
    async with agents_host(tmp_path) as host:
        (budget,) = await host.agents.budgets.get()
        [last, _] = (await host.agents.asks()).asks

    assert (budget.spent, budget.held) == (1.0, 0.0)
    assert (last.ending, last.attempts[0].ending) == ("cancelled", "cancelled")


async def test_an_agent_that_dies_is_followed_by_another_and_its_asker_goes_on(
    tmp_path: Path,
) -> None:
    agents = agent("one", priority=90, always="s"), agent("two")
    async with asking(tmp_path, *agents) as (host, pool):
        call = asyncio.create_task(host.call("asker", ASK, asked("hello")))
        await until(lambda: len(pool._lent) == 2)
        (inner,) = (worker for worker in pool._lent if worker.inside)
        # A question that a worker has not read yet goes to another one of the same agent, and what
        # a worker does before it reads one takes less of the processor than this.
        begun = worked(inner._body.pid)
        await until(lambda: worked(inner._body.pid) > begun + 10)
        os.kill(inner._body.pid, signal.SIGKILL)
        outcome = await call
        (known,) = (await host.agents.asks()).asks

    assert json.loads(outcome.result["output"]) == ["hello"]
    assert [(each.agent, each.ending) for each in known.attempts] == [
        ("one", "failed"),
        ("two", "answered"),
    ]
