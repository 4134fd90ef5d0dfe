"""Plugins that handle events, and publish while they do."""

from __future__ import annotations

from functools import cache

from guests import component
from guests.imports import TYPES_AND_KV
from packages import package

_IMPORTS = f"""{TYPES_AND_KV}  (import "wardian:plugin/events@1.0.0" (instance $events
    (alias outer 1 $error (type $e))
    (export "error" (type $error (eq $e)))
    (export "publish" (func (param "topic" string) (param "data" string)
      (param "key" (option string)) (result (result string (error $error)))))))
"""

_EVENT = """(record (field "id" string) (field "topic" string) (field "source" string)
    (field "time" string) (field "correlation-id" string) (field "key" (option string))
    (field "attempt" u32) (field "data" string))"""

_ERROR = '(variant (case "retry" string) (case "reject" string))'

HANDLE = "wardian:plugin/event-handler@1.0.0#handle"


@cache
def handler(publishes: str = "") -> bytes:
    """A component whose ``handle`` does what the text that is the event's data begins with.

    ``r`` and ``j`` answer ``retry`` and ``reject`` with the data, ``t`` traps, ``s`` spins; all
    else counts one in ``n``, and publishes the same data to ``publishes`` if that is given.
    """
    publish = f"""(call $publish (i32.const 512) (i32.const {len(publishes)})
        (local.get 14) (local.get 15) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 64))"""
    return component(f"""(component {_IMPORTS}
  (core module $memory
    (memory (export "memory") 8)
    (data (i32.const 16) "n")
    (data (i32.const 512) "{publishes}")
    (global $next (mut i32) (i32.const 4096))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (global.set $next (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.get $next)
      (global.set $next (i32.add (global.get $next) (local.get 3)))))
  (core instance $memory (instantiate $memory))
  (alias core export $memory "memory" (core memory $m))
  (alias core export $memory "realloc" (core func $realloc))
  (core func $increment
    (canon lower (func $kv "increment") (memory $m) (realloc $realloc)))
  (core func $publish
    (canon lower (func $events "publish") (memory $m) (realloc $realloc)))
  (core module $main
    (import "m" "memory" (memory 1))
    (import "host" "increment" (func $increment (param i32 i32 i64 i32)))
    (import "host" "publish" (func $publish (param i32 i32 i32 i32 i32 i32 i32 i32)))
    (func $says (param $case i32) (param $text i32) (param $length i32) (result i32)
      (i32.store8 (i32.const 256) (i32.const 1))
      (i32.store8 (i32.const 260) (local.get $case))
      (i32.store (i32.const 264) (local.get $text))
      (i32.store (i32.const 268) (local.get $length))
      (i32.const 256))
    (func (export "handle") (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)
      (result i32) (local $first i32)
      (local.set $first (i32.load8_u (i32.add (local.get 14) (i32.const 1))))
      (if (i32.eq (local.get $first) (i32.const 114)) (then
        (return (call $says (i32.const 0) (local.get 14) (local.get 15)))))
      (if (i32.eq (local.get $first) (i32.const 106)) (then
        (return (call $says (i32.const 1) (local.get 14) (local.get 15)))))
      (if (i32.eq (local.get $first) (i32.const 116)) (then (unreachable)))
      (if (i32.eq (local.get $first) (i32.const 115)) (then (loop (br 0))))
      (call $increment (i32.const 16) (i32.const 1) (i64.const 1) (i32.const 64))
      {publish if publishes else ""}
      (i32.store8 (i32.const 256) (i32.const 0))
      (i32.const 256)))
  (core instance $main (instantiate $main
    (with "m" (instance $memory))
    (with "host" (instance
      (export "increment" (func $increment)) (export "publish" (func $publish))))))
  (type $event {_EVENT})
  (type $said {_ERROR})
  (func $handle (param "event" $event) (result (result (error $said)))
    (canon lift (core func $main "handle") (memory $m) (realloc $realloc)))
  (component $handler
    (type $event-type {_EVENT})
    (type $said-type {_ERROR})
    (import "event" (type $e (eq $event-type)))
    (import "handler-error" (type $s (eq $said-type)))
    (import "handle" (func $handle (param "event" $e) (result (result (error $s)))))
    (export $event-out "event" (type $e))
    (export $said-out "handler-error" (type $s))
    (export "handle" (func $handle)
      (func (param "event" $event-out) (result (result (error $said-out))))))
  (instance $handler (instantiate $handler
    (with "event" (type $event)) (with "handler-error" (type $said))
    (with "handle" (func $handle))))
  (export "wardian:plugin/event-handler@1.0.0" (instance $handler)))""")


_ASKING = """
sandbox_level = "{level}"

[[permissions]]
permission = "kv:read"
reason = "Counts."

[[permissions]]
permission = "kv:write"
reason = "Counts."

[[permissions]]
permission = "events:subscribe:{topics}"
reason = "Handles."
"""

_PUBLISHING = """
[[permissions]]
permission = "events:publish:{topic}"
reason = "Passes on."
"""


def handling(
    name: str,
    topics: str,
    publishes: str = "",
    *,
    level: str = "restricted",
    version: str = "1.0.0",
) -> bytes:
    """The package of a plugin that handles ``topics``, and publishes to ``publishes``."""
    lines = _ASKING.format(topics=topics, level=level)
    if publishes:
        lines += _PUBLISHING.format(topic=publishes)
    return package(name, handler(publishes), lines, version)
