"""A call whose span is recorded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from wardian.crypto.identifiers import new_id
from wardian.errors import CallError
from wardian.plugins import Installed
from wardian.policy.levels import Level
from wardian.policy.usage import Usage
from wardian.runtime.views import CallOutcome
from wardian.telemetry.tracing import Trail

if TYPE_CHECKING:
    from wardian.runtime.calls import CallRequest


async def traced_call(
    trail: Trail,
    run: Callable[[CallRequest], Awaitable[CallOutcome]],
    plugin: Installed,
    level: Level,
    request: CallRequest,
) -> CallOutcome:
    """Run a call within its span, which the plugin sees as its ``traceparent``.

    Raises:
        Whatever ``run`` raises.
    """
    with trail:
        request = replace(
            request, call_id=request.call_id or new_id(), traceparent=trail.traceparent
        )
        _describe(trail, plugin, request)
        trail.note({"wardian.level": level.value})
        try:
            outcome = await run(request)
        except CallError as error:
            _tell_usage(trail, error.usage or Usage())
            raise
        else:
            _tell_usage(trail, outcome.usage)
            return outcome
        finally:
            trail.tell_dropped()


def _describe(trail: Trail, plugin: Installed, request: CallRequest) -> None:
    trail.rename(f"call {plugin.name}.{request.function[:100]}")
    trail.note(
        {
            "wardian.tenant": plugin.tenant,
            "wardian.plugin": plugin.name,
            "wardian.plugin.version": plugin.version,
            "wardian.function": request.function[:200],
            "wardian.call_id": request.call_id or "",
            "wardian.subject": request.subject[:200],
        }
    )


def _tell_usage(trail: Trail, usage: Usage) -> None:
    trail.note(
        {
            "wardian.usage.fuel": usage.fuel,
            "wardian.usage.memory_bytes": usage.memory_bytes,
            "wardian.usage.host_calls": usage.host_calls,
            "wardian.usage.wall_seconds": usage.wall_seconds,
        }
    )
