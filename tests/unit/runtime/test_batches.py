"""Batches: each call has its own end, within the bounds of all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from fakes import Body
from hosts import FakeHost, fake_host, package
from schedules import Working
from wardian.errors import GuestError, InvalidArguments
from wardian.runtime.batches import (
    BatchCall,
    Batches,
    BatchOrder,
    BatchPolicy,
    Ended,
    keep_as_it_is,
)

pytestmark = pytest.mark.anyio


async def echo(arguments: Mapping[str, Any], answer: Any) -> Any:
    return arguments.get("value")


async def refuse(arguments: Mapping[str, Any], answer: Any) -> Any:
    raise GuestError(payload="no")


async def spin(arguments: Mapping[str, Any], answer: Any) -> Any:
    await asyncio.Event().wait()


def call(function: str = "echo", plugin: str = "stores", **more: Any) -> BatchCall:
    return BatchCall(**({"plugin": plugin, "function": function, "arguments": {}} | more))


def kinds(ends: list[Ended]) -> list[str]:
    return ["ok" if end.error is None else end.error.type for end in ends]


@asynccontextmanager
async def host(folder: Path, **functions: Body) -> AsyncIterator[FakeHost]:
    found = {"echo": echo, "refuse": refuse, "spin": spin} | functions
    async with asyncio.timeout(60), fake_host(folder, found) as made:
        await made.host.install(package())
        yield made


async def test_each_call_has_its_own_end_in_order(tmp_path: Path) -> None:
    async with host(tmp_path) as made:
        calls = [
            call(arguments={"value": 1}),
            call("refuse"),
            call(plugin="nothing"),
            call("nothing"),
            call(limits={"wall_second": 1}),
            call("spin", limits={"wall_seconds": 0.05}),
            call(arguments={"value": 2}),
        ]
        ends = await made.host.batch(BatchOrder(calls=calls))

        assert kinds(ends) == [
            "ok", "guest-error", "not-found", "not-found", "invalid-arguments",
            "deadline-exceeded", "ok",
        ]  # fmt: skip
        assert [end.outcome.result for end in ends if end.outcome] == [1, 2]
        assert [end.call for end in ends] == calls
        assert len({end.call_id for end in ends}) == len(calls)


@pytest.mark.parametrize("count", [0, 101])
async def test_a_batch_without_calls_or_with_too_many_is_refused_whole(
    tmp_path: Path, count: int
) -> None:
    async with host(tmp_path) as made:
        with pytest.raises(InvalidArguments, match="1 to 100 calls"):
            await made.host.batch(BatchOrder(calls=[call()] * count))
        assert made.executor.jobs == []


@pytest.mark.parametrize("seconds", [0, -1, 3_601, float("nan"), float("inf")])
async def test_a_deadline_that_there_cannot_be_is_refused(tmp_path: Path, seconds: float) -> None:
    async with host(tmp_path) as made:
        with pytest.raises(InvalidArguments, match="deadline"):
            await made.host.batch(BatchOrder(calls=[call()], deadline_seconds=seconds))


async def test_batches_of_one_tenant_share_their_places_and_others_have_their_own(
    tmp_path: Path,
) -> None:
    work = Working()
    work.go.clear()
    async with host(tmp_path, work=work) as made:
        await made.host.tenants.create("other")
        await made.host.install(package(), tenant="other")
        batches = Batches(made.parts.entrance, BatchPolicy(at_once=2))
        wanted = BatchOrder(calls=[call("work")] * 5)

        def run(tenant: str) -> asyncio.Task[list[Ended]]:
            running = batches.run(wanted, tenant=tenant, keep=keep_as_it_is)
            return asyncio.create_task(running)

        mine = [run("default"), run("default")]
        while work.running < 2:
            await asyncio.sleep(0)
        theirs = run("other")
        while work.running < 4:
            await asyncio.sleep(0)
        single = asyncio.create_task(made.host.call("stores", "work", {}))
        while work.running < 5:
            await asyncio.sleep(0)
        work.go.set()
        for each in (*mine, theirs):
            assert kinds(await each) == ["ok"] * 5
        await single
        assert work.most == 5


async def test_one_endless_call_does_not_hold_up_the_others(tmp_path: Path) -> None:
    done: list[Any] = []
    over = asyncio.Event()

    async def note(arguments: Mapping[str, Any], answer: Any) -> None:
        done.append(arguments["value"])
        if len(done) == 20:
            over.set()

    async with host(tmp_path, note=note) as made:
        calls = [call("spin"), *(call("note", arguments={"value": n}) for n in range(20))]
        batches = Batches(made.parts.entrance, BatchPolicy(at_once=2))
        running = asyncio.create_task(
            batches.run(BatchOrder(calls=calls), tenant="default", keep=keep_as_it_is)
        )
        await over.wait()
        assert not running.done()
        assert kinds(await running) == ["deadline-exceeded", *["ok"] * 20]


async def test_at_the_deadline_what_runs_ends_and_nothing_more_is_begun(tmp_path: Path) -> None:
    async with host(tmp_path) as made:
        batches = Batches(made.parts.entrance, BatchPolicy(at_once=2))
        calls = [call(arguments={"value": 1}), call("spin"), call("spin"), call(), call()]
        ends = await batches.run(
            BatchOrder(calls=calls, deadline_seconds=0.2), tenant="default", keep=keep_as_it_is
        )

        assert kinds(ends) == ["ok", *["deadline-exceeded"] * 4]
        assert [end.usage is not None for end in ends] == [True, True, True, False, False]
        assert len(made.executor.jobs) == 3


async def test_with_the_first_failure_what_runs_ends_and_nothing_more_is_begun(
    tmp_path: Path,
) -> None:
    work = Working()
    work.go.clear()

    async def fail(arguments: Mapping[str, Any], answer: Any) -> None:
        await work.began.wait()
        raise GuestError(payload="no")

    async with host(tmp_path, work=work, fail=fail) as made:
        batches = Batches(made.parts.entrance, BatchPolicy(at_once=2))
        calls = [call("work"), call("fail"), call(), call()]
        ends = await batches.run(
            BatchOrder(calls=calls, stop_at_first_failure=True), tenant="default",
            keep=keep_as_it_is,
        )  # fmt: skip

        assert kinds(ends) == ["cancelled", "guest-error", "cancelled", "cancelled"]
        assert work.running == 0
        assert len(made.executor.jobs) == 2


async def test_who_cancels_a_batch_ends_what_runs_and_what_waits(tmp_path: Path) -> None:
    work = Working()
    work.go.clear()
    async with host(tmp_path, work=work) as made:
        batches = Batches(made.parts.entrance, BatchPolicy(at_once=2))
        running = asyncio.create_task(
            batches.run(BatchOrder(calls=[call("work")] * 9), tenant="default", keep=keep_as_it_is)
        )
        while work.running < 2:
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

        assert running.cancelled()
        assert (work.running, len(work.calls)) == (0, 2)
        assert batches._places == {}


async def test_an_answer_that_is_full_leaves_out_what_comes_and_begins_nothing_more(
    tmp_path: Path,
) -> None:
    async with host(tmp_path) as made:
        batches = Batches(made.parts.entrance, BatchPolicy(at_once=1, bytes_max=1_000))

        async def keep(ended: Ended) -> tuple[Ended, int]:
            return ended, len(ended.outcome.result) if ended.outcome else 0

        calls = [call(arguments={"value": "x" * size}) for size in (600, 600, 100)]
        ends = await batches.run(BatchOrder(calls=calls), tenant="default", keep=keep)

        assert kinds(ends) == ["ok", "result-too-large", "result-too-large"]
        assert ends[1].error is not None
        assert "WARDIAN_BATCH_BYTES_MAX" in ends[1].error.message
        assert [end.usage is not None for end in ends] == [True, True, False]
        assert len(made.executor.jobs) == 2
