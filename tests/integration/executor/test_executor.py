"""Calls in real worker processes, and what becomes of them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
from pathlib import Path
from typing import Any

import pytest

from executors import Call, caller, no_host_calls
from guests import component, guest
from security import hostile
from wardian import errors
from wardian.policy.levels import Level
from wardian.runtime.executor import Executor, ExecutorSettings
from wardian.sandbox import Outcome
from wardian.worlds import contract

pytestmark = pytest.mark.anyio


LOGGER = """(component
  (import "wardian:plugin/kv@1.0.0" (instance $kv
    (type $e (variant (case "denied" string) (case "not-found" string) (case "invalid" string)
      (case "exhausted" string) (case "unavailable" string)))
    (export "error" (type $error (eq $e)))
    (export "delete" (func (param "key" string) (result (result bool (error $error)))))))
  (core module $memory
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 4096))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (global.set $next (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -8)))
      (global.get $next)
      (global.set $next (i32.add (global.get $next) (local.get 3)))))
  (core instance $memory (instantiate $memory))
  (core func $delete (canon lower (func $kv "delete")
    (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))
  (core module $m
    (import "kv" "delete" (func $delete (param i32 i32 i32)))
    (import "memory" "memory" (memory 1))
    (func (export "times") (param $count i32) (result i32)
      (block $done
        (loop $again
          (br_if $done (i32.eqz (local.get $count)))
          (call $delete (i32.const 0) (i32.const 0) (i32.const 64))
          (local.set $count (i32.sub (local.get $count) (i32.const 1)))
          (global.set 0 (i32.const 4096))
          (br $again)))
      (i32.load8_u (i32.const 64)))
    (global (mut i32) (i32.const 0)))
  (core instance $m (instantiate $m
    (with "kv" (instance (export "delete" (func $delete))))
    (with "memory" (instance $memory))))
  (func (export "times") (param "count" u32) (result u32) (canon lift (core func $m "times"))))"""
"""Deletes the key "" `count` times and answers 0 if the last answer was ok, else 1."""

OK = {"tag": "ok", "val": True}


@pytest.mark.parametrize("level", list(Level))
async def test_every_level_answers(call: Call, level: Level) -> None:
    outcome = await call(guest("calculator"), "add", {"a": 2, "b": 3}, level=level)

    assert outcome.result == 5
    assert outcome.usage.wall_seconds > 0


@pytest.mark.parametrize("level", list(Level))
@pytest.mark.parametrize(
    ("function", "error"),
    [
        ("spin", errors.DeadlineExceeded),
        ("trap", errors.Trap),
        ("grow-slowly", errors.MemoryExceeded),
        ("grow-at-once", errors.MemoryExceeded),
        ("recurse", errors.StackOverflow),
    ],
)
async def test_each_failure_has_its_name_and_the_next_call_works(
    call: Call, level: Level, function: str, error: type[errors.CallError]
) -> None:
    with pytest.raises(error) as caught:
        await call(
            guest("misbehaving"),
            function,
            level=level,
            wall_seconds=0.2 if function == "spin" else 10.0,
            memory_bytes=16 << 20,
        )

    assert type(caught.value) is error
    assert caught.value.usage is not None
    assert (await call(guest("misbehaving"), "fine", level=level)).result == 42


@pytest.mark.parametrize("level", [Level.RESTRICTED, Level.ISOLATED])
async def test_a_call_sees_nothing_of_an_earlier_one(call: Call, level: Level) -> None:
    await call(guest("memory"), "remember", {"value": 99}, level=level)

    assert (await call(guest("memory"), "recall", level=level)).result == 0


@pytest.mark.parametrize("level", [Level.TRUSTED, Level.STANDARD])
async def test_an_instance_that_is_reused_lasts_until_a_call_fails(
    call: Call, level: Level
) -> None:
    await call(guest("memory"), "remember", {"value": 99}, level=level)
    assert (await call(guest("memory"), "recall", level=level)).result == 99
    assert (await call(guest("memory"), "recall", level=level, tenant="other")).result == 0

    with pytest.raises(errors.OutOfFuel):
        await call(guest("memory"), "recall", level=level, fuel=0)

    assert (await call(guest("memory"), "recall", level=level)).result == 0


async def test_wrong_arguments_come_back_with_their_path(call: Call) -> None:
    with pytest.raises(errors.InvalidArguments) as caught:
        await call(guest("calculator"), "add", {"a": 1, "b": -1})

    assert caught.value.path == "b"


async def test_arguments_that_no_message_can_carry_are_refused(call: Call) -> None:
    nested: list[Any] = []
    for _ in range(5_000):
        nested = [nested]
    for value in (2**70, object(), nested):
        with pytest.raises(errors.InvalidArguments):
            await call(guest("calculator"), "add", {"a": value, "b": 1})

    assert (await call(guest("calculator"), "add", {"a": 1, "b": 1})).result == 2


async def test_an_unknown_function_is_not_found(call: Call) -> None:
    with pytest.raises(errors.NotFound, match="it has:"):
        await call(guest("calculator"), "multiply")


async def test_a_worker_that_is_killed_loses_only_its_call(executor: Executor, call: Call) -> None:
    spinning = asyncio.create_task(call(guest("misbehaving"), "spin", wall_seconds=20.0))
    beside = asyncio.create_task(call(guest("memory"), "recall", tenant="other"))
    assert (await beside).result == 0
    while executor.workers().busy != 1:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    assert executor._zygote.current is not None
    for process in list(executor._zygote.current.processes.values()):
        os.kill(process.pid, signal.SIGKILL)

    with pytest.raises(errors.WorkerLost, match="SIGKILL"):
        await spinning

    assert (await call(guest("misbehaving"), "fine")).result == 42


async def test_the_zygote_is_started_again_when_it_dies(executor: Executor, call: Call) -> None:
    await call(guest("misbehaving"), "fine")
    assert executor._zygote.current is not None
    program = executor._zygote.current.program
    assert program is not None
    program.kill()
    program.wait()

    # Its children die with it; a call that meets one in that moment is lost, the next is not.
    with contextlib.suppress(errors.WorkerLost):
        await call(guest("misbehaving"), "fine", tenant="another")
    for _ in range(3):
        assert (await call(guest("misbehaving"), "fine", tenant="another")).result == 42


async def test_a_guest_that_blocks_in_wasi_is_killed_at_its_deadline(call: Call) -> None:
    with pytest.raises(errors.DeadlineExceeded, match="killed"):
        await call(hostile.sleeper(), "go", wall_seconds=0.2)

    assert (await call(guest("misbehaving"), "fine")).result == 42


async def test_host_calls_reach_the_broker_and_are_counted(call: Call) -> None:
    asked = []

    async def answer(interface: str, function: str, arguments: list[Any]) -> Any:
        asked.append((interface, function, arguments))
        return OK

    outcome = await call(component(LOGGER), "times", {"count": 3}, answer=answer)

    assert outcome.result == 0
    assert asked == [("kv", "delete", [""])] * 3
    assert outcome.usage.host_calls == 3


async def test_past_its_budget_a_guest_is_told_exhausted_and_the_broker_is_not_asked(
    call: Call,
) -> None:
    asked = []

    async def answer(interface: str, function: str, arguments: list[Any]) -> Any:
        asked.append(1)
        return OK

    outcome = await call(component(LOGGER), "times", {"count": 50}, answer=answer, host_calls=10)

    assert outcome.result == 1
    assert len(asked) == 10


async def test_a_guest_that_does_not_listen_to_exhausted_is_ended(call: Call) -> None:
    async def answer(interface: str, function: str, arguments: list[Any]) -> Any:
        return OK

    with pytest.raises(errors.Trap, match="budget"):
        await call(component(LOGGER), "times", {"count": 100_000}, answer=answer, host_calls=10)


async def test_a_host_function_that_takes_too_long_ends_the_call_at_the_deadline(
    executor: Executor, call: Call
) -> None:
    async def answer(interface: str, function: str, arguments: list[Any]) -> Any:
        await asyncio.Event().wait()

    with pytest.raises(errors.DeadlineExceeded):
        await call(component(LOGGER), "times", {"count": 1}, answer=answer, wall_seconds=0.2)

    assert executor.workers().lost == 0


@pytest.mark.parametrize("answered", [{"tag": "ok", "val": 7}, None, "yes", object()])
async def test_an_answer_that_is_not_of_its_type_ends_the_call(
    call: Call, answered: object
) -> None:
    async def answer(interface: str, function: str, arguments: list[Any]) -> Any:
        return answered

    if type(answered) is object:
        # It cannot even be sent: the guest hears `unavailable`.
        assert (await call(component(LOGGER), "times", {"count": 1}, answer=answer)).result == 1
        return
    with pytest.raises(errors.Trap, match="not of its type"):
        await call(component(LOGGER), "times", {"count": 1}, answer=answer)


async def test_a_full_pool_and_queue_answer_overloaded(executor: Executor, call: Call) -> None:
    await call(guest("misbehaving"), "fine")
    running = [
        asyncio.create_task(call(guest("misbehaving"), "spin", wall_seconds=1.0)) for _ in range(4)
    ]
    while executor.workers().queued < 2:
        await asyncio.sleep(0.01)

    with pytest.raises(errors.Overloaded, match="workers are busy") as caught:
        await call(guest("misbehaving"), "fine")
    assert caught.value.retry_after_seconds > 0

    outcomes = await asyncio.gather(*running, return_exceptions=True)
    kinds = sorted(type(outcome).__name__ for outcome in outcomes)
    assert kinds == ["DeadlineExceeded"] * 2 + ["Overloaded"] * 2  # the queue waits 0.5 s
    assert (await call(guest("misbehaving"), "fine")).result == 42


def spins(call: Call, tenant: str, count: int, seconds: float) -> list[asyncio.Task[Outcome]]:
    return [
        asyncio.create_task(call(guest("misbehaving"), "spin", tenant=tenant, wall_seconds=seconds))
        for _ in range(count)
    ]


async def test_a_tenant_that_takes_all_workers_does_not_make_another_wait(
    executor: Executor, call: Call
) -> None:
    await call(guest("misbehaving"), "fine")
    greedy = spins(call, "greedy", 4, 3.0)
    while executor.workers().busy < 2:
        await asyncio.sleep(0.01)

    for _ in range(10):
        assert (await call(guest("misbehaving"), "fine", tenant="modest")).result == 42

    assert executor.workers().busy == 2  # theirs still run
    for task in greedy:
        task.cancel()
    await asyncio.gather(*greedy, return_exceptions=True)
    assert executor.workers().busy == executor.workers().queued == 0


async def test_a_free_worker_goes_to_the_tenant_with_the_fewest_calls(tmp_path: Path) -> None:
    settings = ExecutorSettings(cache_dir=tmp_path, workers_max=2, queue_max=4, queue_seconds=10)
    ended: list[str] = []
    async with Executor(settings, contract().offer()) as executor:
        call = caller(executor)
        await call(guest("misbehaving"), "fine")
        tasks = [*spins(call, "a", 5, 0.2), *spins(call, "b", 3, 0.2)]
        for task, tenant in zip(tasks, "aaaaabbb", strict=True):
            task.add_done_callback(lambda _, tenant=tenant: ended.append(tenant))

        await asyncio.gather(*tasks, return_exceptions=True)

    assert sorted(ended) == list("aaaaabbb")
    assert ended.index("b") < 3
    assert ended[-1] == "a"  # the longer queue is served last


async def test_queues_are_bounded_for_each_tenant_and_for_all(tmp_path: Path) -> None:
    settings = ExecutorSettings(cache_dir=tmp_path, workers_max=1, queue_max=1, queue_seconds=30)
    async with Executor(settings, contract().offer()) as executor:
        call = caller(executor)
        await call(guest("misbehaving"), "fine")
        tasks = [task for name in "abcdefghijkl" for task in spins(call, name, 2, 20.0)]
        while sum(task.done() for task in tasks) < len(tasks) - 2 - 8:
            await asyncio.sleep(0.01)

        assert executor.workers().queued == 8
        assert executor.workers().busy == 2
        refused = [task for task in tasks if task.done()]
        assert all(isinstance(task.exception(), errors.Overloaded) for task in refused)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert executor.workers().busy == executor.workers().queued == 0
        assert (await call(guest("misbehaving"), "fine")).result == 42


async def test_a_cancelled_call_frees_its_worker_at_once(executor: Executor, call: Call) -> None:
    await call(guest("misbehaving"), "fine")
    spinning = asyncio.create_task(call(guest("misbehaving"), "spin", wall_seconds=60.0))
    while executor.workers().busy != 1:
        await asyncio.sleep(0.01)

    spinning.cancel()
    with pytest.raises(asyncio.CancelledError):
        await spinning

    assert executor.workers().busy == 0
    assert (await call(guest("misbehaving"), "fine")).result == 42


async def test_workers_are_replaced_after_their_calls(tmp_path: Path) -> None:
    settings = ExecutorSettings(cache_dir=tmp_path, workers_max=1, calls_per_worker=3)
    async with Executor(settings, contract().offer()) as executor:
        call = caller(executor)
        for _ in range(10):
            await call(guest("misbehaving"), "fine")

        assert executor.workers().spawned >= 4
        assert executor.workers().lost == 0


async def test_isolated_takes_a_new_process_for_every_call(executor: Executor, call: Call) -> None:
    await call(guest("misbehaving"), "fine", level=Level.ISOLATED)
    before = executor.workers().spawned
    for _ in range(3):
        await call(guest("misbehaving"), "fine", level=Level.ISOLATED)

    assert executor.workers().spawned - before >= 3


async def test_output_of_a_guest_reaches_the_broker_within_its_budget(call: Call) -> None:
    lines: list[bytes] = []
    outcome = await call(
        component(PRINTER), "print", {"count": 25}, on_output=lines.append, log_lines=10
    )

    assert lines == [b"hello"] * 10
    assert outcome.usage.log_lines == 10
    assert outcome.usage.dropped_log_lines == 15


PRINTER = """(component
  (import "wasi:io/error@0.2.0" (instance $e (export "error" (type (sub resource)))))
  (alias export $e "error" (type $error))
  (import "wasi:io/streams@0.2.0" (instance $streams
    (alias outer 1 $error (type $error'))
    (export "error" (type $error (eq $error')))
    (export "output-stream" (type $output (sub resource)))
    (type $se (variant (case "last-operation-failed" (own $error)) (case "closed")))
    (export "stream-error" (type $stream-error (eq $se)))
    (export "[method]output-stream.blocking-write-and-flush"
      (func (param "self" (borrow $output)) (param "contents" (list u8))
        (result (result (error $stream-error)))))))
  (alias export $streams "output-stream" (type $output))
  (import "wasi:cli/stdout@0.2.0" (instance $stdout
    (alias outer 1 $output (type $output'))
    (export "output-stream" (type $o (eq $output')))
    (export "get-stdout" (func (result (own $o))))))
  (core module $memory (memory (export "memory") 1) (data (i32.const 0) "hello")
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
  (core instance $memory (instantiate $memory))
  (core func $get (canon lower (func $stdout "get-stdout")))
  (core func $write (canon lower (func $streams "[method]output-stream.blocking-write-and-flush")
    (memory (core memory $memory "memory"))))
  (core module $m
    (import "w" "get" (func $get (result i32)))
    (import "w" "write" (func $write (param i32 i32 i32 i32)))
    (func (export "print") (param $count i32)
      (local $out i32)
      (local.set $out (call $get))
      (block $done
        (loop $again
          (br_if $done (i32.eqz (local.get $count)))
          (call $write (local.get $out) (i32.const 0) (i32.const 5) (i32.const 64))
          (local.set $count (i32.sub (local.get $count) (i32.const 1)))
          (br $again)))))
  (core instance $i (instantiate $m
    (with "w" (instance (export "get" (func $get)) (export "write" (func $write))))))
  (func (export "print") (param "count" u32) (canon lift (core func $i "print"))))"""


async def test_a_call_that_asks_for_no_host_function_asks_for_none(call: Call) -> None:
    outcome = await call(guest("misbehaving"), "fine", answer=no_host_calls)

    assert outcome.usage.host_calls == 0


async def test_a_host_call_that_is_too_large_is_refused_and_the_worker_lives(
    executor: Executor, call: Call
) -> None:
    async def answer(interface: str, function: str, arguments: list[Any]) -> Any:
        return OK

    small = {"argument_bytes": 1_000, "result_bytes": 1_000}
    large = component(LOGGER.replace("(call $delete (i32.const 0) (i32.const 0)", LARGE_KEY))

    assert (
        await call(component(LOGGER), "times", {"count": 3}, answer=answer, **small)
    ).result == 0
    assert (await call(large, "times", {"count": 1}, answer=answer)).result == 1
    assert executor.workers().lost == 0


LARGE_KEY = """(drop (memory.grow (i32.const 100)))
          (call $delete (i32.const 65536) (i32.const 5000000)"""


async def test_workers_can_be_had_again_after_a_moment_without_descriptors(
    executor: Executor, call: Call
) -> None:
    await call(guest("misbehaving"), "fine")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = len(os.listdir("/proc/self/fd"))
    for spare in range(4):
        resource.setrlimit(resource.RLIMIT_NOFILE, (used + spare - 1, hard))
        try:
            with contextlib.suppress(errors.WardianError):
                await call(guest("misbehaving"), "fine", level=Level.ISOLATED)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    for _ in range(3):
        assert (await call(guest("misbehaving"), "fine", level=Level.ISOLATED)).result == 42


async def test_workers_are_watched_beyond_the_first_thousand_descriptors(call: Call) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(1_050):
            descriptor = os.open(os.devnull, os.O_RDONLY)
            stack.callback(os.close, descriptor)

        for _ in range(3):
            assert (await call(guest("misbehaving"), "fine", level=Level.ISOLATED)).result == 42
        assert (await call(guest("misbehaving"), "fine")).result == 42
        assert (await call(guest("misbehaving"), "fine")).result == 42
