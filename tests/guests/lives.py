"""Plugins that come in versions: each tells which it is, and takes part in its own life cycle."""

from __future__ import annotations

from functools import cache
from typing import Literal

from guests import component
from guests.imports import TYPES_AND_KV
from packages import package

Migrate = Literal["ok", "err", "trap", "spin"] | None
Health = Literal["healthy", "degraded", "unhealthy", "err", "trap"] | None

_TYPES = f"""{TYPES_AND_KV}  (import "wardian:plugin/config@1.0.0" (instance $config
    (alias outer 1 $error (type $e))
    (export "error" (type $error (eq $e)))
    (export "get" (func (param "key" string) (result (result string (error $error)))))))
"""

_MEMORY = """
  (core module $memory
    (memory (export "memory") 2)
    (data (i32.const 16) "vnmigrated: no good")
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
  (core func $get (canon lower (func $config "get") (memory $m) (realloc $realloc)))
"""

_TELL_ERR = """
      (i32.store8 (i32.const 256) (i32.const 1))
      (i32.store (i32.const 260) (i32.const 28)) (i32.store (i32.const 264) (i32.const 7))
      (i32.const 256)"""

_MIGRATES = {
    "ok": "(i32.store (i32.const 256) (i32.const 0)) (i32.const 256)",
    "err": _TELL_ERR,
    "trap": "(unreachable)",
    "spin": "(loop (br 0)) (unreachable)",
}


def _condition(case: int) -> str:
    return f"""
      (i32.store (i32.const 256) (i32.const 0)) (i32.store (i32.const 260) (i32.const {case}))
      (i32.store (i32.const 264) (i32.const 28)) (i32.store (i32.const 268) (i32.const 7))
      (i32.const 256)"""


_HEALTHS = {
    "healthy": _condition(0),
    "degraded": _condition(1),
    "unhealthy": _condition(2),
    "err": _TELL_ERR,
    "trap": "(unreachable)",
}

_CONDITION = '(variant (case "healthy") (case "degraded" string) (case "unhealthy" string))'


@cache
def life(number: int, migrate: Migrate = None, health: Health = None, extra: str = "") -> bytes:
    """A component that tells its ``number``.

    ``version`` answers the number, ``both`` the number and the configured ``v``, ``count`` adds one
    to ``n`` and answers the sum. A ``migrate`` adds one to ``migrated`` before it does what is
    asked of it.
    """
    return component(f"""(component {_TYPES} {_MEMORY}
  (core module $main
    (import "m" "memory" (memory 1))
    (import "host" "increment" (func $increment (param i32 i32 i64 i32)))
    (import "host" "get" (func $get (param i32 i32 i32)))
    (func (export "version") (result i32) (i32.const {number}))
    (func (export "count") (result i32)
      (call $increment (i32.const 17) (i32.const 1) (i64.const 1) (i32.const 64))
      (i32.const 64))
    (func (export "both") (result i32)
      (call $get (i32.const 16) (i32.const 1) (i32.const 64))
      (if (i32.load8_u (i32.const 64)) (then (unreachable)))
      (i32.store (i32.const 128) (i32.const {number}))
      (i32.store (i32.const 132) (i32.load (i32.const 68)))
      (i32.store (i32.const 136) (i32.load (i32.const 72)))
      (i32.const 128))
    (func (export "migrate") (param i32 i32 i32 i32) (result i32)
      (call $increment (i32.const 18) (i32.const 8) (i64.const 1) (i32.const 64))
      {_MIGRATES[migrate or "trap"]})
    (func (export "health") (result i32) {_HEALTHS[health or "trap"]}))
  (core instance $main (instantiate $main
    (with "m" (instance $memory))
    (with "host" (instance
      (export "increment" (func $increment)) (export "get" (func $get))))))
  (func (export "version") (result u32) (canon lift (core func $main "version")))
  (func (export "count") (result (result s64 (error $error)))
    (canon lift (core func $main "count") (memory $m)))
  (func (export "both") (result (tuple u32 string))
    (canon lift (core func $main "both") (memory $m)))
  {_lifecycle(migrate, health)} {extra})""")


def _lifecycle(migrate: Migrate, health: Health) -> str:
    if migrate is None and health is None:
        return ""
    migrates = """(func {} (param "from-version" string) (param "to-version" string)
      (result (result (error string))))"""
    asks, gives, passes = "", "", ""
    if migrate is not None:
        asks += f'(import "migrate" {migrates.format("$migrate")})'
        gives += '(export "migrate" (func $migrate))'
        passes += '(with "migrate" (func $migrate))'
    if health is not None:
        asks += '(import "health" (func $health (result (result $c (error string)))))'
        gives += """(export $out "condition" (type $c))
      (export "health" (func $health) (func (result (result $out (error string)))))"""
        passes += '(with "health" (func $health))'
    return f"""
  (type $condition {_CONDITION})
  {migrates.format("$migrate")[:-1]} (canon lift (core func $main "migrate")
    (memory $m) (realloc $realloc)))
  (func $health (result (result $condition (error string)))
    (canon lift (core func $main "health") (memory $m)))
  (component $lifecycle
    (type $declared {_CONDITION})
    (import "condition" (type $c (eq $declared)))
    {asks} {gives})
  (instance $lifecycle (instantiate $lifecycle
    (with "condition" (type $condition)) {passes}))
  (export "wardian:plugin/lifecycle@1.0.0" (instance $lifecycle))"""


_KEEPING = """
[[permissions]]
permission = "kv:read"
reason = "Counts."

[[permissions]]
permission = "kv:write"
reason = "Counts."

"""


def version(
    number: int,
    *,
    migrate: Migrate = None,
    health: Health = None,
    more: str = "",
    extra: str = "",
    name: str = "lives",
    to: str | None = None,
) -> bytes:
    """The package of ``NUMBER.0.0``, whose default configuration says the number, too."""
    lines = f"{more}\n{_KEEPING}\n[default_config]\nv = {number}\n"
    return package(name, life(number, migrate, health, extra), lines, to or f"{number}.0.0")
