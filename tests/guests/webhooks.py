"""Plugins that handle webhooks, as real components."""

from __future__ import annotations

from functools import cache

from guests import component
from guests.imports import TYPES_AND_KV
from packages import package

HANDLE = "wardian:plugin/webhook-handler@1.0.0#handle"

_PAIR = "(tuple string string)"
_WEBHOOK = """(record (field "name" string) (field "delivery-id" (option string))
    (field "headers" (list $pair)) (field "body" string))"""
_REPLY = '(record (field "status" u16) (field "body" string))'


@cache
def handler() -> bytes:
    """A component whose ``handle`` does what the body begins with.

    ``e`` answers an error, ``t`` traps, ``s`` spins, ``3`` and ``4`` reply with 302 and 409; all
    else counts one in ``n`` and replies with 200. A reply has the body that came.
    """
    return component(f"""(component {TYPES_AND_KV}
  (core module $memory
    (memory (export "memory") 64)
    (data (i32.const 16) "n")
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
  (core module $main
    (import "m" "memory" (memory 1))
    (import "host" "increment" (func $increment (param i32 i32 i64 i32)))
    (func $reply (param $status i32) (param $text i32) (param $length i32) (result i32)
      (i32.store8 (i32.const 256) (i32.const 0))
      (i32.store16 (i32.const 260) (local.get $status))
      (i32.store (i32.const 264) (local.get $text))
      (i32.store (i32.const 268) (local.get $length))
      (i32.const 256))
    (func (export "handle") (param i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
      (local $first i32)
      (local.set $first (i32.load8_u (local.get 7)))
      (if (i32.eq (local.get $first) (i32.const 101)) (then
        (i32.store8 (i32.const 256) (i32.const 1))
        (i32.store (i32.const 260) (local.get 7))
        (i32.store (i32.const 264) (local.get 8))
        (return (i32.const 256))))
      (if (i32.eq (local.get $first) (i32.const 116)) (then (unreachable)))
      (if (i32.eq (local.get $first) (i32.const 115)) (then (loop (br 0))))
      (if (i32.eq (local.get $first) (i32.const 51)) (then
        (return (call $reply (i32.const 302) (local.get 7) (local.get 8)))))
      (if (i32.eq (local.get $first) (i32.const 52)) (then
        (return (call $reply (i32.const 409) (local.get 7) (local.get 8)))))
      (call $increment (i32.const 16) (i32.const 1) (i64.const 1) (i32.const 64))
      (call $reply (i32.const 200) (local.get 7) (local.get 8))))
  (core instance $main (instantiate $main
    (with "m" (instance $memory))
    (with "host" (instance (export "increment" (func $increment))))))
  (type $pair {_PAIR})
  (type $webhook {_WEBHOOK})
  (type $reply {_REPLY})
  (func $handle (param "webhook" $webhook) (result (result $reply (error string)))
    (canon lift (core func $main "handle") (memory $m) (realloc $realloc)))
  (component $handler
    (type $pair {_PAIR})
    (type $webhook-type {_WEBHOOK})
    (type $reply-type {_REPLY})
    (import "webhook" (type $w (eq $webhook-type)))
    (import "reply" (type $r (eq $reply-type)))
    (import "handle" (func $handle (param "webhook" $w) (result (result $r (error string)))))
    (export $webhook-out "webhook" (type $w))
    (export $reply-out "reply" (type $r))
    (export "handle" (func $handle)
      (func (param "webhook" $webhook-out) (result (result $reply-out (error string))))))
  (instance $handler (instantiate $handler
    (with "webhook" (type $webhook)) (with "reply" (type $reply))
    (with "handle" (func $handle))))
  (export "wardian:plugin/webhook-handler@1.0.0" (instance $handler)))""")


_ASKING = """
[[permissions]]
permission = "kv:read"
reason = "Counts."

[[permissions]]
permission = "kv:write"
reason = "Counts."

[[permissions]]
permission = "events:publish:hooked.*"
reason = "Passes on."
"""


def hooked(name: str, webhooks: str, *, version: str = "1.0.0") -> bytes:
    """The package of a plugin that has these ``webhooks``, as a manifest's tables."""
    return package(name, handler(), _ASKING + webhooks, version)
