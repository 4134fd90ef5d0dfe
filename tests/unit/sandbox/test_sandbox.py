"""Calls: what comes out, what stops them, what they may not do to the next one."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from guests import component, echo, guest
from wardian import errors
from wardian.sandbox import Limits, Sandbox, wasmtime_version
from wardian.sandbox.description import Source
from wardian.sandbox.linker import Imports
from wardian.sandbox.types import Primitive


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as made:
        yield made


HOST_CALLER = """(component
  (import "test:host/api@1.2.0" (instance $host (export "ask" (func (result u32)))))
  (core func $ask (canon lower (func $host "ask")))
  (core module $m
    (import "host" "ask" (func $ask (result i32)))
    (func (export "once") (result i32) (call $ask))
    (func (export "forever") (loop (drop (call $ask)) (br 0))))
  (core instance $m (instantiate $m (with "host" (instance (export "ask" (func $ask))))))
  (func (export "once") (result u32) (canon lift (core func $m "once")))
  (func (export "forever") (canon lift (core func $m "forever"))))"""


@pytest.mark.parametrize(
    ("function", "limits", "error"),
    [
        ("spin", Limits(wall_seconds=0.05), errors.DeadlineExceeded),
        ("spin", Limits(fuel=10_000), errors.OutOfFuel),
        ("trap", Limits(), errors.Trap),
        ("divide", Limits(), errors.Trap),
        ("out-of-bounds", Limits(), errors.Trap),
        ("recurse", Limits(), errors.StackOverflow),
        ("grow-slowly", Limits(memory_bytes=4 << 20), errors.MemoryExceeded),
        ("grow-at-once", Limits(), errors.MemoryExceeded),
        ("grow-table", Limits(), errors.MemoryExceeded),
        ("fine", Limits(memory_bytes=1), errors.MemoryExceeded),
        ("fine", Limits(memories=1, instances=1, tables=1, table_elements=1), None),
    ],
)
def test_each_limit_has_an_error_of_its_own_and_the_next_call_works(
    sandbox: Sandbox, function: str, limits: Limits, error: type[errors.CallError] | None
) -> None:
    misbehaving = sandbox.load(guest("misbehaving"))
    if error is None:
        assert sandbox.call(misbehaving, function, limits=limits).result == 42
        return

    with pytest.raises(error) as caught:
        sandbox.call(misbehaving, function, limits=limits)

    assert type(caught.value) is error
    assert caught.value.usage is not None
    assert caught.value.usage.wall_seconds > 0
    assert sandbox.call(misbehaving, "fine").result == 42


def test_a_start_function_is_under_the_limits_too(sandbox: Sandbox) -> None:
    spinner = sandbox.load(
        component(
            """(component
              (core module $m (func $spin (loop (br 0))) (start $spin)
                (func (export "never")))
              (core instance $i (instantiate $m))
              (func (export "never") (canon lift (core func $i "never"))))"""
        )
    )

    with pytest.raises(errors.DeadlineExceeded):
        sandbox.call(spinner, "never", limits=Limits(wall_seconds=0.05))


def test_a_call_sees_nothing_of_an_earlier_one(sandbox: Sandbox) -> None:
    memory = sandbox.load(guest("memory"))

    sandbox.call(memory, "remember", {"value": 1234})

    assert sandbox.call(memory, "recall").result == 0


def test_a_result_is_unwrapped_and_its_error_is_a_guest_error(sandbox: Sandbox) -> None:
    calculator = sandbox.load(guest("calculator"))

    assert sandbox.call(calculator, "divide", {"a": 42, "b": 2}).result == 21
    with pytest.raises(errors.GuestError) as caught:
        sandbox.call(calculator, "divide", {"a": 42, "b": 0})
    assert caught.value.payload == 7
    assert caught.value.usage is not None


def test_functions_go_by_their_full_or_their_unambiguous_bare_name(sandbox: Sandbox) -> None:
    calculator = sandbox.load(guest("calculator"))

    full = sandbox.call(calculator, "acme:calc/ops@1.0.0#add", {"a": 2, "b": 3})
    bare = sandbox.call(calculator, "add", {"a": 2, "b": 3})

    assert full.result == bare.result == 5
    with pytest.raises(errors.NotFound, match=r"ambiguous.*ops@1\.0\.0#negate"):
        sandbox.call(calculator, "negate", {"a": 1})
    with pytest.raises(errors.NotFound, match=r"it has: .*divide"):
        sandbox.call(calculator, "multiply")


def test_usage_tells_fuel_and_memory(sandbox: Sandbox) -> None:
    usage = sandbox.call(sandbox.load(guest("misbehaving")), "fine").usage

    assert usage.fuel > 0
    assert usage.memory_bytes >= 65_536
    assert usage.output_bytes == 1


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "empty"),
        (b"(component)", "text"),
        (b"  ;; a comment\n(component)", "text"),
        (b"\0asm\x01\0\0\0", "core WebAssembly module"),
        (b"\0asm\x0c\0\x01\0", "version"),
        (b"\x7fELF" + bytes(60), "native code"),
        (b"PK\x03\x04", "not WebAssembly"),
    ],
)
def test_what_is_not_a_component_is_refused_saying_what_it_is(
    sandbox: Sandbox, content: bytes, complaint: str
) -> None:
    with pytest.raises(errors.InvalidComponent, match=complaint):
        sandbox.load(content)


def test_a_truncated_component_is_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "half.wasm"
    whole = guest("calculator")
    path.write_bytes(whole[: len(whole) // 2])

    with pytest.raises(errors.InvalidComponent, match="not valid"):
        sandbox.load(path)


def test_compiled_code_loads_again_and_a_foreign_file_does_not(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    path = tmp_path / "code"
    wasm = guest("calculator")
    _, code = sandbox.compile(wasm)
    path.write_bytes(code)

    again = sandbox.load_compiled(path, Source.of(wasm))
    assert sandbox.call(again, "add", {"a": 1, "b": 1}).result == 2

    foreign = tmp_path / "foreign"
    foreign.write_bytes(wasm)
    with pytest.raises(errors.InvalidComponent):
        sandbox.load_compiled(foreign, Source.of(wasm))


@pytest.mark.parametrize(
    ("parameter", "word"),
    [
        ("(own $r)", "a resource"),
        ("(borrow $r)", "a resource"),
    ],
)
def test_a_function_that_passes_a_resource_is_refused_at_load_by_name(
    sandbox: Sandbox, parameter: str, word: str
) -> None:
    text = f"""(component
      (type $r-own (resource (rep i32)))
      (export $r "thing" (type $r-own))
      (core module $m (func (export "f") (param i32)))
      (core instance $i (instantiate $m))
      (func (export "take-thing") (param "it" {parameter}) (canon lift (core func $i "f"))))"""

    with pytest.raises(errors.InvalidComponent, match=rf"take-thing.*{word}"):
        sandbox.load(component(text))


@pytest.mark.parametrize("kind", ["stream", "future"])
def test_asynchronous_types_are_refused_at_load(sandbox: Sandbox, kind: str) -> None:
    text = f"""(component
      (core module $m (func (export "f") (param i32)))
      (core instance $i (instantiate $m))
      (func (export "take-bytes") (param "it" ({kind} u8)) (canon lift (core func $i "f"))))"""

    with pytest.raises(errors.InvalidComponent, match=f"take-bytes.*a {kind}"):
        sandbox.load(component(text))


def test_types_that_nest_too_deep_are_refused_quickly(sandbox: Sandbox) -> None:
    deep = "(option " * 90 + "u8" + ")" * 90
    started = time.monotonic()

    with pytest.raises(errors.InvalidComponent, match="nest deeper"):
        sandbox.load(component(f'(component (import "f" (func (param "it" {deep}))))'))

    assert time.monotonic() - started < 5


def test_types_that_share_parts_exponentially_are_refused_quickly(sandbox: Sandbox) -> None:
    steps = "".join(f"(type $t{i} (tuple $t{i - 1} $t{i - 1}))" for i in range(1, 30))
    text = f'(component (type $t0 (tuple u8)) {steps} (import "f" (func (param "it" $t29))))'

    with pytest.raises(errors.InvalidComponent):
        sandbox.load(component(text))


def test_host_functions_answer_and_are_counted(sandbox: Sandbox) -> None:
    caller = sandbox.load(component(HOST_CALLER))

    outcome = sandbox.call(caller, "once", imports={"test:host/api@1.3.0": {"ask": lambda: 7}})

    assert outcome.result == 7
    assert outcome.usage.host_calls == 1


@pytest.mark.parametrize(
    ("offered", "complaint"),
    [
        ({}, "nothing of that name"),
        ({"test:host/api@2.0.0": {"ask": lambda: 1}}, r"offers test:host/api@2\.0\.0"),
        ({"test:host/api@1.1.0": {"ask": lambda: 1}}, r"offers test:host/api@1\.1\.0"),
        ({"test:host/api@1.2.0": {"other": lambda: 1}}, "no such function"),
    ],
)
def test_an_import_that_is_not_offered_is_refused_by_name(
    sandbox: Sandbox, offered: dict[str, Any], complaint: str
) -> None:
    caller = sandbox.load(component(HOST_CALLER))

    with pytest.raises(errors.ImportRefused, match=complaint) as caught:
        sandbox.call(caller, "once", imports=offered)

    assert "test:host/api" in str(caught.value.imported)


@pytest.mark.parametrize(
    "interface", ["wasi:http/types@0.2.0", "wasi:cli/run@0.3.0", "wasi:nn/tensor@0.2.0"]
)
def test_wasi_beyond_what_is_linked_closed_is_refused(sandbox: Sandbox, interface: str) -> None:
    text = f'(component (import "{interface}" (instance (export "f" (func)))))'

    with pytest.raises(errors.ImportRefused, match=interface):
        sandbox.load(component(text))


def test_closed_wasi_can_be_refused_altogether(sandbox: Sandbox) -> None:
    text = """(component (import "wasi:random/random@0.2.0"
      (instance (export "get-random-u64" (func (result u64))))))"""

    sandbox.load(component(text))
    with pytest.raises(errors.ImportRefused, match="refuses every WASI import"):
        sandbox.load(component(text), wasi=False)


@pytest.mark.parametrize(
    "raised", [ValueError("no"), KeyboardInterrupt(), SystemExit(3), RecursionError()]
)
def test_whatever_a_host_function_raises_ends_only_its_call(
    sandbox: Sandbox, raised: BaseException
) -> None:
    caller = sandbox.load(component(HOST_CALLER))

    def ask() -> int:
        raise raised

    expected = errors.Trap if isinstance(raised, Exception) else type(raised)
    with pytest.raises(expected) as caught:
        sandbox.call(caller, "once", imports={"test:host/api@1.2.0": {"ask": ask}})

    if isinstance(raised, Exception):
        assert caught.value.__cause__ is raised
    good = {"test:host/api@1.2.0": {"ask": lambda: 1}}
    assert sandbox.call(caller, "once", imports=good).result == 1


@pytest.mark.parametrize("answer", [300, -1, 2**40, "7", None, 1.5])
@pytest.mark.parametrize("kind", ["u8"])
def test_a_host_function_cannot_answer_what_does_not_fit(
    sandbox: Sandbox, kind: str, answer: object
) -> None:
    caller = sandbox.load(component(HOST_CALLER.replace("u32", kind)))

    with pytest.raises(errors.Trap, match="not of its type"):
        sandbox.call(caller, "once", imports={"test:host/api@1.2.0": {"ask": lambda: answer}})


def test_host_calls_past_the_budget_end_the_call(sandbox: Sandbox) -> None:
    caller = sandbox.load(component(HOST_CALLER))
    calls = []

    def ask() -> int:
        calls.append(1)
        return 1

    with pytest.raises(errors.Trap, match="budget of 10 host calls"):
        sandbox.call(
            caller,
            "forever",
            limits=Limits(host_calls=10),
            imports={"test:host/api@1.2.0": {"ask": ask}},
        )

    assert len(calls) == 10


def test_time_inside_a_host_function_counts(sandbox: Sandbox) -> None:
    caller = sandbox.load(component(HOST_CALLER))

    def ask() -> int:
        threading.Event().wait(0.1)
        return 1

    with pytest.raises(errors.DeadlineExceeded):
        sandbox.call(
            caller,
            "once",
            limits=Limits(wall_seconds=0.05),
            imports={"test:host/api@1.2.0": {"ask": ask}},
        )


def test_plugins_that_call_each_other_are_stopped_before_the_stack_is(sandbox: Sandbox) -> None:
    caller = sandbox.load(component(HOST_CALLER))
    depth = 0

    def ask() -> int:
        nonlocal depth
        depth += 1
        return int(sandbox.call(caller, "once", imports=offered).result)

    offered = Imports({"test:host/api@1.2.0": {"ask": ask}})
    with pytest.raises(errors.StackOverflow):
        sandbox.call(caller, "once", imports=offered)

    assert depth == 8


def test_errors_of_one_thread_never_show_in_another(sandbox: Sandbox) -> None:
    caller = sandbox.load(component(HOST_CALLER))
    wrong: list[object] = []

    def run(mine: int) -> None:
        def ask() -> int:
            raise ValueError(mine)

        offered = Imports({"test:host/api@1.2.0": {"ask": ask}})
        for _ in range(300):
            with pytest.raises(errors.Trap) as caught:
                sandbox.call(caller, "once", imports=offered)
            if repr(caught.value.__cause__) != f"ValueError({mine})":
                wrong.append(caught.value)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


def test_a_result_larger_than_its_limit_is_refused(sandbox: Sandbox) -> None:
    text = """(component
      (core module $m (memory (export "memory") 2)
        (func (export "f") (param i32) (result i32)
          (i32.store (i32.const 4) (local.get 0)) (i32.const 0)))
      (core instance $i (instantiate $m))
      (func (export "zeros") (param "count" u32) (result string)
        (canon lift (core func $i "f") (memory (core memory $i "memory")))))"""
    zeros = sandbox.load(component(text))
    limits = Limits(result_bytes=10_000)

    assert len(sandbox.call(zeros, "zeros", {"count": 9_990}, limits=limits).result) == 9_990
    with pytest.raises(errors.ResultTooLarge):
        sandbox.call(zeros, "zeros", {"count": 10_000}, limits=limits)


def test_arguments_larger_than_their_limit_are_refused(sandbox: Sandbox) -> None:
    echoing = sandbox.load(echo(Primitive("string")))

    with pytest.raises(errors.InvalidArguments, match="limit of 100"):
        sandbox.call(echoing, "echo", {"values": ["x" * 100]}, limits=Limits(argument_bytes=100))


def test_names_that_a_guest_chose_cannot_forge_lines_or_colours(sandbox: Sandbox) -> None:
    evil = "\\1b[2J\\0aERROR forged\\e2\\80\\ae"
    text = f"""(component
      (core module $m (func $f (@name "{evil}") (export "f") unreachable))
      (core instance $i (instantiate $m))
      (func (export "f") (canon lift (core func $i "f"))))"""
    named = sandbox.load(component(text))

    with pytest.raises(errors.Trap) as caught:
        sandbox.call(named, "f")

    assert "\x1b" not in caught.value.message
    assert "\n" not in caught.value.message
    assert "\u202e" not in caught.value.message
    assert len(caught.value.message) < 400


def hoarder(memories: int) -> bytes:
    """Grows each of its memories by 16 pages until the call ends; answers the pages it has."""
    declared = "".join(f"(memory $m{i} 1)" for i in range(memories))
    grow = "".join(f"(drop (memory.grow $m{i} (i32.const 16)))" for i in range(memories))
    return component(
        f"""(component
          (core module $m {declared} (func (export "grow") (loop {grow} (br 0))))
          (core instance $i (instantiate $m))
          (func (export "grow") (canon lift (core func $i "grow"))))"""
    )


@pytest.mark.parametrize("memories", [1, 2, 7, 15])
def test_memory_is_bounded_in_all_memories_together(sandbox: Sandbox, memories: int) -> None:
    limits = Limits(memory_bytes=64 << 20)

    with pytest.raises(errors.MemoryExceeded) as caught:
        sandbox.call(sandbox.load(hoarder(memories)), "grow", limits=limits)

    assert caught.value.usage is not None
    assert caught.value.usage.memory_bytes <= 80 << 20


def test_a_module_that_is_instantiated_often_counts_as_often(sandbox: Sandbox) -> None:
    copies = "".join(f"(core instance $i{n} (instantiate $m))" for n in range(8))
    text = f"""(component
      (core module $m (memory 1) (func (export "grow") (loop
        (drop (memory.grow (i32.const 16))) (br 0))))
      {copies}
      (func (export "grow") (canon lift (core func $i0 "grow"))))"""

    with pytest.raises(errors.MemoryExceeded) as caught:
        sandbox.call(sandbox.load(component(text)), "grow", limits=Limits(memory_bytes=64 << 20))

    assert caught.value.usage is not None
    assert caught.value.usage.memory_bytes <= 10 << 20


def test_a_component_inside_a_component_counts_its_memories_too(sandbox: Sandbox) -> None:
    text = """(component
      (component $inner
        (core module $m (memory 3) (func (export "f")))
        (core instance $i (instantiate $m))
        (func (export "f") (canon lift (core func $i "f"))))
      (instance $inner (instantiate $inner))
      (core module $m (memory 2))
      (core instance (instantiate $m))
      (export "f" (func $inner "f")))"""
    nested = sandbox.load(component(text))

    assert nested.description.memories == 2
    assert nested.description.memory_bytes == 5 * 65_536
    assert sandbox.call(nested, "f").usage.memory_bytes >= 5 * 65_536


GROWS = """(core module $m (memory 1)
  (func (export "grow") (loop (drop (memory.grow (i32.const 16))) (br 0))))"""
UNUSUAL = {
    "a component that is instantiated twice": f"""(component
      (component $inner {GROWS}
        (core instance $i (instantiate $m))
        (func (export "grow") (canon lift (core func $i "grow"))))
      (instance $one (instantiate $inner))
      (instance $two (instantiate $inner))
      (export "grow" (func $one "grow")))""",
    "a module of the component around": f"""(component {GROWS}
      (component $inner
        (alias outer 1 $m (core module $theirs))
        (core instance $i (instantiate $theirs))
        (func (export "grow") (canon lift (core func $i "grow"))))
      (instance $one (instantiate $inner))
      (export "grow" (func $one "grow")))""",
}


@pytest.mark.parametrize("text", UNUSUAL.values(), ids=UNUSUAL)
def test_memory_is_bounded_however_a_component_is_put_together(sandbox: Sandbox, text: str) -> None:
    with pytest.raises(errors.MemoryExceeded) as caught:
        sandbox.call(sandbox.load(component(text)), "grow", limits=Limits(memory_bytes=64 << 20))

    assert caught.value.usage is not None
    assert 2 << 20 <= caught.value.usage.memory_bytes <= 64 << 20


def test_faulthandler_enabled_too_late_is_told_instead_of_crashing() -> None:
    program = (
        "import faulthandler, sys\n"
        "from wardian.sandbox import Sandbox\n"
        "from wardian import errors\n"
        "sandbox = Sandbox()\n"
        "component = sandbox.load(sys.stdin.buffer.read())\n"
        "faulthandler.enable()\n"
        "try:\n"
        "    sandbox.call(component, 'out-of-bounds')\n"
        "except errors.HostUnusable as error:\n"
        "    print('faulthandler' in error.message)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=guest("misbehaving"),
        capture_output=True,
        check=True,
    )

    assert done.stdout.strip() == b"True"


def test_the_version_is_read_from_the_library_itself() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", wasmtime_version())


def writable_code_bytes() -> int:
    lines = Path("/proc/self/maps").read_text().splitlines()
    places = [line.split()[0].split("-") for line in lines if line.split()[1].startswith("rwx")]
    return sum(int(end, 16) - int(start, 16) for start, end in places)


def test_linking_many_functions_makes_no_code(sandbox: Sandbox) -> None:
    """A worker may not: its confinement ends it at the first page that is writable and code."""
    names = [f"f{number}" for number in range(300)]
    text = "".join(f'(import "{name}" (func ${name}))' for name in names)
    text += "".join(f"(core func (canon lower (func ${name})))" for name in names)
    loaded = sandbox.load(component(f"(component {text})"))
    before = writable_code_bytes()

    sandbox.check_links(loaded, Imports({name: lambda: None for name in names}))

    assert writable_code_bytes() == before
