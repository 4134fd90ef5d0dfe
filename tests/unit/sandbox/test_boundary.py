"""The boundary beside Wasmtime's own Python API, its memory, and the checks that hold it."""

from __future__ import annotations

import ctypes
import gc
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import wasmtime
from hypothesis import HealthCheck, assume, given, settings
from wasmtime import component as plain

from guests import component, echo, guest
from wardian import errors
from wardian.sandbox import Limits, Sandbox, abi, pooling, self_check
from wardian.sandbox.types import (
    BYTES,
    FlagsType,
    ListType,
    OptionType,
    Primitive,
    RecordType,
    ResultType,
    TupleType,
    VariantType,
    WitType,
)
from wits import typed_values


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as made:
        yield made


# -- beside the plain API ------------------------------------------------------------------


def through_plain_api(wasm: bytes, wit: WitType, given_values: Any) -> Any:
    """Call ``echo`` through ``wasmtime.component``, with its own idea of values."""
    engine = wasmtime.Engine()
    store = wasmtime.Store(engine)
    made = plain.Component(engine, wasm)
    instance = plain.Linker(engine).instantiate(store, made)
    function = instance.get_func(store, "echo")
    assert function is not None
    ((_, kind),) = function.type(store).params
    whole = ListType(wit)
    return ours(whole, kind, function(store, theirs(whole, kind, given_values)))


def theirs(wit: WitType, kind: Any, value: Any) -> Any:  # noqa: C901 -- one case a type
    """Write one of our values as the plain API wants it."""
    match wit:
        case ListType(element):
            if wit == BYTES:
                return list(value)
            return [theirs(element, kind.element, each) for each in value]
        case TupleType(elements):
            return tuple(map(theirs, elements, kind.elements, value))
        case RecordType(fields):
            record = plain.Record()
            for (name, field), (_, field_kind) in zip(fields, kind.fields, strict=True):
                setattr(record, name, theirs(field, field_kind, value[name]))
            return record
        case FlagsType():
            return set(value)
        case VariantType() | OptionType() | ResultType():
            tag, payload = tagged(wit, value)
            inner, inner_kind = case_of(wit, kind, tag)
            if inner is not None:
                payload = theirs(inner, inner_kind, payload)
            return plain.Variant(tag, payload) if kind._tagged() else payload
        case Primitive("f32" | "f64"):
            return float(value)
    return value


def ours(wit: WitType, kind: Any, value: Any) -> Any:  # noqa: C901 -- one case a type
    """Write a value of the plain API as we do."""
    match wit:
        case ListType(element):
            if wit == BYTES:
                return bytes(value)
            return [ours(element, kind.element, each) for each in value]
        case TupleType(elements):
            return list(map(ours, elements, kind.elements, value))
        case RecordType(fields):
            return {
                name: ours(field, field_kind, getattr(value, name))
                for (name, field), (_, field_kind) in zip(fields, kind.fields, strict=True)
            }
        case FlagsType(names):
            return [name for name in names if name in value]
        case VariantType() | OptionType() | ResultType():
            assume(kind._tagged())  # the plain API does not tell the case then
            inner, inner_kind = case_of(wit, kind, value.tag)
            payload = None if inner is None else ours(inner, inner_kind, value.payload)
            if not isinstance(wit, OptionType):
                return {"tag": value.tag, "val": payload}
            if value.tag == "none":
                return None
            return {"tag": "some", "val": payload} if nested(wit) else payload
    return value


def nested(wit: OptionType) -> bool:
    return isinstance(wit.payload, OptionType)


def tagged(wit: WitType, value: Any) -> tuple[str, Any]:
    if not isinstance(wit, OptionType):
        return value["tag"], value["val"]
    if value is None:
        return "none", None
    return "some", value["val"] if nested(wit) else value


def case_of(wit: WitType, kind: Any, tag: str) -> tuple[WitType | None, Any]:
    cases = {
        VariantType: lambda: dict(wit.cases),  # type: ignore[attr-defined]
        OptionType: lambda: {"none": None, "some": wit.payload},  # type: ignore[attr-defined]
        ResultType: lambda: {"ok": wit.ok, "err": wit.err},  # type: ignore[attr-defined]
    }[type(wit)]()
    return cases[tag], dict(kind._cases())[tag]


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(case=typed_values())
def test_the_plain_api_answers_the_same(sandbox: Sandbox, case: tuple[WitType, Any]) -> None:
    wit, given_values = case
    wasm = echo(wit)
    try:
        reference = through_plain_api(wasm, wit, given_values)
    except (TypeError, ValueError, AttributeError):
        assume(False)  # a value that the plain API cannot take

    outcome = sandbox.call(sandbox.load(wasm), "echo", {"values": given_values})

    assert outcome.result == reference


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(case=typed_values())
def test_size_limits_are_exact_for_every_type(sandbox: Sandbox, case: tuple[WitType, Any]) -> None:
    wit, given_values = case
    made = sandbox.load(echo(wit))
    arguments = {"values": given_values}
    argument_bytes = len(msgspec.msgpack.encode(arguments))
    result_bytes = len(msgspec.msgpack.encode(given_values))

    exact = Limits(argument_bytes=argument_bytes, result_bytes=max(1, result_bytes))
    assert sandbox.call(made, "echo", arguments, limits=exact).usage.output_bytes == result_bytes

    with pytest.raises(errors.InvalidArguments, match=f"are {argument_bytes} bytes"):
        sandbox.call(
            made, "echo", arguments, limits=exact.lowered(argument_bytes=argument_bytes - 1)
        )
    if result_bytes > 1:
        with pytest.raises(errors.ResultTooLarge, match=f"is {result_bytes} bytes"):
            sandbox.call(
                made, "echo", arguments, limits=exact.lowered(result_bytes=result_bytes - 1)
            )


# -- ownership -----------------------------------------------------------------------------

MIXED = """(component
  (core module $m
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
    (func (export "same") (param i32 i32) (result i32)
      (i32.store (i32.const 16) (local.get 0))
      (i32.store (i32.const 20) (local.get 1))
      (i32.const 16))
    (func (export "some") (param i32 i32) (result i32)
      (i32.store8 (i32.const 16) (i32.const 1))
      (i32.store (i32.const 20) (local.get 0))
      (i32.store (i32.const 24) (local.get 1))
      (i32.const 16))
    (func (export "fail") (param i32 i32) (unreachable)))
  (core instance $i (instantiate $m))
  (func (export "some") (param "value" string) (result (option string))
    (canon lift (core func $i "some") (memory (core memory $i "memory"))
      (realloc (core func $i "realloc"))))
  (func (export "text") (param "value" string) (result string)
    (canon lift (core func $i "same") (memory (core memory $i "memory"))
      (realloc (core func $i "realloc"))))
  (func (export "bytes") (param "value" (list u8)) (result (list u8))
    (canon lift (core func $i "same") (memory (core memory $i "memory"))
      (realloc (core func $i "realloc"))))
  (func (export "numbers") (param "value" (list f64)) (result (list f64))
    (canon lift (core func $i "same") (memory (core memory $i "memory"))
      (realloc (core func $i "realloc"))))
  (func (export "maybe") (param "value" (list (option char))) (result (list (option char)))
    (canon lift (core func $i "same") (memory (core memory $i "memory"))
      (realloc (core func $i "realloc"))))
  (func (export "fail") (param "value" string)
    (canon lift (core func $i "fail") (memory (core memory $i "memory"))
      (realloc (core func $i "realloc")))))"""

MIXED_CALLS: list[tuple[str, Any]] = [
    ("text", "some text"),
    ("some", "one text"),
    ("bytes", b"\0\xff" * 40),
    ("numbers", [1.5, -2.5] * 20),
    ("maybe", ["a", None, "ß"]),
]
MISFITS: list[tuple[str, Any]] = [
    ("text", "\ud800"),
    ("numbers", [1.0] * 20 + ["x"]),
    ("maybe", ["a", None, "two"]),
    ("bytes", [1, 2]),
]


def mixed_round(sandbox: Sandbox, made: Any, live: Any) -> None:
    """Sixteen calls: live and fresh, good ones, misfits half-way, and a trap."""
    for function, value in MIXED_CALLS:
        assert live.call(function, {"value": value}).result == value
        assert sandbox.call(made, function, {"value": value}).result == value
    for function, value in MISFITS:
        with pytest.raises(errors.InvalidArguments):
            live.call(function, {"value": value})
    for limits in (Limits(), Limits(fuel=1)):
        with pytest.raises(errors.CallError):
            sandbox.call(made, "fail", {"value": "x" * 100}, limits=limits)


def test_a_sandbox_that_is_dropped_unclosed_takes_its_clock_with_it() -> None:
    program = (
        "import sys, threading, time; sys.path[:0] = sys.argv[1:]\n"
        "from guests import guest\n"
        "from wardian.sandbox import Sandbox\n"
        "for _ in range(12):\n"
        "    sandbox = Sandbox()\n"
        "    sandbox.call(sandbox.load(guest('misbehaving')), 'fine')\n"
        "    del sandbox\n"
        "time.sleep(0.1)\n"
        "assert threading.active_count() == 1, threading.enumerate()\n"
    )
    tests = str(Path(__file__).parents[2])

    ended = subprocess.run([sys.executable, "-c", program, tests], capture_output=True, text=True)

    assert (ended.returncode, ended.stderr) == (0, "")


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_mixed_calls_leave_no_memory_behind(sandbox: Sandbox) -> None:
    made = sandbox.load(component(MIXED))
    rounds = int(os.environ.get("WARDIAN_TEST_ROUNDS", "1500"))
    with sandbox.instance(made) as live:
        for _ in range(300):
            mixed_round(sandbox, made, live)
        gc.collect()
        before = resident_bytes()

        for _ in range(rounds):
            mixed_round(sandbox, made, live)

        gc.collect()
        grown = resident_bytes() - before
    # One lost string of each round would be more than this.
    assert grown < max(512 * 1024, rounds * 40)


# -- slots ---------------------------------------------------------------------------------


def test_a_pooled_slot_shows_nothing_of_its_last_user(sandbox: Sandbox) -> None:
    assert sandbox.engine.pooled
    dirty = sandbox.load(guest("dirty"))
    for _ in range(5):
        # As many as there are slots and more, so that each is used again.
        soiled = [sandbox.instance(dirty) for _ in range(pooling.SLOTS // 2)]
        for instance in soiled:
            instance.call("soil")
        for instance in soiled:
            instance.close()
        with pytest.raises(errors.Trap):
            sandbox.call(dirty, "soil-and-trap")

        found = [sandbox.call(dirty, "traces").result for _ in range(10)]
        looking = [sandbox.instance(dirty) for _ in range(pooling.SLOTS // 2)]
        found += [instance.call("traces").result for instance in looking]
        for instance in looking:
            instance.close()

        assert set(found) == {0}


def test_a_soiled_instance_does_show_it(sandbox: Sandbox) -> None:
    with sandbox.instance(sandbox.load(guest("dirty"))) as instance:
        instance.call("soil")

        assert instance.call("traces").result > 1_000


def test_more_live_instances_than_slots_are_refused_and_a_closed_one_makes_room(
    sandbox: Sandbox,
) -> None:
    dirty = sandbox.load(guest("dirty"))
    live = [sandbox.instance(dirty) for _ in range(pooling.SLOTS)]
    try:
        for instance in live:
            instance.call("traces")
        with pytest.raises(errors.Overloaded, match="instances"):
            sandbox.call(dirty, "traces")

        live.pop().close()

        assert sandbox.call(dirty, "traces").result == 0
    finally:
        for instance in live:
            instance.close()


def test_without_room_for_a_pool_instances_are_made_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pooling, "fits", lambda _slot_bytes: False)
    with Sandbox() as unpooled:
        assert not unpooled.engine.pooled
        assert unpooled.call(unpooled.load(guest("dirty")), "traces").result == 0


# -- ahead of the call ---------------------------------------------------------------------

STARTS = """(component
  (core module $m
    (func $start (local $i i32)
      (loop $more
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $more (i32.lt_u (local.get $i) (i32.const 1000)))))
    (func (export "nothing"))
    (start $start))
  (core instance $i (instantiate $m))
  (func (export "nothing") (canon lift (core func $i "nothing"))))"""


def test_what_an_instance_made_ahead_spent_counts_for_its_first_call(sandbox: Sandbox) -> None:
    starts = sandbox.load(component(STARTS))
    at_once = sandbox.call(starts, "nothing").usage.fuel
    with sandbox.instance(starts) as ahead:
        assert ahead.prepare(Limits(), 1.0)

        assert ahead.call("nothing").usage.fuel == at_once
        assert 0 < ahead.call("nothing").usage.fuel < at_once

    with sandbox.instance(starts) as ahead:
        assert ahead.prepare(Limits(), 1.0)
        with pytest.raises(errors.OutOfFuel):
            ahead.call("nothing", limits=Limits(fuel=at_once - 2))


def test_a_guest_that_asks_the_host_when_it_starts_is_not_made_ahead(sandbox: Sandbox) -> None:
    asks = sandbox.load(
        component("""(component
      (import "test:host/api@1.0.0" (instance $host (export "ask" (func (result u32)))))
      (core func $ask (canon lower (func $host "ask")))
      (core module $m
        (import "host" "ask" (func $ask (result i32)))
        (func $start (drop (call $ask)))
        (func (export "nothing"))
        (start $start))
      (core instance $m (instantiate $m (with "host" (instance (export "ask" (func $ask))))))
      (func (export "nothing") (canon lift (core func $m "nothing"))))""")
    )
    asked: list[int] = []
    imports = {"test:host/api@1.0.0": {"ask": lambda: asked.append(1) or 7}}

    assert not sandbox.instance(asks, imports=imports).prepare(Limits(), 1.0)
    assert asked == []
    assert sandbox.call(asks, "nothing", imports=imports).usage.host_calls == 1
    assert asked == [1]


# -- the checks at the start ---------------------------------------------------------------


def test_a_runtime_that_lays_values_out_otherwise_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def shifted(source: int, target: int) -> None:
        ctypes.memmove(target, source, abi.VAL_SIZE)
        ctypes.memset(target + 8, 1, 1)

    monkeypatch.setattr(abi, "val_clone", shifted)
    monkeypatch.setattr(abi, "val_delete", lambda _address: None)

    with pytest.raises(errors.HostUnusable, match=r"wasmtime \(\d+\.\d+\.\d+\).* as a value of"):
        self_check.check([(Primitive("u8"), (7,))])


def test_a_runtime_that_keeps_its_settings_elsewhere_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(abi, "_malloc_usable_size", lambda _address: 16)

    with pytest.raises(errors.HostUnusable, match="settings of a store in another place"):
        Sandbox()
