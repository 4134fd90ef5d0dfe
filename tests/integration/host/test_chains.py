"""Plugins that call plugins, in real workers: places, deadlines, deaths, budgets, upgrades."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from relays import along, answer_of, asking, relay
from wardian import Settings, open_host
from wardian.errors import DeadlineExceeded, GuestError, OutOfFuel, WorkerLost
from wardian.policy.levels import Level
from wardian.policy.limits import MIB
from wardian.runtime.host import PluginHost

pytestmark = pytest.mark.anyio

NAMES = "abcdefgh"


@asynccontextmanager
async def host_of(folder: Path, *packages: bytes, **changes: Any) -> AsyncIterator[PluginHost]:
    settings = {"workers_max": 1, "level_max": Level.TRUSTED, "allow_weak_isolation": True}
    async with open_host(Settings(data_dir=folder / "data", **settings | changes)) as host:
        for content in packages:
            await host.install(content, grants="all")
        yield host


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


async def refused(host: PluginHost, function: str, arguments: dict[str, Any], **limits: Any) -> Any:
    """What the first plugin was told in place of an answer."""
    with pytest.raises(GuestError) as caught:
        await host.call("a", function, arguments, limits=limits)
    return caught.value.payload["tag"], caught.value.payload["val"]


@pytest.mark.parametrize("depth", [2, 5, 8])
async def test_fifty_chains_at_once_on_one_worker_all_end(tmp_path: Path, depth: int) -> None:
    names = NAMES[:depth]
    async with host_of(tmp_path, *map(relay, names), queue_seconds=60.0) as host:
        async with asyncio.timeout(60):
            outcomes = await asyncio.gather(
                *(
                    host.call("a", "relay", along(names[1:], "echo", text=str(number)))
                    for number in range(50)
                )
            )
        report = (await host.ready()).workers

    answers = [answer_of(outcome.result, depth - 1) for outcome in outcomes]
    assert answers == [str(number) for number in range(50)]
    assert {outcome.usage.host_calls for outcome in outcomes} == {depth - 1}
    assert (report.busy, report.queued, report.lost) == (0, 0, 0)


async def test_chains_in_both_directions_do_not_wait_for_each_other(tmp_path: Path) -> None:
    async with host_of(tmp_path, relay("a"), relay("b"), queue_seconds=60.0) as host:
        async with asyncio.timeout(60):
            outcomes = await asyncio.gather(
                *(
                    host.call(first, "relay", asking(second, text=f"{number}"))
                    for number in range(25)
                    for first, second in ("ab", "ba")
                )
            )

    assert [answer_of(outcome.result) for outcome in outcomes] == [
        f"{number}" for number in range(25) for _ in "ab"
    ]


@pytest.mark.parametrize("inner", Level)
@pytest.mark.parametrize("outer", Level)
async def test_plugins_of_all_levels_call_each_other(
    tmp_path: Path, outer: Level, inner: Level
) -> None:
    both = relay("a", level=outer), relay("b", level=inner)
    async with host_of(tmp_path, *both) as host:
        for number in range(3):
            outcome = await host.call("a", "relay", asking("b", text=str(number)))
            assert answer_of(outcome.result) == str(number)
        first = await host.call("b", "bump", {"key": "n", "by": 1})
        again = await host.call("a", "relay", asking("b", "bump", key="n", by=1))

    assert (first.result, answer_of(again.result)) == (1, 2)


@pytest.mark.parametrize("inner", Level)
async def test_the_callers_deadline_ends_both(tmp_path: Path, inner: Level) -> None:
    async with host_of(tmp_path, relay("a"), relay("b", level=inner)) as host:
        with pytest.raises(DeadlineExceeded) as caught:
            await host.call("a", "relay", asking("b", "spin"), limits={"wall_seconds": 0.2})
        await until(lambda: host._parts.executor.workers().busy == 0)

        assert caught.value.usage is not None
        assert (await host.call("b", "echo", {"text": "x"})).result == "x"
        assert answer_of((await host.call("a", "relay", asking("b", text="x"))).result) == "x"


async def test_the_called_plugins_own_deadline_ends_it_alone(tmp_path: Path) -> None:
    both = relay("a"), relay("b", level=Level.ISOLATED)
    async with host_of(tmp_path, *both) as host:
        case, text = await refused(host, "relay", asking("b", "spin"))

    assert case == "exhausted"
    # Whoever is first to see it: the worker, or the host where the worker was not given a turn.
    told = "spin did not answer: The call (was|did not) stop(ped)? at its deadline of 1 s"
    assert re.search(told, text)


async def test_a_trap_of_the_called_plugin_is_told_to_its_caller(tmp_path: Path) -> None:
    async with host_of(tmp_path, relay("a"), relay("b")) as host:
        case, text = await refused(host, "relay", asking("b", "trap"))
        error = await host.call("a", "relay", asking("b", "divide", a=1, b=0))
        quotient = await host.call("a", "relay", asking("b", "divide", a=9, b=3))

    assert case == "unavailable"
    assert "trap did not answer: The plugin trapped" in text
    assert error.result == {"tag": "err", "val": "7"}
    assert answer_of(quotient.result) == 3


async def test_fuel_that_the_called_plugin_burns_is_its_callers(tmp_path: Path) -> None:
    burn = asking("b", "burn", rounds=100_000)
    async with host_of(tmp_path, relay("a"), relay("b")) as host:
        alone = (await host.call("b", "burn", {"rounds": 100_000})).usage.fuel
        within = (await host.call("a", "relay", burn)).usage.fuel
        case, text = await refused(host, "relay", burn, fuel=alone - 1)

    assert alone < within < alone * 1.01
    assert case == "exhausted"
    assert "burn did not answer: The call used up its fuel" in text


async def test_a_caller_that_goes_on_calling_runs_out_of_fuel_with_what_it_calls(
    tmp_path: Path,
) -> None:
    async with host_of(tmp_path, relay("a"), relay("b")) as host:
        with pytest.raises(OutOfFuel) as caught:
            await host.call(
                "a", "again", asking("b", "burn", rounds=10_000), limits={"fuel": 1_000_000}
            )

    assert caught.value.usage is not None
    assert 900_000 < caught.value.usage.fuel <= 1_000_000


async def test_memory_is_one_budget_for_the_whole_chain(tmp_path: Path) -> None:
    pages = 20 * MIB // 65536
    async with host_of(tmp_path, relay("a"), relay("b")) as host:
        most = {"memory_bytes": 24 * MIB}
        alone = await host.call("b", "grow", {"pages": pages}, limits=most)
        large = asking("b", "grow", pages=pages) | {"version": "*"}
        fits = await host.call("a", "relay", large, limits=most)
        # A caller that holds so much itself leaves the other less than it needs.
        padded = large | {"arguments": large["arguments"] + " " * 3 * MIB}
        case, text = await refused(host, "relay", padded, **most)

    assert alone.usage.memory_bytes < fits.usage.memory_bytes <= 24 * MIB
    assert case == "exhausted"
    assert "asked for more than its" in text


async def test_a_caller_that_dies_takes_what_it_called_along(tmp_path: Path) -> None:
    async with host_of(tmp_path, relay("a"), relay("b"), workers_max=2) as host:
        await host.call("a", "relay", asking("b", text="x"))
        pool = host._parts.executor._pool  # type: ignore[attr-defined]
        call = asyncio.create_task(host.call("a", "relay", asking("b", "spin")))
        await until(lambda: len(pool._lent) == 2)
        (outer,) = (worker for worker in pool._lent if not worker.inside)
        os.kill(outer._body.pid, signal.SIGKILL)

        with pytest.raises(WorkerLost):
            await call
        assert not pool._lent
        assert (await host.ready()).workers.busy == 0
        assert (await host.plugin("b")).statistics.error_count == 0


async def test_a_called_plugin_that_dies_does_not_take_its_caller_along(tmp_path: Path) -> None:
    async with host_of(tmp_path, relay("a"), relay("b"), workers_max=2) as host:
        await host.call("a", "relay", asking("b", text="x"))
        pool = host._parts.executor._pool  # type: ignore[attr-defined]
        call = asyncio.create_task(host.call("a", "relay", asking("b", "spin")))
        await until(lambda: len(pool._lent) == 2)
        (inner,) = (worker for worker in pool._lent if worker.inside)
        os.kill(inner._body.pid, signal.SIGKILL)

        with pytest.raises(GuestError) as caught:
            await call

    assert caught.value.payload["tag"] == "unavailable"
    assert "was lost" in caught.value.payload["val"]


async def test_idle_workers_of_chains_are_not_kept_for_ever(tmp_path: Path) -> None:
    async with host_of(tmp_path, *map(relay, NAMES)) as host:
        outcome = await host.call("a", "relay", along(NAMES[1:], "echo", text="x"))
        report = (await host.ready()).workers

    assert answer_of(outcome.result, 7) == "x"
    # As many again as there are places, and the one spare.
    assert report.idle <= 3


async def test_an_upgrade_in_the_middle_of_a_chain_waits_for_it_and_nothing_else(
    tmp_path: Path,
) -> None:
    async with host_of(tmp_path, relay("a"), relay("b"), relay("c"), workers_max=2) as host:
        pool = host._parts.executor._pool  # type: ignore[attr-defined]
        slow = {"limits": {"wall_seconds": 0.7}}
        call = asyncio.create_task(
            host.call("a", "relay", along("bc", "spin"), **slow)  # type: ignore[arg-type]
        )
        await until(lambda: len(pool._lent) == 3)
        upgrade = asyncio.create_task(host.upgrade(relay("b", version="1.1.0"), approve="all"))
        await until(lambda: upgrade.done() or _version_of(host) == "1.1.0")

        # The old version is still in the chain, and new chains go through the new one.
        assert len(pool._lent) == 3
        assert not upgrade.done()
        outcome = await host.call("a", "relay", along("bc", "echo", text="x"))
        with pytest.raises(DeadlineExceeded):
            await call
        view = await upgrade

    assert answer_of(outcome.result, 2) == "x"
    assert view.plugin.version == "1.1.0"


def _version_of(host: PluginHost) -> str | None:
    known = host._parts.registry._known.get(("default", "b"))
    return None if known is None else known.version
