"""Guests as text: WebAssembly components that need no toolchain."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import wasmtime

from wardian.sandbox.types import (
    EnumType,
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

DIRECTORY = Path(__file__).parent


def component(text: str) -> bytes:
    """Assemble a component."""
    return bytes(wasmtime.wat2wasm(text))


@cache
def guest(name: str) -> bytes:
    """Assemble ``tests/guests/NAME.wat``."""
    return component((DIRECTORY / f"{name}.wat").read_text())


ECHO_MODULE = """
  (core module $memory
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 4096))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $start i32)
      (local.set $start
        (i32.and
          (i32.add (global.get $next) (i32.sub (local.get 2) (i32.const 1)))
          (i32.xor (i32.sub (local.get 2) (i32.const 1)) (i32.const -1))))
      (global.set $next (i32.add (local.get $start) (local.get 3)))
      (if (i32.gt_u (global.get $next) (i32.mul (memory.size) (i32.const 65536)))
        (then
          (drop (memory.grow
            (i32.add (i32.const 1) (i32.shr_u (local.get 3) (i32.const 16)))))))
      (local.get $start)))
"""


LOADS = {
    "bool": "i32.load8_u",
    "s8": "i32.load8_s",
    "u8": "i32.load8_u",
    "s16": "i32.load16_s",
    "u16": "i32.load16_u",
    "s32": "i32.load",
    "u32": "i32.load",
    "char": "i32.load",
    "s64": "i64.load",
    "u64": "i64.load",
    "f32": "f32.load",
    "f64": "f64.load",
}


def echo(wit: WitType) -> bytes:
    """A component whose ``echo`` answers the list of ``wit`` that it is given.

    A list is a pointer and a length whatever its elements are, so one core function echoes
    every type.
    """
    names = _Types()
    element = names.reference(wit)
    return component(
        f"""(component
  {names.text}
  {ECHO_MODULE}
  (core instance $memory (instantiate $memory))
  (core module $echo
    (import "memory" "memory" (memory 1))
    (func (export "echo") (param i32 i32) (result i32)
      (i32.store (i32.const 16) (local.get 0))
      (i32.store (i32.const 20) (local.get 1))
      (i32.const 16)))
  (core instance $echo (instantiate $echo (with "memory" (instance $memory))))
  (func (export "echo") (param "values" (list {element})) (result (list {element}))
    (canon lift (core func $echo "echo")
      (memory (core memory $memory "memory")) (realloc (core func $memory "realloc")))))"""
    )


def first(wit: WitType) -> bytes:
    """A component whose ``first`` answers the first of the list of ``wit`` that it is given."""
    names = _Types()
    element = names.reference(wit)
    loads = _loads(wit)
    body, answer = "(local.get 0)", "i32"
    if len(loads) == 1:
        body, answer = f"({loads[0]} (local.get 0))", loads[0].partition(".")[0]
    return component(
        f"""(component
  {names.text}
  {ECHO_MODULE}
  (core instance $memory (instantiate $memory))
  (core module $first
    (import "memory" "memory" (memory 1))
    (func (export "first") (param i32 i32) (result {answer}) {body}))
  (core instance $first (instantiate $first (with "memory" (instance $memory))))
  (func (export "first") (param "values" (list {element})) (result {element})
    (canon lift (core func $first "first")
      (memory (core memory $memory "memory")) (realloc (core func $memory "realloc")))))"""
    )


def host_first(wit: WitType) -> bytes:
    """A component whose ``first`` has ``test:host/echo@1.0.0#first`` pick the answer."""
    names = _Types()
    element = names.reference(wit)
    inner = _Types(inside_instance=True)
    inner_element = inner.reference(wit)
    loads = _loads(wit)
    imported, body, answer = (
        "i32 i32 i32)",
        "(call $first {0} (i32.const 16)) (i32.const 16)",
        "i32",
    )
    if len(loads) == 1:
        answer = loads[0].partition(".")[0]
        imported, body = f"i32 i32) (result {answer})", "(call $first {0})"
    body = body.format("(local.get 0) (local.get 1)")
    return component(
        f"""(component
  (import "test:host/echo@1.0.0" (instance $host
    {inner.text}
    (export "first" (func (param "values" (list {inner_element})) (result {inner_element})))))
  {names.text}
  {ECHO_MODULE}
  (core instance $memory (instantiate $memory))
  (core func $host-first (canon lower (func $host "first")
    (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))
  (core module $first
    (import "host" "first" (func $first (param {imported}))
    (func (export "first") (param i32 i32) (result {answer}) {body}))
  (core instance $first (instantiate $first
    (with "host" (instance (export "first" (func $host-first))))))
  (func (export "first") (param "values" (list {element})) (result {element})
    (canon lift (core func $first "first")
      (memory (core memory $memory "memory")) (realloc (core func $memory "realloc")))))"""
    )


def _loads(wit: WitType) -> list[str]:
    """How a value is loaded; one of several parts is answered by its address instead."""
    match wit:
        case Primitive("string") | ListType():
            return ["i32.load", "i32.load"]
        case Primitive(name):
            return [LOADS[name]]
        case EnumType():
            return ["i32.load8_u"]
        case FlagsType(labels):
            return [("i32.load8_u", "i32.load16_u", "i32.load", "i32.load")[(len(labels) - 1) // 8]]
        case TupleType(elements):
            return [load for each in elements for load in _loads(each)]
        case RecordType(fields):
            return [load for _, each in fields for load in _loads(each)]
        case OptionType(payload):
            return ["i32.load8_u", *_loads(payload)]
    payloads = [wit.ok, wit.err] if isinstance(wit, ResultType) else [each for _, each in wit.cases]
    return ["i32.load8_u", *max((_loads(each) for each in payloads if each), key=len, default=())]


def host_echo(wit: WitType) -> bytes:
    """A component whose ``echo`` hands a list of ``wit`` to ``test:host/echo@1.0.0#echo``."""
    names = _Types()
    element = names.reference(wit)
    inner = _Types(inside_instance=True)
    inner_element = inner.reference(wit)
    return component(
        f"""(component
  (import "test:host/echo@1.0.0" (instance $host
    {inner.text}
    (export "echo" (func (param "values" (list {inner_element})) (result (list {inner_element}))))))
  {names.text}
  {ECHO_MODULE}
  (core instance $memory (instantiate $memory))
  (core func $host-echo (canon lower (func $host "echo")
    (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))
  (core module $echo
    (import "host" "echo" (func $echo (param i32 i32 i32)))
    (func (export "echo") (param i32 i32) (result i32)
      (call $echo (local.get 0) (local.get 1) (i32.const 16))
      (i32.const 16)))
  (core instance $echo (instantiate $echo
    (with "host" (instance (export "echo" (func $host-echo))))))
  (func (export "echo") (param "values" (list {element})) (result (list {element}))
    (canon lift (core func $echo "echo")
      (memory (core memory $memory "memory")) (realloc (core func $memory "realloc")))))"""
    )


class _Types:
    """Declares every record, variant, enum and flags of a type under a name of its own."""

    def __init__(self, *, inside_instance: bool = False) -> None:
        self.text = ""
        self._count = 0
        self._inside_instance = inside_instance

    def reference(self, wit: WitType | None) -> str:  # noqa: C901 -- one case a type
        match wit:
            case Primitive(name):
                return name
            case ListType(element):
                return f"(list {self.reference(element)})"
            case TupleType(elements):
                return f"(tuple {' '.join(map(self.reference, elements))})"
            case OptionType(payload):
                return f"(option {self.reference(payload)})"
            case ResultType(ok, err):
                first = "" if ok is None else f" {self.reference(ok)}"
                second = "" if err is None else f" (error {self.reference(err)})"
                return f"(result{first}{second})"
            case RecordType(fields):
                inside = " ".join(f'(field "{n}" {self.reference(t)})' for n, t in fields)
                return self._declare(f"(record {inside})")
            case VariantType(cases):
                inside = " ".join(
                    f'(case "{n}"{"" if t is None else " " + self.reference(t)})' for n, t in cases
                )
                return self._declare(f"(variant {inside})")
            case EnumType(names):
                return self._declare(f"(enum {' '.join(map(_quoted, names))})")
            case FlagsType(names):
                return self._declare(f"(flags {' '.join(map(_quoted, names))})")
        raise AssertionError(wit)

    def _declare(self, body: str) -> str:
        self._count += 1
        label = f"t{self._count}"
        if self._inside_instance:
            name = f"$in-{label}"
            export = f'(export "{label}" (type {name} (eq {name}-raw)))'
        else:
            name = f"${label}"
            export = f'(export {name} "{label}" (type {name}-raw))'
        self.text += f"\n  (type {name}-raw {body})\n  {export}"
        return name


def _quoted(name: str) -> str:
    return f'"{name}"'
