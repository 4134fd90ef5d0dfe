"""What broker and worker spare each other: plans, answers given ahead, lines sent together."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import Any

import pytest

from executors import Call, no_host_calls
from guests import component, guest
from wardian import errors
from wardian.policy.levels import LEVELS as POLICIES
from wardian.policy.levels import Level
from wardian.runtime.executor import Executor
from wardian.runtime.executor.compiler import Compiler
from wardian.runtime.executor.frames import Frames
from wardian.runtime.executor.job import Job
from wardian.runtime.executor.process import Process
from wardian.sandbox.audit import Offer
from wardian.worker.protocol import NOTES_MAX, PLANS_MAX, Message, Notes
from wardian.worker.zygote import COMPILER_NICE

pytestmark = pytest.mark.anyio

OK = {"tag": "ok", "val": None}
LIMITS = POLICIES[Level.RESTRICTED].limits

TALKER = """(component
  (import "wardian:plugin/types@1.0.0" (instance $types
    (type $e (variant (case "denied" string) (case "not-found" string) (case "invalid" string)
      (case "exhausted" string) (case "unavailable" string)))
    (export "error" (type $error (eq $e)))
    (type $p (tuple string string))
    (export "pair" (type $pair (eq $p)))))
  (alias export $types "error" (type $error))
  (alias export $types "pair" (type $pair))
  (import "wardian:plugin/logging@1.0.0" (instance $logging
    (alias outer 1 $error (type $error'))
    (export "error" (type $error (eq $error')))
    (alias outer 1 $pair (type $pair'))
    (export "pair" (type $pair (eq $pair')))
    (type $l (enum "trace" "debug" "info" "warn" "error"))
    (export "level" (type $level (eq $l)))
    (export "log" (func (param "level" $level) (param "message" string)
      (param "fields" (list $pair)) (result (result (error $error)))))))
  (import "wardian:plugin/config@1.0.0" (instance $config
    (alias outer 1 $error (type $error'))
    (export "error" (type $error (eq $error')))
    (export "get" (func (param "key" string) (result (result string (error $error)))))))
  (core module $memory
    (memory (export "memory") 1)
    (data (i32.const 0) "key")
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096)))
  (core instance $memory (instantiate $memory))
  (core func $log (canon lower (func $logging "log")
    (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))
  (core func $get (canon lower (func $config "get")
    (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))
  (core module $m
    (import "host" "log" (func $log (param i32 i32 i32 i32 i32 i32)))
    (import "host" "get" (func $get (param i32 i32 i32)))
    (import "memory" "memory" (memory 1))
    (func (export "talk") (param $count i32) (result i32)
      (local $refused i32)
      (block $done
        (loop $again
          (br_if $done (i32.eqz (local.get $count)))
          ;; The level is the count, so that the order shows.
          (call $log (i32.rem_u (local.get $count) (i32.const 5))
            (i32.const 0) (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 64))
          (local.set $refused (i32.add (local.get $refused) (i32.load8_u (i32.const 64))))
          (local.set $count (i32.sub (local.get $count) (i32.const 1)))
          (br $again)))
      (local.get $refused))
    (func (export "ask") (result i32)
      (call $get (i32.const 0) (i32.const 3) (i32.const 64))
      (i32.load (i32.const 72))))
  (core instance $m (instantiate $m
    (with "host" (instance (export "log" (func $log)) (export "get" (func $get))))
    (with "memory" (instance $memory))))
  (func (export "talk") (param "count" u32) (result u32) (canon lift (core func $m "talk")))
  (func (export "ask") (result u32) (canon lift (core func $m "ask"))))"""
"""`talk` logs so many lines and answers how many were refused; `ask` answers how long the
configuration's value at "key" is, or `REFUSED`."""

REFUSED = 4096

LEVELS = ("trace", "debug", "info", "warn", "error")


@pytest.fixture
def received(monkeypatch: pytest.MonkeyPatch) -> list[Message]:
    """Every message that the broker reads from now on."""
    messages: list[Message] = []
    receive = Frames.receive

    async def listening(self: Frames) -> Any:
        message = await receive(self)
        messages.append(message)
        return message

    monkeypatch.setattr(Frames, "receive", listening)
    return messages


async def test_lines_come_together_in_order_and_none_is_lost(
    call: Call, received: list[Message]
) -> None:
    lines: list[Any] = []

    async def answer(interface: str, function: str, arguments: list[Any]) -> Any:
        lines.append((interface, function, *arguments))
        return OK

    outcome = await call(component(TALKER), "talk", {"count": 100}, answer=answer)

    assert lines == [("logging", "log", LEVELS[n % 5], "key", []) for n in range(100, 0, -1)]
    assert outcome.result == 0
    assert outcome.usage.host_calls == outcome.usage.log_lines == 100
    notes = [message for message in received if isinstance(message, Notes)]
    assert all(len(each.entries) <= NOTES_MAX for each in notes)
    assert len(notes) < 20


async def test_lines_past_the_budget_are_refused_counted_and_not_sent(call: Call) -> None:
    lines = []

    async def answer(interface: str, function: str, arguments: list[Any]) -> Any:
        lines.append(arguments)
        return OK

    outcome = await call(component(TALKER), "talk", {"count": 100}, answer=answer, log_lines=30)

    assert len(lines) == 30
    assert outcome.result == 70
    assert (outcome.usage.log_lines, outcome.usage.dropped_log_lines) == (30, 70)

    outcome = await call(component(TALKER), "talk", {"count": 100}, answer=answer, host_calls=40)

    assert len(lines) == 30 + 40
    assert (outcome.usage.log_lines, outcome.usage.dropped_log_lines) == (40, 60)


async def test_a_call_that_fails_has_sent_its_lines_before(call: Call) -> None:
    lines = []

    async def answer(interface: str, function: str, arguments: list[Any]) -> Any:
        lines.append(arguments)
        return OK

    with pytest.raises(errors.OutOfFuel):
        await call(component(TALKER), "talk", {"count": 1_000}, answer=answer, fuel=2_000)

    assert len(lines) > 10


async def test_the_configuration_is_not_asked_for_but_counted(call: Call) -> None:
    outcome = await call(component(TALKER), "ask", configuration='{"key":12345}')

    assert outcome.result == 5
    assert outcome.usage.host_calls == 1


@pytest.mark.parametrize("level", [Level.RESTRICTED, Level.STANDARD, Level.TRUSTED])
async def test_the_configuration_changes_with_the_next_call(call: Call, level: Level) -> None:
    async def answer(interface: str, function: str, arguments: list[Any]) -> Any:
        return {"tag": "ok", "val": "asked for"}

    found = [
        (
            await call(
                component(TALKER), "ask", answer=answer, configuration=configuration, level=level
            )
        ).result
        for configuration in ('{"key":1}', '{"key":22}', '{"another":333}', None, '{"key":1}')
    ]

    assert found == [1, 2, REFUSED, len("asked for"), 1]


EARLY = """(component
  (import "wardian:plugin/types@1.0.0" (instance $types
    (type $e (variant (case "denied" string) (case "not-found" string) (case "invalid" string)
      (case "exhausted" string) (case "unavailable" string)))
    (export "error" (type $error (eq $e)))))
  (alias export $types "error" (type $error))
  (import "wardian:plugin/config@1.0.0" (instance $config
    (alias outer 1 $error (type $error'))
    (export "error" (type $error (eq $error')))
    (export "get-all" (func (result (result string (error $error)))))))
  (core module $memory
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096)))
  (core instance $memory (instantiate $memory))
  (core func $all (canon lower (func $config "get-all")
    (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))
  (core module $m
    (import "host" "get-all" (func $all (param i32)))
    (import "memory" "memory" (memory 1))
    (func $begin (call $all (i32.const 64)))
    (start $begin)
    (func (export "length") (result i32) (i32.load (i32.const 72))))
  (core instance $m (instantiate $m
    (with "host" (instance (export "get-all" (func $all))))
    (with "memory" (instance $memory))))
  (func (export "length") (result u32) (canon lift (core func $m "length"))))"""
"""Reads its configuration when its instance is made; `length` answers how long that was."""


async def test_an_instance_made_ahead_has_not_read_the_configuration_of_the_call_before(
    call: Call,
) -> None:
    for configuration in ("{}", '{"a":1}', "{}", '{"a":[1,2]}', '{"a":1}'):
        outcome = await call(component(EARLY), "length", configuration=configuration)

        assert outcome.result == len(configuration)


@pytest.mark.parametrize("level", [Level.RESTRICTED, Level.STANDARD])
async def test_a_worker_keeps_apart_more_plans_than_it_remembers(
    executor: Executor, call: Call, level: Level
) -> None:
    for _ in range(2):
        for number in range(PLANS_MAX + 6):
            fuel = 1_000_000 + number
            outcome = await call(guest("misbehaving"), "fine", level=level, fuel=fuel)
            assert outcome.result == 42
            with pytest.raises(errors.OutOfFuel, match=f"{fuel:,}"):
                await call(guest("misbehaving"), "spin", level=level, fuel=fuel)

    assert executor.workers().spawned <= 3


async def test_a_fresh_call_is_fresh_however_soon_it_comes(call: Call) -> None:
    for value in range(1, 30):
        await call(guest("memory"), "remember", {"value": value})
        assert (await call(guest("memory"), "recall")).result == 0
        assert (await call(guest("dirty"), "traces")).result == 0
        await call(guest("dirty"), "soil")


async def test_an_instance_made_ahead_is_not_used_under_lower_limits(call: Call) -> None:
    assert (await call(guest("dirty"), "traces")).result == 0

    with pytest.raises(errors.MemoryExceeded):
        await call(guest("dirty"), "traces", memory_bytes=65_536)


async def test_code_that_is_expected_is_loaded_before_the_first_call(
    executor: Executor, call: Call
) -> None:
    """By an idle worker at once, and by one that runs a call when that has ended."""
    await call(guest("misbehaving"), "fine")
    description = await executor.admit(guest("calculator"))

    async def gone() -> bytes:
        raise AssertionError("the code was not loaded ahead")

    job = Job(
        call_id="test",
        tenant="default",
        level=Level.RESTRICTED,
        digest=description.digest,
        load=gone,
        function="add",
        arguments={"a": 2, "b": 3},
        limits=LIMITS,
    )
    executor.prepare(job)
    await call(guest("misbehaving"), "fine")  # what was sent before it is done by then
    artifact = executor._checked[description.digest]
    artifact.path.rename(artifact.path.with_suffix(".away"))

    assert (await executor.call(job, no_host_calls)).result == 5


async def test_a_worker_that_runs_a_call_loads_what_is_expected_after_it(
    executor: Executor, call: Call
) -> None:
    asked, answered = asyncio.Event(), asyncio.Event()

    async def answer(interface: str, function: str, arguments: list[Any]) -> Any:
        asked.set()
        await answered.wait()
        return {"tag": "ok", "val": "1"}

    running = asyncio.create_task(call(component(TALKER), "ask", answer=answer))
    await asked.wait()
    description = await executor.admit(guest("calculator"))
    expected = Job(
        call_id="test",
        tenant="default",
        level=Level.RESTRICTED,
        digest=description.digest,
        load=no_host_calls,  # type: ignore[arg-type]  # never called
        function="add",
        arguments={},
        limits=LIMITS,
    )
    executor.prepare(expected)
    answered.set()
    await running

    (worker,) = (worker for workers in executor._pool._idle.values() for worker in workers)
    assert description.digest in {key[0] for key in worker._plans._numbers}
    assert worker.ahead is None


async def test_compilers_step_back_behind_calls(
    executor: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    converse, found = Compiler._converse, set[int]()

    async def watched(self: Compiler, frames: Frames, process: Process, offer: Offer) -> Any:
        compiling = asyncio.ensure_future(converse(self, frames, process, offer))
        while not compiling.done():
            with suppress(ProcessLookupError):  # it ends before its last word is read
                found.add(os.getpriority(os.PRIO_PROCESS, process.pid))
            await asyncio.sleep(0)
        return await compiling

    monkeypatch.setattr(Compiler, "_converse", watched)
    await executor.admit(guest("misbehaving"))

    assert max(found) == COMPILER_NICE
