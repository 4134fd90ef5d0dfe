"""Components that take what they can."""

from __future__ import annotations

from functools import cache

from guests import component, guest

MEMORY = """
  (core module $memory
    (memory (export "memory") 2)
    (data (i32.const 0) "key")
    (global $next (mut i32) (i32.const 4096))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $start i32)
      (local.set $start (global.get $next))
      (global.set $next (i32.add (global.get $next) (i32.and
        (i32.add (local.get 3) (i32.const 7)) (i32.const -8))))
      (if (i32.gt_u (global.get $next) (i32.mul (memory.size) (i32.const 65536)))
        (then (drop (memory.grow
          (i32.add (i32.const 1) (i32.shr_u (local.get 3) (i32.const 16)))))))
      (local.get $start)))
  (core instance $memory (instantiate $memory))"""

_LIFTED = """(memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))"""

ERROR = """
  (import "wardian:plugin/types@1.0.0" (instance $types
    (type $e (variant (case "denied" string) (case "not-found" string) (case "invalid" string)
      (case "exhausted" string) (case "unavailable" string)))
    (export "error" (type (eq $e)))
    (type $p (tuple string string))
    (export "pair" (type (eq $p)))))
  (alias export $types "error" (type $error'))
  (alias export $types "pair" (type $pair'))"""

KV = """
  (import "wardian:plugin/kv@1.0.0" (instance $kv
    (alias outer 1 $error' (type $e))
    (export "error" (type $error (eq $e)))
    (export "delete" (func (param "key" string) (result (result bool (error $error)))))))"""

LOGGING = """
  (import "wardian:plugin/logging@1.0.0" (instance $logging
    (alias outer 1 $error' (type $e))
    (alias outer 1 $pair' (type $p))
    (type $l (enum "trace" "debug" "info" "warn" "error"))
    (export "level" (type $level (eq $l)))
    (export "error" (type $error (eq $e)))
    (export "pair" (type $pair (eq $p)))
    (export "log" (func (param "level" $level) (param "message" string)
      (param "fields" (list $pair)) (result (result (error $error)))))))"""


def _exported(body: str, signature: str = "", options: str = "", more: str = "") -> bytes:
    """A component with one function ``go``, from the body of a core module."""
    return component(
        f"""(component {more}
          (core module $m {body})
          (core instance $i (instantiate $m))
          (func (export "go") {signature} (canon lift (core func $i "go") {options})))"""
    )


@cache
def start_loop() -> bytes:
    """Spins before it can be called at all."""
    return _exported('(func $loop (loop (br 0))) (start $loop) (func (export "go"))')


@cache
def hoarders(memories: int) -> bytes:
    """Grows each of its memories by a megabyte until it is stopped."""
    declared = "".join(f"(memory $m{n} 1)" for n in range(memories))
    grow = "".join(f"(drop (memory.grow $m{n} (i32.const 16)))" for n in range(memories))
    return _exported(f'{declared} (func (export "go") (loop {grow} (br 0)))')


@cache
def filler(pages: int) -> bytes:
    """Writes all of its memory in single instructions, again and again."""
    return _exported(
        f"""(memory {pages})
        (func (export "go") (loop
          (memory.fill (i32.const 0) (i32.const 7) (i32.const {pages * 65536})) (br 0)))"""
    )


@cache
def tables() -> bytes:
    """Grows a table by a hundred thousand elements at a time."""
    return _exported(
        """(table 1 funcref)
        (func (export "go") (loop
          (drop (table.grow (ref.null func) (i32.const 100000))) (br 0)))"""
    )


@cache
def declares(what: str, count: int) -> bytes:
    """Declares so many memories, tables or instances, and does nothing with them."""
    if what == "instances":
        copies = "".join("(core instance (instantiate $empty))" for _ in range(count))
        return _exported('(func (export "go"))', more=f"(core module $empty) {copies}")
    each = {"memories": "(memory 1)", "tables": "(table 1 funcref)"}[what]
    return _exported(each * count + '(func (export "go"))')


@cache
def deep(steps: int) -> bytes:
    """Calls itself ``steps`` times, with a frame of a few hundred bytes."""
    locals_ = " ".join("(local i64)" for _ in range(32))
    return _exported(
        f"""(func $down (param i32) (result i64) {locals_}
          (if (result i64) (local.get 0)
            (then (call $down (i32.sub (local.get 0) (i32.const 1)))) (else (i64.const 0))))
        (func (export "go") (drop (call $down (i32.const {steps}))))"""
    )


@cache
def caller(interface: str) -> bytes:
    """Calls ``kv.delete`` or ``logging.log`` without end, whatever it is told."""
    declared, name, parameters, arguments = {
        "kv": (KV, "delete", "i32 i32 i32", "(i32.const 0) (i32.const 3) (i32.const 64)"),
        "logging": (
            LOGGING,
            "log",
            "i32 i32 i32 i32 i32 i32",
            "(i32.const 2) (i32.const 0) (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 64)",
        ),
    }[interface]
    return component(
        f"""(component {ERROR} {declared} {MEMORY}
          (core func $f (canon lower (func ${interface} "{name}") {_LIFTED}))
          (core module $m
            (import "host" "f" (func $f (param {parameters})))
            (func (export "go") (loop (call $f {arguments}) (br 0)))
            (func (export "some") (param i32) (loop
              (call $f {arguments})
              (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))
          (core instance $i (instantiate $m
            (with "host" (instance (export "f" (func $f))))))
          (func (export "go") (canon lift (core func $i "go")))
          (func (export "some") (param "count" u32) (canon lift (core func $i "some"))))"""
    )


@cache
def answers(size: int) -> bytes:
    """Answers with a string of ``size`` bytes."""
    pages = (size >> 16) + 2
    return _exported(
        f"""(memory (export "memory") {pages})
        (func (export "go") (result i32)
          (memory.fill (i32.const 16) (i32.const 97) (i32.const {size}))
          (i32.store (i32.const 0) (i32.const 16))
          (i32.store (i32.const 4) (i32.const {size}))
          (i32.const 0))""",
        "(result string)",
        '(memory (core memory $i "memory"))',
    )


@cache
def overlapping(count: int, size: int) -> bytes:
    """Answers with a list of ``count`` strings that are all the same ``size`` bytes."""
    pages = ((8 * count + size) >> 16) + 2
    return _exported(
        f"""(memory (export "memory") {pages})
        (func (export "go") (result i32) (local $at i32) (local $left i32)
          (local.set $at (i32.const 16))
          (local.set $left (i32.const {count}))
          (memory.fill (i32.const {16 + 8 * count}) (i32.const 97) (i32.const {size}))
          (loop
            (i32.store (local.get $at) (i32.const {16 + 8 * count}))
            (i32.store offset=4 (local.get $at) (i32.const {size}))
            (local.set $at (i32.add (local.get $at) (i32.const 8)))
            (br_if 0 (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
          (i32.store (i32.const 0) (i32.const 16))
          (i32.store (i32.const 4) (i32.const {count}))
          (i32.const 0))""",
        "(result (list string))",
        '(memory (core memory $i "memory"))',
    )


@cache
def takes_text() -> bytes:
    """Takes a string, and does nothing with it."""
    return component(
        f"""(component {MEMORY}
          (core module $m (func (export "go") (param i32 i32)))
          (core instance $i (instantiate $m))
          (func (export "go") (param "text" string)
            (canon lift (core func $i "go") {_LIFTED})))"""
    )


@cache
def sleeper() -> bytes:
    """Waits a minute in WASI."""
    return component(
        """(component
          (import "wasi:io/poll@0.2.0" (instance $poll
            (export "pollable" (type $pollable (sub resource)))
            (export "[method]pollable.block" (func (param "self" (borrow $pollable))))))
          (alias export $poll "pollable" (type $pollable))
          (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
            (alias outer 1 $pollable (type $p))
            (export "pollable" (type $pollable (eq $p)))
            (export "subscribe-duration"
              (func (param "when" u64) (result (own $pollable))))))
          (core func $subscribe (canon lower (func $clock "subscribe-duration")))
          (core func $block (canon lower (func $poll "[method]pollable.block")))
          (core module $m
            (import "w" "subscribe" (func $subscribe (param i64) (result i32)))
            (import "w" "block" (func $block (param i32)))
            (func (export "go") (call $block (call $subscribe (i64.const 60000000000)))))
          (core instance $i (instantiate $m (with "w" (instance
            (export "subscribe" (func $subscribe)) (export "block" (func $block))))))
          (func (export "go") (canon lift (core func $i "go"))))"""
    )


@cache
def publisher() -> bytes:
    """Publishes events without end, whatever it is told."""
    return component(
        f"""(component {ERROR}
          (import "wardian:plugin/events@1.0.0" (instance $events
            (alias outer 1 $error' (type $e))
            (export "error" (type $error (eq $e)))
            (export "publish" (func (param "topic" string) (param "data" string)
              (param "key" (option string)) (result (result string (error $error)))))))
          {MEMORY.replace('"key"', '"orders.new1"')}
          (core func $f (canon lower (func $events "publish") {_LIFTED}))
          (core module $m
            (import "host" "f" (func $f (param i32 i32 i32 i32 i32 i32 i32 i32)))
            (func (export "go") (loop
              (call $f (i32.const 0) (i32.const 10) (i32.const 10) (i32.const 1)
                (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 64)) (br 0))))
          (core instance $i (instantiate $m
            (with "host" (instance (export "f" (func $f))))))
          (func (export "go") (canon lift (core func $i "go"))))"""
    )


def misbehaving() -> bytes:
    """One function for each of the usual traps."""
    return guest("misbehaving")
