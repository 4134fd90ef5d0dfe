"""Fakes; each is held to the real thing's behaviour by the tests that run on both."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

from wardian.crypto.digests import sha256_hex
from wardian.errors import DeadlineExceeded, InvalidComponent
from wardian.policy.distribution import SECONDS, Distribution
from wardian.policy.usage import Usage
from wardian.runtime.executor.job import HostCalls, Job, WorkersReport
from wardian.sandbox.description import Description, FunctionDescription
from wardian.sandbox.outcome import Outcome
from wardian.worker.protections import Protections

Body = Callable[[Mapping[str, Any], HostCalls], Awaitable[Any]]


class FakeExecutor:
    """Runs Python functions in place of a component's; any bytes that start with ``\\0asm`` do."""

    def __init__(self, functions: Mapping[str, Body]) -> None:
        self._functions = functions
        self.jobs: list[Job] = []
        self.admitted: list[bytes] = []
        self.waiting = 0
        self.admitting = asyncio.Event()
        self.admitting.set()
        self.waits = Distribution(SECONDS)

    async def admit(self, component: bytes, *, wasi: bool = True) -> Description:
        self.waiting += 1
        await self.admitting.wait()
        self.waiting -= 1
        if not component.startswith(b"\0asm"):
            raise InvalidComponent("This is not a WebAssembly component.")
        self.admitted.append(component)
        return Description(
            digest=sha256_hex(component),
            size_bytes=len(component),
            imports=[],
            exports=sorted(self._functions),
            functions={
                name: FunctionDescription(
                    name=name, signature="func()", parameters={"type": "object"}, result={}
                )
                for name in self._functions
            },
        )

    async def call(self, job: Job, answer: HostCalls) -> Outcome:
        self.jobs.append(job)
        body = self._functions[job.function]
        try:
            async with asyncio.timeout(job.limits.wall_seconds):
                result = await body(job.arguments, answer)
        except TimeoutError:
            usage = Usage(wall_seconds=job.limits.wall_seconds)
            raise DeadlineExceeded(usage=usage) from None
        return Outcome(result, Usage(wall_seconds=0.001, fuel=7))

    def prepare(self, job: Job) -> None:
        """Nothing has to be loaded."""

    async def keep_only(self, digests: Collection[str]) -> None:
        """Nothing is compiled."""

    def workers(self) -> WorkersReport:
        return WorkersReport(idle=1, busy=0, queued=0, spawned=1, lost=0)

    def protections(self) -> Protections:
        return Protections(seccomp=True, landlock_abi=7)
