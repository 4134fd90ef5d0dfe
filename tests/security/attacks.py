"""What native code in a worker may try: system calls, one or a few after another."""

from __future__ import annotations

import ctypes
import os
import resource
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from puppets import Allowed, Argument, Outcome, Puppet, Refused
from wardian.worker.bpf import NEWEST_CALL

CALLS = {
    "accept4": 288, "acct": 163, "add_key": 248, "adjtimex": 159, "arch_prctl": 158, "bind": 49,
    "bpf": 321, "capset": 126, "chmod": 90, "chown": 92, "chroot": 161, "clock_settime": 227,
    "clone": 56, "clone3": 435, "connect": 42, "copy_file_range": 326, "eventfd2": 290,
    "execve": 59, "execveat": 322, "fanotify_init": 300, "fchmodat": 268, "fcntl": 72, "fork": 57,
    "futex": 202, "getdents64": 217, "init_module": 175, "inotify_init1": 294,
    "io_uring_setup": 425, "ioctl": 16, "ioperm": 173, "iopl": 172, "kcmp": 312,
    "kexec_load": 246, "keyctl": 250, "kill": 62, "landlock_create_ruleset": 444, "linkat": 265,
    "listen": 50, "madvise": 28, "memfd_create": 319, "memfd_secret": 447, "mkdirat": 258,
    "mlock": 149, "mmap": 9, "mount": 165, "mprotect": 10, "mq_open": 240, "msgget": 68,
    "name_to_handle_at": 303, "newfstatat": 262, "open": 2, "open_by_handle_at": 304,
    "open_tree": 428, "openat": 257, "openat2": 437, "perf_event_open": 298, "personality": 135,
    "pidfd_getfd": 438, "pidfd_open": 434, "pidfd_send_signal": 424, "pivot_root": 155,
    "pkey_mprotect": 329, "prctl": 157, "prlimit64": 302, "process_madvise": 440,
    "process_vm_readv": 310, "process_vm_writev": 311, "ptrace": 101, "quotactl": 179,
    "readlinkat": 267, "reboot": 169, "renameat2": 316, "request_key": 249, "rt_sigaction": 13,
    "rt_sigqueueinfo": 129, "sched_getaffinity": 204, "sched_setaffinity": 203,
    "sched_setscheduler": 144, "seccomp": 317, "semget": 64, "sendmsg": 46, "sendto": 44,
    "setns": 308, "setpriority": 141, "setresuid": 117, "setsockopt": 54, "setuid": 105,
    "setxattr": 188, "shmat": 30, "shmget": 29, "signalfd4": 289, "socket": 41, "socketpair": 53,
    "splice": 275, "stat": 4, "statx": 332, "swapon": 167, "symlinkat": 266, "syslog": 103,
    "tgkill": 234, "timerfd_create": 283, "tkill": 200, "truncate": 76, "umount2": 166,
    "unlinkat": 263, "unshare": 272, "userfaultfd": 323, "utimensat": 280, "vfork": 58,
    "vmsplice": 278,
}  # fmt: skip
"""Their numbers on x86_64, the machine that these tests are for."""

AT_FDCWD = -100
AT_EMPTY_PATH = 0x1000
READ_WRITE, READ_EXECUTE, ALL = 3, 5, 7
PRIVATE, ANONYMOUS = 2, 32
NEW_MOUNTS, NEW_USER, NEW_NETWORK = 0x20000, 0x10000000, 0x40000000
SIGABRT, SIGKILL, SIGCHLD = 6, 9, 17


@dataclass(frozen=True, slots=True)
class World:
    """What there is to attack around a worker."""

    folder: Path
    code: Path
    other_code: Path
    database: Path
    broker: int
    sister: Puppet
    port: int
    datagram_port: int
    unix: Path
    abstract: str
    memory: int


@contextmanager
def world_around(folder: Path, code: Path, sister: Puppet) -> Iterator[World]:
    """Make files and listening sockets; ``code`` is the directory that workers may read."""
    secret = ctypes.create_string_buffer(b"the vault's key")
    database = folder / "wardian.db"
    for file in (database, code / "own.code", code / "other.code"):
        file.write_bytes(b"secret")
        file.chmod(0o666)
    with ExitStack() as stack:
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(("127.0.0.1", 0))
        named = stack.enter_context(socket.socket(socket.AF_UNIX))
        named.bind(str(folder / "broker.socket"))
        named.listen()
        abstract = stack.enter_context(socket.socket(socket.AF_UNIX))
        abstract.bind(f"\0wardian-{os.getpid()}")
        abstract.listen()
        yield World(
            folder,
            code / "own.code",
            code / "other.code",
            database,
            os.getpid(),
            sister,
            tcp.getsockname()[1],
            udp.getsockname()[1],
            folder / "broker.socket",
            f"\0wardian-{os.getpid()}",
            ctypes.addressof(secret),
        )


Attack = Callable[[Puppet, World], Awaitable[Outcome]]
Arguments = Callable[[Puppet, World], tuple[Argument, ...]]


def made(name: str, *arguments: Argument) -> Attack:
    """The attack that makes one call."""
    return given(name, lambda _puppet, _world: arguments)


def given(name: str, arguments: Arguments) -> Attack:
    """The attack that makes one call, with arguments from the world around."""

    async def attack(puppet: Puppet, world: World) -> Outcome:
        return await puppet.make(CALLS[name], *arguments(puppet, world))

    return attack


def numbered(number: int, *arguments: Argument) -> Attack:
    """The attack that makes a call by its number."""

    async def attack(puppet: Puppet, _world: World) -> Outcome:
        return await puppet.make(number, *arguments)

    return attack


def opening(path: Callable[[World], Path], flags: int) -> Attack:
    return given("openat", lambda _, world: (AT_FDCWD, bytes(path(world)), flags, 0o600))


def connecting(family: int, kind: int, address: Callable[[World], bytes]) -> Attack:
    """Make a socket and connect it."""

    async def attack(puppet: Puppet, world: World) -> Outcome:
        opened = await puppet.make(CALLS["socket"], family, kind, 0)
        if not isinstance(opened, Allowed):
            return opened
        target = address(world)
        return await puppet.make(CALLS["connect"], opened.value, target, len(target))

    return attack


def reading_memory(
    name: str, pid: Callable[[World], int], address: Callable[[World], int]
) -> Attack:
    """Read (or write) 8 bytes of another process's memory."""

    async def attack(puppet: Puppet, world: World) -> Outcome:
        mine = struct.pack("QQ", puppet.scratch, 8)
        theirs = struct.pack("QQ", address(world), 8)
        return await puppet.make(CALLS[name], pid(world), mine, 1, theirs, 1, 0)

    return attack


async def map_code_from_a_file(puppet: Puppet, world: World) -> Outcome:
    """Map a file so that it can be run."""
    opened = await puppet.make(CALLS["openat"], AT_FDCWD, bytes(world.code), 0)
    descriptor = opened.value if isinstance(opened, Allowed) else 0
    return await puppet.make(CALLS["mmap"], 0, 4096, READ_EXECUTE, PRIVATE, descriptor, 0)


async def make_a_mapping_executable(puppet: Puppet, _world: World) -> Outcome:
    """Take the right to write to a page and the right to run it in turns."""
    mapped = await puppet.make(CALLS["mmap"], 0, 4096, READ_WRITE, PRIVATE | ANONYMOUS, -1, 0)
    if not isinstance(mapped, Allowed):
        return mapped
    return await puppet.make(CALLS["mprotect"], mapped.value, 4096, READ_EXECUTE)


async def run_a_file_without_a_name(puppet: Puppet, _world: World) -> Outcome:
    """Make a file in memory and run it."""
    opened = await puppet.make(CALLS["memfd_create"], b"program", 0)
    if not isinstance(opened, Allowed):
        return opened
    return await puppet.make(CALLS["execveat"], opened.value, b"", 0, 0, AT_EMPTY_PATH)


def in_address(port: int) -> bytes:
    return struct.pack("=HH4s8x", socket.AF_INET, socket.htons(port), b"\x7f\0\0\1")


def unix_address(path: str) -> bytes:
    return struct.pack("=H", socket.AF_UNIX) + path.encode() + (b"" if path[0] == "\0" else b"\0")


def by_old_call(number: int) -> Attack:
    """A system call as 32-bit programs make it, whose numbers mean other calls."""

    async def attack(puppet: Puppet, _world: World) -> Outcome:
        return await puppet.make(number, by_interrupt=True)

    return attack


BUFFER = bytes(512)
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_PTRACER = 1, 4, 22, 0x59616D61
THREAD = 0x3D0F00

FILES: dict[str, Attack] = {
    "read a file of the host": opening(lambda _: Path("/etc/passwd"), os.O_RDONLY),
    "read the database": opening(lambda world: world.database, os.O_RDONLY),
    "read the key of compiled code": opening(lambda world: world.folder / "mac.key", os.O_RDONLY),
    "list compiled code": opening(lambda world: world.code.parent, os.O_DIRECTORY),
    "read its parent's memory by path": given(
        "openat", lambda _, world: (AT_FDCWD, f"/proc/{world.broker}/mem".encode(), os.O_RDONLY)
    ),
    "read its sister's environment": given(
        "openat", lambda _, world: (AT_FDCWD, f"/proc/{world.sister.pid}/environ".encode(), 0)
    ),
    "read its own memory map": made("openat", AT_FDCWD, b"/proc/self/maps", 0),
    "look at a file through an empty path": given(
        "newfstatat", lambda _, world: (AT_FDCWD, bytes(world.database), BUFFER, AT_EMPTY_PATH)
    ),
}
"""Reading, which the filter allows and Landlock and the mount namespace refuse."""

WRITES: dict[str, Attack] = {
    "write to the database": opening(lambda world: world.database, os.O_RDWR),
    "make a file": opening(lambda world: world.folder / "made", os.O_WRONLY | os.O_CREAT),
    "write to another's compiled code": opening(lambda world: world.other_code, os.O_WRONLY),
    "add compiled code": opening(lambda world: world.code.parent / "evil.code", os.O_CREAT),
    "cut compiled code": opening(lambda world: world.other_code, os.O_TRUNC),
    "look at a file": given(
        "newfstatat", lambda _, world: (AT_FDCWD, bytes(world.database), BUFFER, 0)
    ),
    "look at a file in another way": given(
        "statx", lambda _, world: (AT_FDCWD, bytes(world.database), 0, 0xFFF, BUFFER)
    ),
}
"""What the filter answers with an error."""

KILLING: dict[str, Attack] = {
    # None of them would do much harm if it succeeded: these tests also fail on real machines.
    # files by other ways
    "open a file by the old call": made("open", b"/etc/passwd", 0),
    "open a file by the new call": made("openat2", AT_FDCWD, b"/etc/passwd", bytes(24), 24),
    "list a directory": made("getdents64", 0, BUFFER, 512),
    "remove a file": given("unlinkat", lambda _, world: (AT_FDCWD, bytes(world.database), 0)),
    "rename a file": made("renameat2", AT_FDCWD, b"a", AT_FDCWD, b"b", 0),
    "make a directory": made("mkdirat", AT_FDCWD, b"/tmp/made", 0o700),
    "make a link": made("symlinkat", b"/etc/passwd", AT_FDCWD, b"/tmp/link"),
    "make a hard link": made("linkat", AT_FDCWD, b"/etc/passwd", AT_FDCWD, b"/tmp/link", 0),
    "change a file's rights": given("chmod", lambda _, world: (bytes(world.database), 0o777)),
    "change a file's owner": given("chown", lambda _, world: (bytes(world.database), 1, 1)),
    "change a file's attributes": made("setxattr", b"/etc", b"user.a", b"b", 1, 0),
    "change a file's times": made("utimensat", AT_FDCWD, b"/etc/passwd", 0, 0),
    "shorten a file": given("truncate", lambda _, world: (bytes(world.database), 0)),
    "look where it is": made("readlinkat", AT_FDCWD, b"/proc/self/exe", BUFFER, 512),
    "open a file by handle": made("open_by_handle_at", AT_FDCWD, BUFFER, 0),
    "copy between files": made("copy_file_range", 0, 0, 1, 0, 1, 0),
    "watch files": made("inotify_init1", 0),
    "watch every file": made("fanotify_init", 0, 0),
    # network
    "connect over TCP": connecting(
        socket.AF_INET, socket.SOCK_STREAM, lambda w: in_address(w.port)
    ),
    "send over UDP": connecting(
        socket.AF_INET, socket.SOCK_DGRAM, lambda world: in_address(world.datagram_port)
    ),
    "connect to a named socket": connecting(
        socket.AF_UNIX, socket.SOCK_STREAM, lambda world: unix_address(str(world.unix))
    ),
    "connect to an abstract socket": connecting(
        socket.AF_UNIX, socket.SOCK_STREAM, lambda world: unix_address(world.abstract)
    ),
    "listen to the kernel": made("socket", socket.AF_NETLINK, socket.SOCK_RAW, 0),
    "make raw packets": made("socket", socket.AF_PACKET, socket.SOCK_RAW, 0),
    "make a pair of sockets": made("socketpair", socket.AF_UNIX, socket.SOCK_STREAM, 0, BUFFER),
    "connect what it has": made("connect", 0, BUFFER, 16),
    "listen": made("listen", 0, 1),
    "accept": made("accept4", 0, 0, 0, 0),
    "pass descriptors": made("sendmsg", 0, BUFFER, 0),
    "send to an address": made("sendto", 0, b"x", 1, 0, BUFFER, 16),
    # processes
    "fork": made("fork"),
    "fork as the C library does": made("clone", SIGCHLD, 0, 0, 0, 0),
    "fork sharing memory": made("vfork"),
    "make a process in new namespaces": made("clone", SIGCHLD | NEW_USER | NEW_NETWORK, 0, 0, 0, 0),
    "make a thread with one flag more": made("clone", THREAD | NEW_NETWORK, 0, 0, 0, 0),
    "run a program": made("execve", b"/bin/true", 0, 0),
    "run a file without a name": run_a_file_without_a_name,
    "trace its parent": given("ptrace", lambda _, world: (16, world.broker, 0, 0)),
    "trace its sister": given("ptrace", lambda _, world: (16, world.sister.pid, 0, 0)),
    "let itself be traced": made("ptrace", 0, 0, 0, 0),
    "read the broker's memory": reading_memory(
        "process_vm_readv", lambda world: world.broker, lambda world: world.memory
    ),
    "read its sister's memory": reading_memory(
        "process_vm_readv", lambda world: world.sister.pid, lambda world: world.sister.scratch
    ),
    "write to its sister's memory": reading_memory(
        "process_vm_writev", lambda world: world.sister.pid, lambda world: world.sister.scratch
    ),
    "advise its sister's memory": made("process_madvise", 0, BUFFER, 1, 4, 0),
    "compare itself with its sister": given(
        "kcmp", lambda puppet, world: (puppet.pid, world.sister.pid, 0, 0, 0)
    ),
    "signal the broker": given("kill", lambda _, world: (world.broker, 0)),
    "kill its sister": given("kill", lambda _, world: (world.sister.pid, SIGKILL)),
    "signal everybody": made("kill", -1, 0),
    "abort its sister": given(
        "tgkill", lambda _, world: (world.sister.pid, world.sister.pid, SIGABRT)
    ),
    "signal itself otherwise": given("tgkill", lambda puppet, _: (puppet.pid, puppet.pid, 11)),
    "signal a thread": given("tkill", lambda _, world: (world.sister.pid, SIGKILL)),
    "queue a signal": given("rt_sigqueueinfo", lambda _, world: (world.sister.pid, 9, BUFFER)),
    "handle signals": made("rt_sigaction", 11, BUFFER, 0, 8),
    "get a handle of its sister": given("pidfd_open", lambda _, world: (world.sister.pid, 0)),
    "take its sister's descriptors": made("pidfd_getfd", 0, 0, 0),
    "signal by handle": made("pidfd_send_signal", 0, SIGKILL, 0, 0),
    "slow others down": given("setpriority", lambda _, world: (0, world.sister.pid, 19)),
    "run on every core": made("sched_setaffinity", 0, 8, b"\xff" * 8),
    "run in real time": made("sched_setscheduler", 0, 1, b"\x01\0\0\0"),
    # privileges and the machine
    "become root": made("setuid", 0),
    "become root altogether": made("setresuid", 0, 0, 0),
    "take capabilities": made("capset", struct.pack("II", 0x20080522, 0), b"\xff" * 24),
    "mount": made("mount", b"none", b"/nowhere", b"tmpfs", 0, 0),
    "unmount": made("umount2", b"/nowhere", 2),
    "look at mounts": made("open_tree", AT_FDCWD, b"/", 1),
    "change its root": made("chroot", b"/"),
    "swap its root": made("pivot_root", b"/", b"/"),
    "enter new namespaces": made("unshare", NEW_USER | NEW_MOUNTS | NEW_NETWORK),
    "enter other namespaces": made("setns", 0, 0),
    "load a program into the kernel": made("bpf", 0, BUFFER, 64),
    "load a module": made("init_module", BUFFER, 1, b""),
    "load another kernel": made("kexec_load", 0, 0, 0, 0),
    "measure the machine": made("perf_event_open", BUFFER, 0, -1, -1, 0),
    "handle page faults": made("userfaultfd", 0),
    "queue calls past the filter": made("io_uring_setup", 1, BUFFER),
    "use the kernel's keys": made("keyctl", 0, -3, 0),
    "add a key": made("add_key", b"user", b"a", b"b", 1, -3),
    "ask for a key": made("request_key", b"user", b"a", 0, 0),
    "read the kernel's log": made("syslog", 3, BUFFER, 512),
    "reboot": made("reboot", 0, 0, 0, 0),
    "swap": made("swapon", b"/swap", 0),
    "account": made("acct", 0),
    "set quotas": made("quotactl", 0, 0, 0, 0),
    "set the clock": made("clock_settime", 99, BUFFER),
    "adjust the clock": made("adjtimex", BUFFER),
    "reach the ports": made("iopl", 3),
    "reach a port": made("ioperm", 0, 1, 1),
    "set a limit anew": made("landlock_create_ruleset", 0, 0, 1),
    # memory between processes, and other ways to wait and to move bytes
    "share memory": made("shmget", 0, 4096, 0o1600),
    "map shared memory to run it": made("shmat", 0, 0, 0o100000),
    "share semaphores": made("semget", 0, 1, 0o1600),
    "send messages": made("msgget", 0, 0o1600),
    "open a message queue": made("mq_open", b"queue", 0, 0, 0),
    "make memory without a name": made("memfd_create", b"a", 0),
    "make memory that is secret": made("memfd_secret", 0),
    "move pages": made("splice", 0, 0, 1, 0, 1, 0),
    "map pages into a pipe": made("vmsplice", 0, BUFFER, 1, 0),
    "take signals as a file": made("signalfd4", -1, BUFFER, 8, 0),
    "take time as a file": made("timerfd_create", 1, 0),
    "keep memory resident": made("mlock", 0, 4096),
    "set an option of a socket": made("setsockopt", 0, 1, 1, BUFFER, 4),
    # code
    "map memory to write and run": made("mmap", 0, 4096, ALL, PRIVATE | ANONYMOUS, -1, 0),
    "map memory to run": made("mmap", 0, 4096, READ_EXECUTE, PRIVATE | ANONYMOUS, -1, 0),
    "map a file to run": map_code_from_a_file,
    "make memory writable and executable": given(
        "mprotect", lambda puppet, _: (puppet.scratch & ~4095, 4096, ALL)
    ),
    "make memory executable in another way": given(
        "pkey_mprotect", lambda puppet, _: (puppet.scratch & ~4095, 4096, READ_EXECUTE, -1)
    ),
    "make everything readable executable": made("personality", 0x0400000),
    "move the base of its segments": made("arch_prctl", 0x1002, 0),
    "loosen its own filter": made("seccomp", 1, 1, BUFFER),
    "listen to its own filter": made("seccomp", 1, 8, BUFFER),
    # the same by other numbers
    "call as 32-bit programs do": by_old_call(20),
    "call by the other set of numbers": numbered(0x40000000 | 257, AT_FDCWD, b"/etc/passwd", 0),
}
QUIET: dict[str, tuple[Attack, Outcome]] = {
    "make a process by the newest call": (made("clone3", bytes(88), 88), Refused("ENOSYS")),
    "let its memory be dumped": (made("prctl", PR_SET_DUMPABLE, 1, 0, 0, 0), Refused("EPERM")),
    "survive its parent": (made("prctl", PR_SET_PDEATHSIG, 0, 0, 0, 0), Refused("EPERM")),
    "let anybody trace it": (made("prctl", PR_SET_PTRACER, -1, 0, 0, 0), Refused("EPERM")),
    "filter itself": (made("prctl", PR_SET_SECCOMP, 2, BUFFER, 0, 0), Refused("EPERM")),
    "raise a limit": (
        made("prlimit64", 0, resource.RLIMIT_DATA, b"\xff" * 16, 0),
        Refused("EPERM"),
    ),
    "look at its sister's limits": (
        given("prlimit64", lambda _, world: (world.sister.pid, 0, 0, BUFFER)),
        Refused("EPERM"),
    ),
    "look where its sister runs": (
        given("sched_getaffinity", lambda _, world: (world.sister.pid, 128, bytes(128))),
        Refused("EPERM"),
    ),
    "type into a terminal": (made("ioctl", 0, 0x5412, BUFFER), Refused("ENOTTY")),
    "wait with another's priority": (
        given("futex", lambda puppet, _: (puppet.scratch, 6, 0, 0, 0, 0)),
        Refused("ENOSYS"),
    ),
    "poison memory": (
        given("madvise", lambda puppet, _: (puppet.scratch & ~4095, 4096, 100)),
        Refused("EINVAL"),
    ),
    "call what this kernel may have and this program does not know": (
        numbered(NEWEST_CALL + 1),
        Refused("ENOSYS"),
    ),
}
