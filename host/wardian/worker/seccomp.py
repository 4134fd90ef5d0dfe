"""Filters on system calls: made once, installed by each child."""

from __future__ import annotations

import ctypes
import os

from wardian.worker import bpf, kernel
from wardian.worker.profiles import RULES, Profile

_SET_MODE_FILTER = 1
_GET_ACTION_AVAIL = 2
_FLAG_TSYNC = 1


class _Program(ctypes.Structure):
    """``struct sock_fprog``."""

    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


def available() -> bool:
    """Whether this kernel filters system calls, and this module knows the machine's numbers."""
    if kernel.MACHINE not in bpf.AUDIT_NUMBERS:
        return False
    wanted = ctypes.c_uint32(bpf.KILL)
    try:
        kernel.call("seccomp", _GET_ACTION_AVAIL, 0, ctypes.byref(wanted))
    except OSError:
        return False
    return True


class Filters:
    """The program of every profile, assembled before the fork."""

    def __init__(self) -> None:
        numbers = kernel.NUMBERS[kernel.MACHINE]
        self._programs = {
            profile: bpf.assemble(rules, kernel.MACHINE, numbers, default)
            for profile, (rules, default) in RULES.items()
        }

    def install(self, profile: Profile) -> None:
        """Hold every thread of this process to ``profile`` from now on, for ever.

        Raises:
            OSError: the kernel refused. (It wants ``no_new_privs`` set, or a privilege.)
        """
        program = self._programs[profile]
        code = program.of_process(os.getpid())
        described = _Program(program.length, code)
        stray = kernel.call("seccomp", _SET_MODE_FILTER, _FLAG_TSYNC, ctypes.byref(described))
        if stray:
            raise OSError(f"thread {stray} is held to another filter")
