"""One call that is recorded, heard while it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from wardian.errors import WardianError
from wardian.plugins import Installed
from wardian.policy.leaks import Leaks
from wardian.policy.usage import Usage
from wardian.runtime.executor.job import HostCalls, Job
from wardian.runtime.recorded import FORMAT, RecordedError, RecordedHostCall
from wardian.storage.rows import now

TOO_LARGE = "too-large"
NOT_PLAIN = "not-plain"

_NOT_A_CALLERS = "wardian:plugin/lifecycle@"
"""Functions that the host calls of its own: they would take the place of what callers asked."""

_CALL_ID_CHARS = 200  # of the column

_UNENCODABLE = (TypeError, ValueError, OverflowError, RecursionError)
_encode = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """What is known of a recorded call before it runs."""

    plugin: Installed
    job: Job
    lowered: Mapping[str, Any]
    configuration: Mapping[str, Any]
    configured: Mapping[str, Any]

    def document(self) -> dict[str, Any]:
        """Return the members of a `Recording` that say so."""
        plugin, job = self.plugin, self.job
        return {
            "format": FORMAT,
            "call_id": job.call_id[:_CALL_ID_CHARS],
            "plugin": plugin.name,
            "version": plugin.version,
            "package_digest": plugin.package_digest,
            "component_digest": plugin.digest,
            "level": job.level,
            "function": job.function,
            "arguments": dict(job.arguments),
            "limits": job.limits,
            "lowered": dict(self.lowered),
            "configuration": dict(self.configuration),
            "configured": dict(self.configured),
        }


@dataclass(frozen=True, slots=True)
class Ending:
    """What came of a call.

    Attributes:
        known: looks for credentials in it.
    """

    at: datetime
    usage: Usage
    result: Any
    error: RecordedError | None
    known: Leaks | None = None

    def document(self) -> dict[str, Any]:
        return {
            "result": self.result,
            "error": self.error,
            "usage": self.usage,
            "recorded_at": self.at,
        }


def is_recorded(plugin: Installed, function: str) -> bool:
    """Tell whether calls of a plugin's function are recorded."""
    return plugin.recorded > 0 and not function.startswith(_NOT_A_CALLERS)


class Tape:
    """Answers the host calls of one call as ever, and remembers what was said.

    It is encoded at once, so that what is held is bounded and nothing in it changes any more. More
    than a recording may have is given up whole.
    """

    def __init__(
        self,
        call: RecordedCall,
        answer: HostCalls,
        keep: Callable[[Tape, Ending], None],
        bytes_max: int,
    ) -> None:
        """``keep`` is told when the call has ended."""
        self._keep = keep
        self._call = call
        self._answer = answer
        self._left = bytes_max
        self._heard: list[msgspec.Raw] = []
        self._lost: str | None = None

    async def __call__(self, interface: str, function: str, arguments: list[Any]) -> Any:
        """Have one host call answered, and remember it with its answer."""
        answer = await self._answer(interface, function, arguments)
        if self._lost is None:
            self._hear(
                RecordedHostCall(
                    interface=interface, function=function, arguments=arguments, answer=answer
                )
            )
        return answer

    def ended(
        self,
        usage: Usage,
        result: Any = None,
        error: WardianError | None = None,
        *,
        known: Leaks | None = None,
    ) -> None:
        """Have the call written down, once whoever waits for it has its answer."""
        failure = None if error is None else RecordedError.of(error)
        how = Ending(now(), usage, result, failure, known)
        self._keep(self, how)

    @property
    def plugin(self) -> Installed:
        """Whose call it is."""
        return self._call.plugin

    def encoded(self, how: Ending, bytes_max: int) -> bytes | str:
        """Return the recording, with its secrets; or why it is not kept."""
        if self._lost is None and how.usage.output_bytes > bytes_max:
            self._lost = TOO_LARGE
        if self._lost is not None:
            return self._lost
        try:
            content = _encode(self._call.document() | how.document() | {"host_calls": self._heard})
        except _UNENCODABLE:
            return NOT_PLAIN
        return content if len(content) <= bytes_max else TOO_LARGE

    def _hear(self, call: RecordedHostCall) -> None:
        try:
            encoded = _encode(call)
        except _UNENCODABLE:
            self._give_up(NOT_PLAIN)
            return
        self._left -= len(encoded)
        self._heard.append(msgspec.Raw(encoded))
        if self._left < 0:
            self._give_up(TOO_LARGE)

    def _give_up(self, reason: str) -> None:
        self._lost = reason
        self._heard.clear()
