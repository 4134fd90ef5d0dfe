"""Which system calls each kind of child may make: the lists, and nothing else.

A call that nothing here names ends the process (``bpf.KILL``). Calls that libraries try and can do
without are refused with an error instead. What each list holds was found by running the complete
test suite under it; the reasons are in docs/decisions/0007.
"""

from __future__ import annotations

import errno
import mmap
import os
import signal
from enum import StrEnum

from wardian.worker.bpf import ALLOW, KILL, OWN_PROCESS, Rule, Where, refuse

_F_ADD_SEALS = 1033
_PR_SET_NAME = 15
_AT_EMPTY_PATH = 0x1000
_MADV_DONTNEED = 4
_SECCOMP_SET_MODE_FILTER = 1
_SECCOMP_FILTER_FLAG_TSYNC = 1

_READ_WRITE = mmap.PROT_READ | mmap.PROT_WRITE
_NOT_EXECUTABLE = (0, mmap.PROT_READ, mmap.PROT_WRITE, _READ_WRITE)
_CODE = mmap.PROT_READ | mmap.PROT_EXEC

_THREAD = 0x3D0F00
"""``clone`` as pthread_create calls it: shares everything, so it is a thread and no process."""
_THREAD_MUSL = 0x7D0F00

_READING = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_DIRECTORY | 0o100000  # O_LARGEFILE
_FUTEX_FLAGS = 128 | 256  # PRIVATE, CLOCK_REALTIME
_FUTEX_WAIT, _FUTEX_WAKE, _FUTEX_WAIT_BITSET, _FUTEX_WAKE_BITSET = 0, 1, 9, 10
_SIGSETXID = 33
_CLOCKS = tuple(range(12))
"""The clocks of the machine and of this process; others are numbers made from processes."""


class Profile(StrEnum):
    """What a list is for."""

    COMPILER = "compiler"
    WORKER = "worker"
    SHARED = "shared"
    ALONE = "alone"


_COMMON = (
    # The ones whose answer depends on arguments first: the kernel looks from the top, each time.
    Rule(
        ("futex",),
        (
            Where(
                1,
                (_FUTEX_WAIT, _FUTEX_WAKE, _FUTEX_WAIT_BITSET, _FUTEX_WAKE_BITSET),
                mask=0xFFFFFFFF & ~_FUTEX_FLAGS,
            ),
        ),
        # Priority inheritance and requeueing had one kernel fault after the other.
        otherwise=refuse(errno.ENOSYS),
    ),
    Rule(("mprotect",), (Where(2, (*_NOT_EXECUTABLE, _CODE)),)),
    Rule(("mmap",), (Where(2, _NOT_EXECUTABLE),)),
    Rule(("munmap", "mremap", "brk")),
    Rule(("madvise",), (Where(2, (_MADV_DONTNEED,)),), otherwise=refuse(errno.EINVAL)),
    Rule(("read", "write", "writev", "pread64", "lseek", "close", "recvfrom")),
    # To the other end of the socket that it has, and to no address.
    Rule(("sendto",), (Where(4, (0,), whole=True),)),
    Rule(("clock_nanosleep", "clock_gettime", "clock_getres"), (Where(0, _CLOCKS),)),
    Rule(("nanosleep", "gettimeofday", "restart_syscall", "sched_yield", "poll", "ppoll")),
    Rule(("getpid", "gettid", "getcpu", "getrandom")),
    Rule(("rt_sigreturn", "rt_sigprocmask", "sigaltstack", "exit", "exit_group")),
    # `abort` signals itself.
    Rule(("tgkill",), (Where(0, (OWN_PROCESS,)), Where(2, (signal.SIGABRT,)))),
    # Threads: WASI runs its clocks and streams on some, the compiler one for each core.
    Rule(("clone",), (Where(0, (_THREAD, _THREAD_MUSL), whole=True),)),
    # Its flags are behind a pointer; the C library falls back to `clone`.
    Rule(("clone3",), action=refuse(errno.ENOSYS)),
    Rule(("set_robust_list", "rseq")),
    Rule(("sched_getaffinity",), (Where(0, (0,)),), otherwise=refuse(errno.EPERM)),
    Rule(("prctl",), (Where(0, (_PR_SET_NAME,)),), otherwise=refuse(errno.EPERM)),
    Rule(
        ("prlimit64",), (Where(0, (0,)), Where(2, (0,), whole=True)), otherwise=refuse(errno.EPERM)
    ),
    # Which files there are to open is for Landlock and the mount namespace to say.
    Rule(
        ("openat",),
        (Where(2, (0,), mask=0xFFFFFFFF & ~_READING),),
        otherwise=refuse(errno.EACCES),
    ),
    Rule(("fstat",)),
    Rule(
        ("newfstatat",),
        (Where(3, (_AT_EMPTY_PATH,), mask=_AT_EMPTY_PATH),),
        otherwise=refuse(errno.EACCES),
    ),
    Rule(
        ("statx",),
        (Where(2, (_AT_EMPTY_PATH,), mask=_AT_EMPTY_PATH),),
        otherwise=refuse(errno.EACCES),
    ),
    # Libraries ask whether a descriptor is a terminal.
    Rule(("ioctl",), action=refuse(errno.ENOTTY)),
)

_WORKER = (
    # The first thread that is started brings the C library's own signal.
    Rule(("rt_sigaction",), (Where(0, (_SIGSETXID,)),)),
    # WASI's runtime waits on these.
    Rule(("epoll_wait", "epoll_pwait", "epoll_ctl", "epoll_create1", "eventfd2")),
    Rule(
        ("fcntl",),
        (Where(1, (1, 3, 1030)),),  # F_GETFD, F_GETFL, F_DUPFD_CLOEXEC
        otherwise=refuse(errno.EPERM),
    ),
    # For one of the two below, with the first call.
    Rule(
        ("seccomp",),
        (Where(0, (_SECCOMP_SET_MODE_FILTER,)), Where(1, (_SECCOMP_FILTER_FLAG_TSYNC,))),
    ),
)

_COMPILER = (
    Rule(("rt_sigaction",)),
    # The initial memory of a module goes through a file without a name.
    Rule(("memfd_create",)),
    Rule(("fcntl",), (Where(1, (1, 3, _F_ADD_SEALS)),), otherwise=refuse(errno.EPERM)),
)

_ALONE = (
    Rule(("mprotect",), (Where(2, _NOT_EXECUTABLE),)),
    # The C library looks at a setting of the kernel before it gives memory back.
    Rule(("openat", "newfstatat", "statx"), action=refuse(errno.EACCES)),
    Rule(
        (
            "clone",
            "rt_sigaction",
            "set_robust_list",
            "rseq",
            "epoll_wait",
            "epoll_pwait",
            "epoll_ctl",
            "epoll_create1",
            "eventfd2",
            "fcntl",
            "prctl",
            "sched_getaffinity",
            "seccomp",
        ),
        action=KILL,
    ),
)
"""One call only, of a component that is loaded and has no WASI: no thread and no code is made any
more, and nothing opened."""

_SHARED = (Rule(("seccomp",), action=KILL),)
"""Calls of one tenant; nothing is taken away any more."""

RULES: dict[Profile, tuple[tuple[Rule, ...], int]] = {
    Profile.COMPILER: ((*_COMMON, *_COMPILER), KILL),
    Profile.WORKER: ((*_COMMON, *_WORKER), KILL),
    # These two come on top of the worker's, and the stricter answer holds.
    Profile.SHARED: (_SHARED, ALLOW),
    Profile.ALONE: (_ALONE, ALLOW),
}
"""Rules and what happens to every other call."""
