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
