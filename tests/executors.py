"""Calls on a real executor."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from wardian.policy.levels import LEVELS, Level
from wardian.runtime.executor import Executor, HostCalls, Job
from wardian.sandbox import Outcome

Call = Callable[..., Awaitable[Outcome]]


async def no_host_calls(interface: str, function: str, arguments: list[Any]) -> Any:
    raise AssertionError(f"unexpected host call {interface}.{function}")


def caller(executor: Executor) -> Call:
    """Make a function that admits a component and calls it."""

    async def call(
        wasm: bytes,
        function: str,
        arguments: dict[str, Any] | None = None,
        *,
        level: Level = Level.RESTRICTED,
        tenant: str = "default",
        answer: HostCalls = no_host_calls,
        on_output: Callable[[bytes], None] | None = None,
        configuration: str | None = None,
        **limits: Any,
    ) -> Outcome:
        description = await executor.admit(wasm)

        async def load() -> bytes:
            return wasm

        job = Job(
            call_id="test",
            tenant=tenant,
            level=level,
            digest=description.digest,
            load=load,
            function=function,
            arguments=arguments or {},
            limits=LEVELS[level].limits.lowered(**limits),
            on_output=on_output,
            configuration=configuration,
        )
        return await executor.call(job, answer)

    return call
