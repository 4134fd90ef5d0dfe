"""What a worker gives up before it meets anybody's code."""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import signal
from dataclasses import dataclass

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38

MAX_DESCRIPTORS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Kernel limits of one process.

    Attributes:
        memory_bytes: private memory that it may write to beyond what it has mapped already. Linear
            memories become that as they grow; the address space that is merely reserved for them
            does not count.
        file_bytes: size of a file that it writes.
        cpu_seconds: of all its threads.
    """

    memory_bytes: int
    file_bytes: int
    cpu_seconds: int | None = None


def confine(bounds: Bounds, keep: set[int]) -> None:
    """Give up privileges, limits and every descriptor but ``keep`` and the standard three.

    The process dies with its parent, cannot gain privileges, leaves no core dump (a guest's
    data could be in it), and cannot be looked into by others of the same user.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    _close_others(keep)
    os.environ.clear()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, MAX_DESCRIPTORS)
    _limit(resource.RLIMIT_FSIZE, bounds.file_bytes)
    _limit(resource.RLIMIT_DATA, _mapped_bytes() + bounds.memory_bytes)
    if bounds.cpu_seconds is not None:
        _limit(resource.RLIMIT_CPU, bounds.cpu_seconds)
    gc.freeze()


def _close_others(keep: set[int]) -> None:
    """Close by list, not by range: a range up to the limit takes longer than the fork."""
    with os.scandir("/proc/self/fd") as entries:
        open_now = [int(entry.name) for entry in entries]
    for descriptor in open_now:
        if descriptor > 2 and descriptor not in keep:
            try:
                os.close(descriptor)
            except OSError:
                continue  # the scan's own, gone already


def _mapped_bytes() -> int:
    """Return what this process may write to now: its own data, and tables of the pool."""
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[5]) * resource.getpagesize()


def _limit(which: int, value: int) -> None:
    _, hard = resource.getrlimit(which)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(which, (value, value))
