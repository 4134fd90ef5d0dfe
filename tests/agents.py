"""Agents of a few lines, as real components: they do what the question begins with."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

from guests import component
from packages import package
from wardian import Host, Settings, open_host
from wardian.policy.levels import Level

ASK = "wardian:plugin/agent@1.0.0#ask"
"""The function that every agent exports."""

CAPABILITY = "summarize@1.0.0"

_QUESTION = '(record (field "capability" string) (field "input" string))'
_ANSWER = """(record (field "output" string) (field "units" u64)
    (field "confidence" (option float64)) (field "cacheable" bool))"""

_TYPES = """
  (import "wardian:plugin/types@1.0.0" (instance $types
    (type $e (variant (case "denied" string) (case "not-found" string) (case "invalid" string)
      (case "exhausted" string) (case "unavailable" string)))
    (export "error" (type (eq $e)))))
  (alias export $types "error" (type $error))"""

_ANSWERING = """
  (import "wardian:plugin/answering@1.0.0" (instance $answering
    (alias outer 1 $error (type $e))
    (export "error" (type $error (eq $e)))
    (export "emit" (func (param "piece" string) (result (result (error $error)))))))"""

_AGENTS = """
  (import "wardian:plugin/agents@1.0.0" (instance $agents
    (alias outer 1 $error (type $e))
    (export "error" (type $error (eq $e)))
    (type $a (record (field "agent" string) (field "output" string) (field "cost" float64)))
    (export "answer" (type $answer (eq $a)))
    (export "ask" (func (param "capability" string) (param "input" string)
      (param "criteria" (option string)) (result (result $answer (error $error)))))))"""

_MEMORY = """
  (core module $memory
    (memory (export "memory") 16)
    (data (i32.const 16) "}{")
    (data (i32.const 32) "summarize")
    (global $next (mut i32) (i32.const 4096))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (global.set $next (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.get $next)
      (global.set $next (i32.add (global.get $next) (local.get 3)))))
  (core instance $memory (instantiate $memory))
  (alias core export $memory "memory" (core memory $m))
  (alias core export $memory "realloc" (core func $realloc))"""


def question(does: str = "", *more: Any) -> list[Any]:
    """A question as `agent` reads it; also what it answers, unless it does something else.

    ``does`` begins with a letter: ``e`` answers an error, which is the input; ``t`` traps; ``s``
    spins; ``n`` answers what is no JSON; ``c`` is as sure of itself as NaN; ``p`` emits its input
    twice before it answers (of `agent` with ``emits``); ``a`` asks for `summarize` with the same
    input, and answers what it is told (with ``asks``). Everything else is answered as it came.
    """
    return [does, *more]


@cache
def agent_component(
    *,
    units: int = 3,
    confidence: float | None = None,
    cacheable: bool = False,
    always: str = "",
    emits: bool = False,
    asks: bool = False,
    id_: int = 0,
) -> bytes:
    """A component that exports `agent`; ``always`` is the letter that it goes by at any question.

    ``id_`` tells apart two that are otherwise the same.
    """
    imports = (_TYPES if emits or asks else "") + _ANSWERING * emits + _AGENTS * asks
    return component(f"""(component {imports} {_MEMORY}
  {_lowered("emit", "answering", emits)} {_lowered("ask", "agents", asks)}
  (core module $main
    (import "m" "memory" (memory 1))
    {'(import "host" "emit" (func $emit (param i32 i32 i32)))' * emits}
    {'(import "host" "ask" (func $ask (param i32 i32 i32 i32 i32 i32 i32 i32)))' * asks}
    (func $output (param $text i32) (param $length i32) (param $sure f64) (result i32)
      (i32.store8 (i32.const 256) (i32.const 0))
      (i32.store (i32.const 264) (local.get $text))
      (i32.store (i32.const 268) (local.get $length))
      (i64.store (i32.const 272) (i64.const {units}))
      (i32.store8 (i32.const 280) (i32.const {int(confidence is not None)}))
      (f64.store (i32.const 288) (local.get $sure))
      (i32.store8 (i32.const 296) (i32.const {int(cacheable)}))
      (i32.const 256))
    (func $refusal (param $text i32) (param $length i32) (result i32)
      (i32.store8 (i32.const 256) (i32.const 1))
      (i32.store (i32.const 264) (local.get $text))
      (i32.store (i32.const 268) (local.get $length))
      (i32.const 256))
    (func (export "ask") (param i32 i32 i32 i32) (result i32)
      (local $does i32) (local $length i32)
      (local.set $length (local.get 3))
      ;; The input is ["does…"], so its third character is the letter.
      (local.set $does {_letter(always)})
      (drop (i32.const {id_}))
      (if (i32.eq (local.get $does) (i32.const {ord("e")})) (then
        (return (call $refusal (local.get 2) (local.get 3)))))
      (if (i32.eq (local.get $does) (i32.const {ord("t")})) (then (unreachable)))
      (if (i32.eq (local.get $does) (i32.const {ord("s")})) (then (loop (br 0))))
      (if (i32.eq (local.get $does) (i32.const {ord("n")})) (then
        (return (call $output (i32.const 16) (i32.const 2) (f64.const {confidence or 0})))))
      (if (i32.eq (local.get $does) (i32.const {ord("c")})) (then
        (drop (call $output (local.get 2) (local.get 3) (f64.const nan)))
        (i32.store8 (i32.const 280) (i32.const 1))
        (return (i32.const 256))))
      {_EMIT * emits} {_ASK * asks}
      (call $output (local.get 2) (local.get 3) (f64.const {confidence or 0}))))
  (core instance $main (instantiate $main
    (with "m" (instance $memory))
    (with "host" (instance {'(export "emit" (func $emit))' * emits}
      {'(export "ask" (func $ask))' * asks}))))
  (type $question {_QUESTION})
  (type $answer {_ANSWER})
  (func $answers (param "question" $question) (result (result $answer (error string)))
    (canon lift (core func $main "ask") (memory $m) (realloc $realloc)))
  (component $agent
    (type $question-type {_QUESTION})
    (type $answer-type {_ANSWER})
    (import "question" (type $q (eq $question-type)))
    (import "answer" (type $a (eq $answer-type)))
    (import "ask" (func $ask (param "question" $q) (result (result $a (error string)))))
    (export $question-out "question" (type $q))
    (export $answer-out "answer" (type $a))
    (export "ask" (func $ask)
      (func (param "question" $question-out) (result (result $answer-out (error string))))))
  (instance $agent (instantiate $agent
    (with "question" (type $question)) (with "answer" (type $answer))
    (with "ask" (func $answers))))
  (export "wardian:plugin/agent@1.0.0" (instance $agent)))""")


def agent(
    name: str,
    *capabilities: str,
    per_call: float = 0.0,
    per_unit: float = 0.0,
    priority: int = 50,
    limits: str = "",
    tags: Sequence[str] = (),
    version: str = "1.0.0",
    level: Level = Level.RESTRICTED,
    above: str = "",
    more: str = "",
    **what: Any,
) -> bytes:
    """The package of an agent; ``what`` is for `agent_component`, and ``limits`` are lines of
    ``[agent.limits]``. ``above`` are lines before the first table, ``more`` such after the last."""
    return package(
        name,
        agent_component(**what),
        _MANIFEST.format(
            capabilities=json.dumps(capabilities or [CAPABILITY]),
            tags=json.dumps(list(tags)),
            level=level,
            above=above,
            priority=priority,
            per_call=float(per_call),
            per_unit=float(per_unit),
            limits=limits,
            more=_ASKING * bool(what.get("asks")) + more,
        ),
        version,
    )


_MANIFEST = """
category = "ai_agent"
capabilities = {capabilities}
tags = {tags}
sandbox_level = "{level}"
{above}

[agent]
priority = {priority}

[agent.cost]
per_call = {per_call}
per_unit = {per_unit}
unit = "token"

[agent.limits]
{limits}
{more}"""

_ASKING = """
[[permissions]]
permission = "agents:ask:*"
reason = "Asks others."
"""

_EMIT = f"""
      (if (i32.eq (local.get $does) (i32.const {ord("p")})) (then
        (call $emit (local.get 2) (local.get 3) (i32.const 64))
        (call $emit (local.get 2) (local.get 3) (i32.const 64))))"""

_ASK = f"""
      (if (i32.eq (local.get $does) (i32.const {ord("a")})) (then
        (call $ask (i32.const 32) (i32.const 9) (local.get 2) (local.get 3)
          (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 64))
        (if (i32.load8_u (i32.const 64)) (then
          (return (call $refusal (i32.load (i32.const 76)) (i32.load (i32.const 80))))))
        (return (call $output
          (i32.load (i32.const 80)) (i32.load (i32.const 84)) (f64.const 0)))))"""


def _lowered(function: str, interface: str, there: bool) -> str:
    return (
        f"""(core func ${function}
    (canon lower (func ${interface} "{function}") (memory $m) (realloc $realloc)))"""
        * there
    )


def _letter(always: str) -> str:
    return f"(i32.const {ord(always)})" if always else "(i32.load8_u offset=2 (local.get 2))"


def asker(name: str, permission: str = "agents:ask:*", *, more: str = "") -> bytes:
    """The package of a plugin that is no agent, and has its question answered by one.

    It is asked as `ASK`, and asks for `summarize`.
    """
    lines = f'[[permissions]]\npermission = "{permission}"\nreason = "Asks."\n'
    return package(name, agent_component(asks=True, always="a"), lines + more)


def asked(does: str, *more: Any, capability: str = "summarize") -> dict[str, Any]:
    """The arguments with which an agent, or an `asker`, is called as any function."""
    text = json.dumps(question(does, *more))
    return {"question": {"capability": capability, "input": text}}


@asynccontextmanager
async def agents_host(folder: Path, *packages: bytes, **settings: Any) -> AsyncIterator[Host]:
    """A host with these agents installed."""
    async with open_host(Settings(data_dir=folder, **settings)) as host:
        for each in packages:
            await host.install(each)
        yield host
