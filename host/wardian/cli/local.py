"""One call, or one look, at a component on this machine: a worker process, no server, no database.

Host functions that need a host behind them answer ``unavailable``. Log lines, events and pieces of
answers are handed to the caller, the configuration is what the command line gave, the context says
``local``, and what the manifest asks for counts as granted.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from wardian.cli.guest import Listener
from wardian.cli.sources import Source
from wardian.crypto.digests import sha256_hex
from wardian.crypto.identifiers import new_id
from wardian.errors import CallError, InvalidArguments, NotFound, Trap
from wardian.plugins import Manifest
from wardian.plugins.agents import AGENT_ASK
from wardian.plugins.ceiling import stricter
from wardian.policy.grants import Authority
from wardian.policy.json_text import dump_json
from wardian.policy.levels import LEVELS, Level
from wardian.policy.limits import Limits
from wardian.policy.lookups import Missing, found_at
from wardian.policy.permissions import Permission, parse_permission
from wardian.policy.usage import Usage
from wardian.runtime.executor import Executor, ExecutorSettings, Job
from wardian.runtime.recorded import Recording
from wardian.runtime.rerun import Performer, ReplayOutcome, rerun
from wardian.sandbox import Description, Outcome
from wardian.settings import load_settings
from wardian.worlds import contract

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
    asked: tuple[Permission, ...] = ()


def level_to_run_at(chosen: Level | None, manifest_level: Level) -> Level:
    """Return what the person chose, or what the manifest asks for within `MANIFEST_LEVEL_MAX`."""
    return chosen or stricter(manifest_level, MANIFEST_LEVEL_MAX)


async def run_once(call: LocalCall, listener: Listener) -> Outcome:
    """Run one call in a worker of its own, and let ``listener`` hear what the guest says.

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
        on_output=listener.output,
    )
    async with Executor(_settings(), contract().offer()) as executor:
        description = await executor.admit(call.component, wasi=LEVELS[call.level].wasi)
        host = LocalHost(call, job.call_id, listener, is_asked=_is_asked(description, call))
        try:
            outcome = await executor.call(job, host)
        except CallError as error:
            host.complete(error.usage)
            if isinstance(error, Trap) and not _can_speak(description):
                error.add_note(_SILENT)
            raise
        host.complete(outcome.usage)
        return outcome


def _is_asked(description: Description, call: LocalCall) -> bool:
    try:
        return description.resolve(call.function) == AGENT_ASK
    except NotFound:
        return False  # as the call itself is about to say


_SILENT = (
    "It could not say why, because it does not import wardian:plugin/logging. Import that in its "
    "world: an SDK then logs what ended a call."
)


def _can_speak(description: Description) -> bool:
    names = ("wardian:plugin/logging@", "wasi:cli/stderr@")
    return any(imported.startswith(names) for imported in description.imports)


async def inspect_once(component: bytes, *, wasi: bool = True) -> Description:
    """Say what a component imports and which functions it has; may it import ``wasi``?

    Raises:
        InvalidComponent, ImportRefused, CompileExceeded
    """
    async with Executor(_settings(), contract().offer()) as executor:
        return await executor.admit(component, wasi=wasi)


async def replay_once(recording: Recording, source: Source) -> ReplayOutcome:
    """Run a recorded call again, in a worker of its own and with the recorded answers alone.

    A component that came without a manifest runs at the recording's level, within what a manifest
    could ask for.

    Raises:
        InvalidComponent, ImportRefused, CompileExceeded: the component.
        InvalidArguments: the recording has a limit that there is not.
    """

    async def load() -> bytes:
        return source.component

    manifest = None if source.manifest is None else Manifest.restored(source.manifest)
    level = level_to_run_at(None, recording.level if manifest is None else source.level)
    async with Executor(_settings(), contract().offer()) as executor:
        description = await executor.admit(source.component, wasi=LEVELS[level].wasi)
        performer = Performer(
            tenant=TENANT,
            version=source.version or source.name,
            package_digest="",
            level=level,
            limits=LEVELS[level].limits,
            description=description,
            load=load,
            manifest=manifest,
        )
        return await rerun(executor, recording, performer)


class LocalHost:
    """Answers the host calls of one local call."""

    def __init__(
        self, call: LocalCall, call_id: str, listener: Listener, *, is_asked: bool = False
    ) -> None:
        """``is_asked`` tells that it answers as an agent, and so may in pieces."""
        self._call = call
        self._call_id = call_id
        self._listener = listener
        self._authority = Authority(asked=call.asked, granted=call.asked, level=call.level)
        self._started = time.monotonic()
        self._spent = Usage()
        self._is_asked = is_asked
        self._said_bytes = 0
        self._answers: dict[tuple[str, str], Callable[..., Any]] = {
            ("context", "current"): self._current,
            ("context", "remaining"): self._remaining,
            ("logging", "log"): self._log,
            ("config", "get"): self._get,
            ("config", "get-all"): lambda: _ok(dump_json(self._call.config)),
            ("events", "publish"): self._publish,
            ("answering", "emit"): self._emit,
        }

    async def __call__(self, interface: str, function: str, arguments: list[Any]) -> Any:
        self._spent.host_calls += 1
        answer = self._answers.get((interface, function))
        if answer is None:
            return _err(
                "unavailable",
                f"`wardian run` has no host behind it, so {interface}.{function} has nothing to "
                "work on. Install the plugin on a host to use it.",
            )
        return answer(*arguments)

    def complete(self, usage: Usage | None) -> None:
        """Add to a call's usage what the worker is not asked about."""
        if usage is not None:
            usage.events = self._spent.events

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
        limits, spent = self._call.limits, self._spent
        left = limits.wall_seconds - (time.monotonic() - self._started)
        return _ok(
            {
                "wall-ms": max(0, int(left * 1000)),
                "host-calls": max(0, limits.host_calls - spent.host_calls),
                "http-requests": limits.http_requests,
                "events": max(0, limits.events - spent.events),
                "log-lines": max(0, limits.log_lines - spent.log_lines),
            }
        )

    def _log(self, level: str, message: str, fields: list[list[str]]) -> Any:
        if self._spent.log_lines >= self._call.limits.log_lines:
            return _err("exhausted", "The call's log budget is spent.")
        self._spent.log_lines += 1
        self._listener.log(level, message, fields)
        return _ok(None)

    def _publish(self, topic: str, data: str, key: str | None) -> Any:
        try:
            refusal = self._authority.refusal(parse_permission(f"events:publish:{topic}"))
            msgspec.json.decode(data)
        except InvalidArguments as error:
            return _err("invalid", error.message)
        except (msgspec.DecodeError, RecursionError) as error:
            return _err("invalid", f"The data of an event is JSON: {error}.")
        if refusal is not None:
            return _err("denied", refusal.reason)
        limit = self._call.limits.events
        if self._spent.events >= limit:
            return _err("exhausted", f"The call's limit of {limit} events is used up.")
        self._spent.events += 1
        self._listener.event(topic, data)
        return _ok(new_id())

    def _emit(self, piece: str) -> Any:
        if not self._is_asked:
            return _err("unavailable", "A call says its answer in pieces only as an agent.")
        self._said_bytes += len(piece.encode())
        if self._said_bytes > self._call.limits.result_bytes:
            return _err("exhausted", "The pieces of an answer are bounded together like a result.")
        self._listener.piece(piece)
        return _ok(None)

    def _get(self, key: str) -> Any:
        try:
            return _ok(dump_json(found_at(self._call.config, key)))
        except Missing as missing:
            return _err("not-found", f"{missing} See --config.")


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
