"""What keeps a process's secrets in it: its environment, its dumps, and who may look inside."""

from __future__ import annotations

import ctypes
import os
import resource
from contextlib import suppress
from typing import Any

from wardian.policy.secret import Secret
from wardian.worker import kernel

_PR_SET_DUMPABLE = 4

_libc: Any = ctypes.CDLL(None)
_libc.getenv.restype = ctypes.c_void_p


def shield() -> None:
    """Have this process leave no core dump, and be nobody's to trace or read but root's.

    For a host that holds keys. Processes that it starts leave no core dump either.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
    with suppress(OSError, NotImplementedError):  # another kernel has no such thing
        kernel.prctl(_PR_SET_DUMPABLE, 0)


def take_variable(name: str) -> Secret | None:
    """Take a variable out of this process's environment, so that no child inherits it.

    Its value is wiped where the kernel shows a process's first environment, too
    (``/proc/PID/environ``), which to unset it alone would not do.
    """
    value = os.environ.get(name)
    if value is None:
        return None
    place = _libc.getenv(os.fsencode(name))
    if place is not None:
        ctypes.memset(place, 0, len(os.fsencode(value)))
    del os.environ[name]
    return Secret(value)
