"""Host functions as a guest in a worker sees them: each asks the broker and waits."""

from __future__ import annotations

from typing import Any

from wardian import errors
from wardian.policy.limits import Limits
from wardian.sandbox import Component
from wardian.sandbox.linker import HostFunction, Imports, is_wasi
from wardian.sandbox.reflection import Extern
from wardian.worker.channel import Channel
from wardian.worker.protocol import (
    HOST_CALL_BYTES_MAX,
    HostAnswer,
    HostCall,
    HostFault,
    Output,
)

EXHAUSTED_CALLS = 1_000
"""After its budget a guest may be told ``exhausted`` this many times; then its call ends, so
that a loop around a refusal is bounded too."""

_FAULTS = {kind.type: kind for kind in (errors.DeadlineExceeded, errors.Trap)}


class Conversation:
    """The exchange about the one call that is running."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._call = 0
        self._number = 0
        self._budget = 0
        self._output_left = 0
        self.log_lines = 0
        self.dropped_log_lines = 0

    def imports_of(self, component: Component) -> Imports:
        """Return host functions for everything that ``component`` imports of the host's own.

        Names and types were settled when the component was admitted.
        """
        functions: dict[str, dict[str, HostFunction]] = {
            name: {} for name in component.description.imports if not is_wasi(name)
        }
        for extern in component.surface.imports:
            if extern.interface is not None:
                functions[extern.interface][extern.name] = self._asking(extern)
        return Imports(functions, self._output)

    def begin(self, call: int, limits: Limits) -> None:
        """Start over for another call."""
        self._call = call
        self._number = 0
        self._budget = limits.host_calls
        self._output_left = limits.log_lines
        self.log_lines = self.dropped_log_lines = 0

    def _asking(self, extern: Extern) -> HostFunction:
        interface = (extern.interface or "").partition("/")[2].partition("@")[0]

        def host_function(*arguments: Any) -> Any:
            return self._ask(interface, extern.name, list(arguments))

        return host_function

    def _ask(self, interface: str, function: str, arguments: list[Any]) -> Any:
        """Have the broker run a host function, and wait for its answer."""
        if self._number >= self._budget:
            return _refused("exhausted", f"The call's {self._budget} host calls are used up.")
        asked = HostCall(self._call, self._number + 1, interface, function, arguments)
        if not self._channel.send_bounded(asked, HOST_CALL_BYTES_MAX):
            return _refused("invalid", f"More than {HOST_CALL_BYTES_MAX} bytes at once.")
        self._number += 1
        answer = self._channel.receive()
        if isinstance(answer, HostAnswer) and answer.number == self._number:
            return answer.value
        if isinstance(answer, HostFault):
            raise _FAULTS.get(answer.error, errors.Trap)(answer.message)
        raise errors.Trap("The broker answered out of turn.")

    def _output(self, data: bytes) -> None:
        if self._output_left <= 0:
            self.dropped_log_lines += 1
            return
        self._output_left -= 1
        self.log_lines += 1
        self._channel.send(Output(self._call, data))


def _refused(case: str, text: str) -> Any:
    return {"tag": "err", "val": {"tag": case, "val": text}}
