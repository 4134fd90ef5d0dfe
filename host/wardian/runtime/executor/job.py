"""What the executor is asked to do, and what it reports."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from wardian.policy.levels import Level
from wardian.policy.limits import MIB, Limits
from wardian.policy.sharing import Account
from wardian.worker.priority import Priority


class HostCalls(Protocol):
    """Answers the host calls of one call.

    Returns the WIT result as a plain value (``{"tag": "ok", "val": …}``). May raise
    ``DeadlineExceeded`` or ``Trap`` to end the call; whatever else it raises becomes
    ``err(unavailable)``.
    """

    async def __call__(self, interface: str, function: str, arguments: list[Any]) -> Any: ...


@dataclass(slots=True, eq=False)
class Place:
    """One place among those that run; a call shares its place with the calls that it waits for.

    Attributes:
        priority: of the call that has the place; None while none has it.
    """

    priority: Priority | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One call to run.

    Attributes:
        call_id: for logs; the protocol has numbers of its own.
        tenant, level: a worker belongs to one of each while it lives.
        digest: of the component.
        load: fetches the component's bytes; awaited only when its compiled code is missing.
        function: full or unambiguous bare name.
        arguments: plain values by parameter name.
        limits: of the call.
        on_output: receives what the guest writes to WASI's standard output and error.
        configuration: the plugin's, as JSON text, for the worker to answer from by itself; None has
            it ask ``config`` of whoever answers the other host calls.
        place: its own, or that of the call that waits for it.
        account: what it spends of fuel and memory.
    """

    call_id: str
    tenant: str
    level: Level
    digest: str
    load: Callable[[], Awaitable[bytes]]
    function: str
    arguments: Mapping[str, Any]
    limits: Limits
    on_output: Callable[[bytes], None] | None = None
    configuration: str | None = None
    place: Place = field(default_factory=Place)
    account: Account = field(default_factory=Account)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorSettings:
    """Bounds of the executor.

    Attributes:
        cache_dir: compiled code; made with mode 0700 when missing.
        workers_max: worker processes at most; beside them a quarter more, and at least one, for
            tenants that have no call running, the one spare, compilers, and one for each call
            that another waits for.
        queue_max: calls of one tenant that may wait for a worker.
        queue_seconds: how long one may wait.
        calls_per_worker: after which a worker is replaced.
        worker_memory_bytes: what a worker may write to, all of it together.
        compile_seconds, compile_memory_bytes: CPU time and memory of one compilation.
        component_bytes_max: size of a component.
        allow_weak_isolation: run `isolated` calls also where the kernel lacks a protection.
        step: gives what is entered around each step of a call, by its name.
    """

    cache_dir: Path
    workers_max: int = 4
    queue_max: int = 64
    queue_seconds: float = 5.0
    calls_per_worker: int = 10_000
    worker_memory_bytes: int = 1536 * MIB
    compile_seconds: int = 120
    compile_memory_bytes: int = 4096 * MIB
    component_bytes_max: int = 64 * MIB
    allow_weak_isolation: bool = False
    step: Callable[[str], AbstractContextManager[object]] = nullcontext


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkersReport:
    """The pool at one moment; ``spawned`` and ``lost`` count since the start."""

    idle: int
    busy: int
    queued: int
    spawned: int
    lost: int


__all__ = ["ExecutorSettings", "HostCalls", "Job", "Place", "WorkersReport"]
