"""A process of the zygote's, held by pidfd."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from wardian.worker.priority import Priority

EXIT_REPORT_SECONDS = 1.0
_CPU_CLOCK = 2


@dataclass(slots=True)
class Process:
    """A child of the zygote. ``pidfd`` refers to this very process for ever.

    ``outdated`` tells that it sees a directory of compiled code that is not there any more,
    ``orphaned`` that it ended because its zygote did.
    """

    pid: int
    pidfd: int
    ended: asyncio.Future[int] = field(repr=False)
    on_lower: Callable[[Process, Priority], None] = field(repr=False)
    outdated: bool = False
    orphaned: bool = False

    def kill(self) -> None:
        """End the process at once; harmless when it has ended."""
        if self.pidfd >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def cpu_seconds(self) -> float:
        """Return the processor time that the process has used; 0 once it has ended."""
        try:
            # The number of a process's clock, as clock_getcpuclockid(3) makes it.
            return time.clock_gettime(~self.pid << 3 | _CPU_CLOCK)
        except OSError:
            return 0.0

    def lower(self, priority: Priority) -> None:
        """Lower the priority of the process, for good."""
        self.on_lower(self, priority)

    def alive(self) -> bool:
        """Ask the kernel whether the process still runs, and can take more work."""
        if self.pidfd < 0 or self.outdated:
            return False
        poll = select.poll()  # not select(), which knows descriptors up to 1023 only
        poll.register(self.pidfd, select.POLLIN)
        return not poll.poll(0)

    async def how_it_ended(self) -> str:
        """Say in words how the process ended."""
        try:
            async with asyncio.timeout(EXIT_REPORT_SECONDS):
                status = await asyncio.shield(self.ended)
        except TimeoutError:
            return "it has not ended"
        if os.WIFSIGNALED(status):
            return f"it was ended by signal {_in_words(signal.Signals(os.WTERMSIG(status)))}"
        return f"it exited with status {os.WEXITSTATUS(status)}"

    def close(self) -> None:
        """Kill the process and forget it."""
        self.kill()
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self.pidfd = -1


def _in_words(number: signal.Signals) -> str:
    if number is signal.SIGSYS:
        # The runtime asks for a signal's old handler when a fault is not a guest's, too.
        return "SIGSYS (it met a fault, or made a system call that its confinement forbids)"
    return number.name
