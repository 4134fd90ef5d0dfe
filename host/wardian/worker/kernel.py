"""Linux by number: the system calls that Python does not offer, and their numbers.

The C library has no functions for Landlock, seccomp and the newer ways of mounting, so they are
called by number. Numbers are the kernel's own (``asm/unistd.h``) and never change; a test compares
them with libseccomp's.
"""

from __future__ import annotations

import ctypes
import os
import platform
from typing import Any

_libc: Any = ctypes.CDLL(None, use_errno=True)
_syscall = _libc.syscall
_syscall.restype = ctypes.c_long

MACHINE = platform.machine()

_X86_64 = {
    "brk": 12,
    "capset": 126,
    "clock_getres": 229,
    "clock_gettime": 228,
    "clock_nanosleep": 230,
    "clone": 56,
    "clone3": 435,
    "close": 3,
    "epoll_create1": 291,
    "epoll_ctl": 233,
    "epoll_pwait": 281,
    "epoll_wait": 232,
    "eventfd2": 290,
    "exit": 60,
    "exit_group": 231,
    "fcntl": 72,
    "fstat": 5,
    "futex": 202,
    "getcpu": 309,
    "getpid": 39,
    "getrandom": 318,
    "gettid": 186,
    "gettimeofday": 96,
    "ioctl": 16,
    "landlock_add_rule": 445,
    "landlock_create_ruleset": 444,
    "landlock_restrict_self": 446,
    "lseek": 8,
    "madvise": 28,
    "memfd_create": 319,
    "mmap": 9,
    "mount": 165,
    "mount_setattr": 442,
    "move_mount": 429,
    "mprotect": 10,
    "mremap": 25,
    "munmap": 11,
    "nanosleep": 35,
    "newfstatat": 262,
    "open_tree": 428,
    "openat": 257,
    "pivot_root": 155,
    "poll": 7,
    "ppoll": 271,
    "prctl": 157,
    "pread64": 17,
    "prlimit64": 302,
    "read": 0,
    "recvfrom": 45,
    "restart_syscall": 219,
    "rseq": 334,
    "rt_sigaction": 13,
    "rt_sigprocmask": 14,
    "rt_sigreturn": 15,
    "sched_getaffinity": 204,
    "sched_yield": 24,
    "seccomp": 317,
    "sendto": 44,
    "set_robust_list": 273,
    "sigaltstack": 131,
    "statx": 332,
    "tgkill": 234,
    "umount2": 166,
    "unshare": 272,
    "write": 1,
    "writev": 20,
}

_AARCH64 = {
    "brk": 214,
    "capset": 91,
    "clock_getres": 114,
    "clock_gettime": 113,
    "clock_nanosleep": 115,
    "clone": 220,
    "clone3": 435,
    "close": 57,
    "epoll_create1": 20,
    "epoll_ctl": 21,
    "epoll_pwait": 22,
    "eventfd2": 19,
    "exit": 93,
    "exit_group": 94,
    "fcntl": 25,
    "fstat": 80,
    "futex": 98,
    "getcpu": 168,
    "getpid": 172,
    "getrandom": 278,
    "gettid": 178,
    "gettimeofday": 169,
    "ioctl": 29,
    "landlock_add_rule": 445,
    "landlock_create_ruleset": 444,
    "landlock_restrict_self": 446,
    "lseek": 62,
    "madvise": 233,
    "memfd_create": 279,
    "mmap": 222,
    "mount": 40,
    "mount_setattr": 442,
    "move_mount": 429,
    "mprotect": 226,
    "mremap": 216,
    "munmap": 215,
    "nanosleep": 101,
    "newfstatat": 79,
    "open_tree": 428,
    "openat": 56,
    "pivot_root": 41,
    "ppoll": 73,
    "prctl": 167,
    "pread64": 67,
    "prlimit64": 261,
    "read": 63,
    "recvfrom": 207,
    "restart_syscall": 128,
    "rseq": 293,
    "rt_sigaction": 134,
    "rt_sigprocmask": 135,
    "rt_sigreturn": 139,
    "sched_getaffinity": 123,
    "sched_yield": 124,
    "seccomp": 277,
    "sendto": 206,
    "set_robust_list": 99,
    "sigaltstack": 132,
    "statx": 291,
    "tgkill": 131,
    "umount2": 39,
    "unshare": 97,
    "write": 64,
    "writev": 66,
}

NUMBERS: dict[str, dict[str, int]] = {"x86_64": _X86_64, "aarch64": _AARCH64}
"""By machine; a name that a machine does not have is not in its table."""


def call(name: str, *arguments: Any) -> int:
    """Make a system call; integers are passed as such, bytes and ctypes objects by address.

    Raises:
        OSError: the kernel refused, or the call is not known for this machine (``ENOSYS``).
    """
    number = NUMBERS.get(MACHINE, {}).get(name)
    if number is None:
        raise NotImplementedError(f"{name} has no number here for {MACHINE}")
    given = [
        ctypes.c_long(argument) if isinstance(argument, int) else argument for argument in arguments
    ]
    result: int = _syscall(ctypes.c_long(number), *given)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")
    return result


def prctl(option: int, *arguments: int) -> int:
    """Set or read something of this process.

    Raises:
        OSError
    """
    padded = [*arguments, 0, 0, 0, 0][:4]
    return call("prctl", option, *padded)
