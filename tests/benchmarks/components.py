"""Guests as text: the same work as a component, for Wardian, and as a module, for Extism."""

from __future__ import annotations

from functools import cache

import wasmtime

RECORD = {
    "id": 12_345_678_901,
    "name": "Ada Lovelace",
    "email": "ada@example.org",
    "city": "London",
    "country": "United Kingdom",
    "age": 36,
    "score": 0.75,
    "active": True,
    "note": "The first programmer",
    "tags": ["analyst", "metaphysician"],
}
"""A record of ten fields."""

RECORDS = [
    {"id": number, "name": f"record {number}", "score": number / 8} for number in range(1000)
]

# Where the next value goes is set back in each call, so that an instance can live for ever.
_MEMORY = """
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 1024))
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
      (local.get $start))
    (func $forget (global.set $next (i32.const 1024)))
"""

_LIFTED = '(memory (core memory $i "memory")) (realloc (core func $i "realloc"))'

_RECORD_TYPE = """
  (type $record-of-ten (record (field "id" u64) (field "name" string) (field "email" string)
    (field "city" string) (field "country" string) (field "age" u32) (field "score" f64)
    (field "active" bool) (field "note" (option string)) (field "tags" (list string))))
  (export $ten "ten" (type $record-of-ten))
  (type $record-of-three (record (field "id" u32) (field "name" string) (field "score" f64)))
  (export $three "three" (type $record-of-three))
"""


def _echoes(name: str, wit: str, core: str) -> str:
    return (
        f'(func (export "{name}") (param "value" {wit}) (result {wit})'
        f' (canon lift (core func $i "{core}") {_LIFTED}))'
    )


@cache
def echo() -> bytes:
    """A component that gives back the string it is given."""
    return bytes(wasmtime.wat2wasm(_echo(("echo", "string", "pair"))))


@cache
def echoes() -> bytes:
    """A component that gives back a string, bytes, a record of ten fields, a list of records."""
    return bytes(
        wasmtime.wat2wasm(
            _echo(
                ("text", "string", "pair"),
                ("bytes", "(list u8)", "pair"),
                ("record", "$ten", "spilled"),
                ("records", "(list $three)", "pair"),
            )
        )
    )


def _echo(*functions: tuple[str, str, str]) -> str:
    # A record that has more than sixteen parts is passed as one pointer, and so is its copy.
    return f"""(component {_RECORD_TYPE if len(functions) > 1 else ""}
  (core module $m {_MEMORY}
    (func (export "pair") (param i32 i32) (result i32)
      (call $forget)
      (i32.store (i32.const 16) (local.get 0)) (i32.store (i32.const 20) (local.get 1))
      (i32.const 16))
    (func (export "spilled") (param i32) (result i32) (call $forget) (local.get 0)))
  (core instance $i (instantiate $m))
  {" ".join(_echoes(*each) for each in functions)})"""


HOST_INTERFACE = "bench:host/calls@1.0.0"


@cache
def host_caller() -> bytes:
    """A component that calls the host ``count`` times with five bytes of text, or a number."""
    return bytes(
        wasmtime.wat2wasm(f"""(component
  (import "{HOST_INTERFACE}" (instance $host
    (export "text" (func (param "value" string) (result string)))
    (export "number" (func (param "value" u64) (result u64)))))
  (core module $memory {_MEMORY} (export "forget" (func $forget)))
  (core instance $i (instantiate $memory))
  (core func $text (canon lower (func $host "text") {_LIFTED}))
  (core func $number (canon lower (func $host "number")))
  (core module $m
    (import "i" "memory" (memory 1)) (import "i" "forget" (func $forget))
    (import "host" "text" (func $text (param i32 i32 i32)))
    (import "host" "number" (func $number (param i64) (result i64)))
    (data (i32.const 8) "hello")
    (func (export "texts") (param $count i32)
      (loop $again
        (call $forget)
        (call $text (i32.const 8) (i32.const 5) (i32.const 16))
        (br_if $again (local.tee $count (i32.sub (local.get $count) (i32.const 1))))))
    (func (export "numbers") (param $count i32)
      (loop $again
        (drop (call $number (i64.const 5)))
        (br_if $again (local.tee $count (i32.sub (local.get $count) (i32.const 1)))))))
  (core instance $m (instantiate $m
    (with "i" (instance $i))
    (with "host" (instance (export "text" (func $text)) (export "number" (func $number))))))
  (func (export "texts") (param "count" u32) (canon lift (core func $m "texts")))
  (func (export "numbers") (param "count" u32) (canon lift (core func $m "numbers"))))""")
    )


@cache
def spinner() -> bytes:
    """A component that never returns."""
    return bytes(
        wasmtime.wat2wasm("""(component
  (core module $m (func (export "spin") (loop $again (br $again))))
  (core instance $i (instantiate $m))
  (func (export "spin") (canon lift (core func $i "spin"))))""")
    )


@cache
def extism_echo() -> bytes:
    """A module for Extism that gives back its input."""
    return bytes(
        wasmtime.wat2wasm("""(module
  (import "extism:host/env" "input_offset" (func $input-offset (result i64)))
  (import "extism:host/env" "input_length" (func $input-length (result i64)))
  (import "extism:host/env" "output_set" (func $output-set (param i64 i64)))
  (memory (export "memory") 1)
  (func (export "echo") (result i32)
    (call $output-set (call $input-offset) (call $input-length))
    (i32.const 0)))""")
    )


@cache
def extism_host_caller() -> bytes:
    """A module for Extism that calls the host as often as its input, eight bytes, says."""
    return bytes(
        wasmtime.wat2wasm("""(module
  (import "extism:host/env" "input_load_u64" (func $input (param i64) (result i64)))
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "free" (func $free (param i64)))
  (import "extism:host/env" "store_u8" (func $store (param i64 i32)))
  (import "extism:host/user" "text" (func $text (param i64) (result i64)))
  (import "extism:host/user" "number" (func $number (param i64) (result i64)))
  (memory (export "memory") 1)
  (func (export "texts") (result i32)
    (local $count i64) (local $hello i64) (local $at i64)
    (local.set $count (call $input (i64.const 0)))
    (local.set $hello (call $alloc (i64.const 5)))
    (loop $fill
      (call $store (i64.add (local.get $hello) (local.get $at)) (i32.const 0x68))
      (br_if $fill (i64.lt_u
        (local.tee $at (i64.add (local.get $at) (i64.const 1))) (i64.const 5))))
    (loop $again
      (call $free (call $text (local.get $hello)))
      (br_if $again (i32.wrap_i64
        (local.tee $count (i64.sub (local.get $count) (i64.const 1))))))
    (call $free (local.get $hello))
    (i32.const 0))
  (func (export "numbers") (result i32)
    (local $count i64)
    (local.set $count (call $input (i64.const 0)))
    (loop $again
      (drop (call $number (i64.const 5)))
      (br_if $again (i32.wrap_i64
        (local.tee $count (i64.sub (local.get $count) (i64.const 1))))))
    (i32.const 0)))""")
    )
