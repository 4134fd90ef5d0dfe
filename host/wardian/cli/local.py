"""One call, or one look, at a component on this machine: a worker process, no server, no database.

Host functions that need a host behind them answer ``unavailable``. Log lines are handed to the
caller, the configuration is what the command line gave, and the context says ``local``.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wardian.crypto.digests import sha256_hex
from wardian.crypto.identifiers import new_id
from wardian.plugins.trust import stricter
from wardian.policy.levels import LEVELS, Level
from wardian.policy.limits import Limits
from wardian.runtime.executor import Executor, ExecutorSettings, Job
from wardian.sandbox import Description, Outcome
from wardian.settings import load_settings
from wardian.worlds import contract

LogLine = Callable[[str, str, list[list[str]]], None]

TENANT = "local"

MANIFEST_LEVEL_MAX = Level.STANDARD
"""The most trust that a manifest gets here by itself; more is for ``--level`` to say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalCall:
    """What to run: a component's bytes, a function, and what it may spend."""

    plugin: str
    component: bytes
    function: str
    arguments: Mapping[str, Any]
    level: Level
    limits: Limits
    config: Mapping[str, Any] = field(default_factory=dict)


def level_to_run_at(chosen: Level | None, manifest_level: Level) -> Level:
    """Return what the person chose, or what the manifest asks for within `MANIFEST_LEVEL_MAX`."""
    return chosen or stricter(manifest_level, MANIFEST_LEVEL_MAX)


async def run_once(call: LocalCall, on_log: LogLine, on_output: Callable[[bytes], None]) -> Outcome:
    """Run one call in a worker of its own.

    Raises:
        CallError, InvalidComponent, ImportRefused, CompileExceeded, InvalidArguments, NotFound
    """

    async def load() -> bytes:
        return call.component

    job = Job(
        call_id=new_id(),
        tenant=TENANT,
        level=call.level,
        digest=sha256_hex(call.component),
        load=load,
        function=call.function,
        arguments=call.arguments,
        limits=call.limits,
        on_output=on_output,
    )
    async with Executor(_settings(), contract().offer()) as executor:
        await executor.admit(call.component, wasi=LEVELS[call.level].wasi)
        return await executor.call(job, LocalHost(call, job.call_id, on_log))


async def inspect_once(component: bytes) -> Description:
    """Say what a component imports and which functions it has.

    Raises:
        InvalidComponent, ImportRefused, CompileExceeded
    """
    async with Executor(_settings(), contract().offer()) as executor:
        return await executor.admit(component, wasi=True)


class LocalHost:
    """Answers the host calls of one local call."""

    def __init__(self, call: LocalCall, call_id: str, on_log: LogLine) -> None:
        self._call = call
        self._call_id = call_id
        self._on_log = on_log
        self._started = time.monotonic()
        self._host_calls = 0
        self._log_lines = 0
        self._answers: dict[tuple[str, str], Callable[..., Any]] = {
            ("context", "current"): self._current,
            ("context", "remaining"): self._remaining,
            ("logging", "log"): self._log,
            ("config", "get"): self._get,
            ("config", "get-all"): lambda: _ok(json.dumps(self._call.config)),
        }

    async def __call__(self, interface: str, function: str, arguments: list[Any]) -> Any:
        self._host_calls += 1
        answer = self._answers.get((interface, function))
        if answer is None:
            return _err(
                "unavailable",
                f"`wardian run` has no host behind it, so {interface}.{function} has nothing to "
                "work on. Install the plugin on a host to use it.",
            )
        return answer(*arguments)

    def _current(self) -> Any:
        return _ok(
            {
                "call-id": self._call_id,
                "tenant": TENANT,
                "subject": "wardian run",
                "plugin": self._call.plugin,
                "version": "0.0.0",
                "correlation-id": self._call_id,
                "traceparent": None,
            }
        )

    def _remaining(self) -> Any:
        limits = self._call.limits
        left = limits.wall_seconds - (time.monotonic() - self._started)
        return _ok(
            {
                "wall-ms": max(0, int(left * 1000)),
                "host-calls": max(0, limits.host_calls - self._host_calls),
                "http-requests": limits.http_requests,
                "events": limits.events,
                "log-lines": max(0, limits.log_lines - self._log_lines),
            }
        )

    def _log(self, level: str, message: str, fields: list[list[str]]) -> Any:
        if self._log_lines >= self._call.limits.log_lines:
            return _err("exhausted", "The call's log budget is spent.")
        self._log_lines += 1
        self._on_log(level, message, fields)
        return _ok(None)

    def _get(self, key: str) -> Any:
        found: Any = self._call.config
        for part in key.split("."):
            if not isinstance(found, dict) or part not in found:
                return _err("not-found", f"The configuration has no {key!r}; see --config.")
            found = found[part]
        return _ok(json.dumps(found))


def cache_directory() -> Path:
    """Where compiled code is kept between runs: ``$XDG_CACHE_HOME/wardian``."""
    configured = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # The XDG specification: a relative path in the variable is to be ignored.
    base = configured if configured.is_absolute() else Path.home() / ".cache"
    return base / "wardian"


def _settings() -> ExecutorSettings:
    return ExecutorSettings(
        cache_dir=cache_directory(),
        workers_max=1,
        allow_weak_isolation=load_settings().allow_weak_isolation,
    )


def _ok(value: Any) -> Any:
    return {"tag": "ok", "val": value}


def _err(case: str, text: str) -> Any:
    return {"tag": "err", "val": {"tag": case, "val": text}}
