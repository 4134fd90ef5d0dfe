"""Host functions as a guest in a worker sees them: each asks the broker and waits."""

from __future__ import annotations

from time import monotonic
from typing import Any

import msgspec

from wardian import errors
from wardian.policy.limits import Limits
from wardian.sandbox import Component, LiveInstance
from wardian.sandbox.linker import HostFunction, Imports, is_wasi
from wardian.sandbox.reflection import Extern
from wardian.worker.channel import Channel
from wardian.worker.configured import INTERFACE, Configuration
from wardian.worker.protocol import (
    HOST_CALL_BYTES_MAX,
    NOTES_BYTES_MAX,
    NOTES_MAX,
    SHARING,
    HostAnswer,
    HostCall,
    HostFault,
    Notes,
)

LOG = ("logging", "log")

EXHAUSTED_CALLS = 1_000
"""After its budget a guest may be told ``exhausted`` this many times; then its call ends, so
that a loop around a refusal is bounded too."""

GATHER_SECONDS = 0.02
"""Lines that come this soon after the last are sent together, at most so much later than they were
written as the guest runs on without writing; a worker that is killed takes them with it."""

_FAULTS = {kind.type: kind for kind in (errors.DeadlineExceeded, errors.Trap)}


class Conversation:
    """The exchange about the one call that is running.

    Attributes:
        live: the instance that the call runs in.
        spoke: whether the guest wrote something while no call was running.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._call: int | None = None
        self._configuration: Configuration | None = None
        self._asked = 0
        self._left = 0
        self._lines_left = 0
        self._notes: list[bytes | list[Any]] = []
        self._notes_bytes = 0
        self._sent_at = 0.0
        self.live: LiveInstance | None = None
        self.spoke = False
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

    def begin(self, call: int, limits: Limits, configuration: Configuration | None) -> None:
        """Start over for another call."""
        self._call = call
        self._configuration = configuration
        self._asked = 0
        self._left = limits.host_calls
        self._lines_left = limits.log_lines
        self._sent_at = 0.0
        self.spoke = False
        self.log_lines = self.dropped_log_lines = 0

    def end(self) -> None:
        """Send what was not yet sent; whatever the guest writes from now on belongs to no call."""
        self._flush()
        self._call = None
        # Because an instance that is made ahead may outlive this configuration.
        self._configuration = None

    def _asking(self, extern: Extern) -> HostFunction:
        interface = (extern.interface or "").partition("/")[2].partition("@")[0]
        function = extern.name
        note = (interface, function) == LOG
        configured = interface == INTERFACE

        def host_function(*arguments: Any) -> Any:
            if self._left <= 0:
                self.dropped_log_lines += note
                return _refused("exhausted", "The host calls of this call are used up.")
            self._left -= 1
            if note:
                return self._note(list(arguments))
            if configured and self._configuration is not None:
                return self._configuration.answer(function, arguments)
            return self._ask(interface, function, list(arguments))

        return host_function

    def _ask(self, interface: str, function: str, arguments: list[Any]) -> Any:
        """Have the broker run a host function, and wait for its answer."""
        if self._call is None:
            raise errors.Trap("No call is running.")
        self._flush()
        spent = self._spent(interface, function)
        asked = HostCall(self._call, self._asked + 1, interface, function, arguments, *spent)
        if not self._channel.send_bounded(asked, HOST_CALL_BYTES_MAX):
            return _too_large()
        self._asked += 1
        answer = self._channel.receive()
        if isinstance(answer, HostAnswer) and answer.number == self._asked:
            if answer.fuel and self.live is not None:
                self.live.take_fuel(answer.fuel)
            return answer.value
        if isinstance(answer, HostFault):
            raise _FAULTS.get(answer.error, errors.Trap)(answer.message)
        raise errors.Trap("The broker answered out of turn.")

    def _spent(self, interface: str, function: str) -> tuple[int, int]:
        """Return the fuel and the memory of the call, where others will run in its budget."""
        if self.live is None or (interface, function) not in SHARING:
            return 0, 0
        return self.live.spent()

    def _note(self, arguments: list[Any]) -> Any:
        """Pass a line on; the broker keeps its own count, and nothing else can refuse it."""
        size = len(encode(arguments))
        if size > NOTES_BYTES_MAX:
            return _too_large()
        if not self._line():
            return _refused("exhausted", "The log lines of this call are used up.")
        self._add(arguments, size)
        return _OK

    def _output(self, data: bytes) -> None:
        if self._line():
            self._add(data, len(data))

    def _line(self) -> bool:
        """Take one from the budget of lines."""
        if self._call is None:
            self.spoke = True
            return False
        if self._lines_left <= 0:
            self.dropped_log_lines += 1
            return False
        self._lines_left -= 1
        self.log_lines += 1
        return True

    def _add(self, note: bytes | list[Any], size: int) -> None:
        """Send the first line at once, and those that follow closely together with it."""
        if self._notes_bytes + size > NOTES_BYTES_MAX:
            self._flush()
        self._notes.append(note)
        self._notes_bytes += size
        if len(self._notes) >= NOTES_MAX or monotonic() - self._sent_at > GATHER_SECONDS:
            self._flush()

    def _flush(self) -> None:
        if self._notes and self._call is not None:
            notes, self._notes, self._notes_bytes = self._notes, [], 0
            self._channel.send(Notes(self._call, notes))
            self._sent_at = monotonic()


encode = msgspec.msgpack.Encoder().encode
_OK = {"tag": "ok", "val": None}


def _too_large() -> Any:
    return _refused("invalid", f"More than {HOST_CALL_BYTES_MAX} bytes at once.")


def _refused(case: str, text: str) -> Any:
    return {"tag": "err", "val": {"tag": case, "val": text}}
