"""The end of a build that nobody waits for any more."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from wardian.cli.authoring.errors import BuildHalted


class Halt:
    """Ends one build from another thread: the program that it runs now, and all that it started.

    What the build had written to the plugin's scratch folder stays; its result does not appear.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: subprocess.Popen[str] | None = None
        self.called = False

    def __call__(self) -> None:
        """End the build, now or at its next step; may be called more than once."""
        with self._lock:
            self.called = True
            if self._running is not None:
                end(self._running)

    def check(self) -> None:
        """Raise ``BuildHalted`` if the build shall not go on."""
        if self.called:
            raise BuildHalted

    @contextmanager
    def over(self, process: subprocess.Popen[str]) -> Iterator[None]:
        """Let ``process`` be ended while this lasts, and end it if this is left early."""
        with self._lock:
            self._running = process
            if self.called:
                end(process)
        try:
            yield
        except BaseException:
            end(process)
            raise
        finally:
            with self._lock:
                self._running = None


def end(process: subprocess.Popen[str]) -> None:
    """Kill a process that leads a group, with the group: npm and cargo work through others."""
    # A process that is not reaped yet keeps its number, and with it its group's, to itself.
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
