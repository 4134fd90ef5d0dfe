"""What the runtime needs of an executor; `wardian.runtime.executor.Executor` is the real one."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from wardian.policy.distribution import Distribution
from wardian.runtime.executor.job import HostCalls, Job, WorkersReport
from wardian.sandbox.description import Description
from wardian.sandbox.outcome import Outcome
from wardian.worker.protections import Protections


class Executor(Protocol):
    """Admits components and runs calls."""

    @property
    def waits(self) -> Distribution:
        """How long calls waited for a worker, in seconds, where they had to."""
        ...

    async def admit(self, component: bytes, *, wasi: bool = True) -> Description:
        """Audit and compile a component.

        Raises:
            InvalidComponent, ImportRefused, CompileExceeded
        """
        ...

    async def call(self, job: Job, answer: HostCalls) -> Outcome:
        """Run one call.

        Raises:
            CallError, InvalidArguments, NotFound, Overloaded, HostUnusable
        """
        ...

    def prepare(self, job: Job) -> None:
        """Expect calls like ``job``; nothing of the guest runs."""
        ...

    async def keep_only(self, digests: Collection[str]) -> None:
        """Forget the compiled code of all components but these, and of those being admitted."""
        ...

    def workers(self) -> WorkersReport:
        """Count the workers."""
        ...

    def protections(self) -> Protections:
        """Tell what holds workers on this machine."""
        ...
