"""The zygote: a process that has imported everything, and forks a worker when asked.

It has an engine ready, which starts no thread before it is used, and never compiles: a process
that compiled once hangs in its next compilation after a fork. It talks to the broker over one
SEQPACKET socket, descriptor 3: a request is one packet (``Spawn``) with the descriptors for the
child; the answer is one packet (``Spawned``) with the child's pidfd, opened before anybody could
reap the child, so that the broker never signals a process by a number that was used again. When a
child ends, ``Exited`` says how.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import select
import signal
import socket
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from wardian.sandbox import Sandbox
from wardian.worker.confinement import Bounds, Confinement
from wardian.worker.main import compile_once, serve
from wardian.worker.priority import Priority, give_way, lower
from wardian.worker.protections import Protections

CONTROL_DESCRIPTOR = 3
MAX_PACKET_BYTES = 4096
MAX_PASSED_DESCRIPTORS = 3

KEPT_BYTES = 128 * 1024 * 1024

_M_TRIM_THRESHOLD = -1  # from glibc's malloc.h
_M_MMAP_THRESHOLD = -3


class Spawn(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Fork a child. Descriptors: its socket; for a compiler also the source and the target."""

    number: int
    compiles: bool
    memory_bytes: int
    file_bytes: int
    cpu_seconds: int | None


class Lower(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Lower the priority of a child, for good."""

    pid: int
    priority: Priority


ToZygote = Spawn | Lower


class Spawned(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The child of request ``number`` runs; its pidfd comes with this packet."""

    number: int
    pid: int


class Exited(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """A child ended, with this status of ``waitpid``."""

    pid: int
    status: int


class Started(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The zygote is warm, and its children will have these protections."""

    protections: Protections


FromZygote = Spawned | Exited | Started


def main(code: Path) -> NoReturn:
    """Serve the broker until it closes the control socket; then end, and all children too.

    ``code`` is the directory of compiled code.
    """
    confinement = Confinement.prepare(code)
    control = socket.socket(fileno=CONTROL_DESCRIPTOR)
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_read, False)
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, _ignore)
    # Ctrl-C in a terminal reaches the whole group; the broker decides when to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_freed_memory()
    sandbox = Sandbox()
    gc.collect()
    gc.freeze()
    control.send(msgspec.msgpack.encode(Started(confinement.protections)))
    poll = select.poll()
    poll.register(control, select.POLLIN)
    poll.register(wake_read, select.POLLIN)
    while True:
        ready = {descriptor for descriptor, _ in poll.poll()}
        if wake_read in ready:
            _drain(wake_read)
            _report_exits(control)
        if control.fileno() in ready and not _serve_request(control, sandbox, confinement):
            os._exit(0)  # nothing is left to free, and callbacks cannot be (`pages`)


def keep_freed_memory() -> None:
    """Have the C allocator reuse freed blocks, up to ``KEPT_BYTES``, instead of unmapping them.

    A megabyte of ``list<u8>`` crosses as blocks of 32 to 40 MiB; more than half of its time went
    into page faults of blocks that had just been given back.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc's; others have no such habit
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, KEPT_BYTES)
        mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)


def _serve_request(control: socket.socket, sandbox: Sandbox, confinement: Confinement) -> bool:
    """Answer one packet; False when the broker is gone."""
    packet, descriptors, _, _ = socket.recv_fds(control, MAX_PACKET_BYTES, MAX_PASSED_DESCRIPTORS)
    if not packet:
        return False
    request = msgspec.msgpack.decode(packet, type=ToZygote)
    if isinstance(request, Lower):
        # Nobody but this process reaps its children, so that the number is still that child's.
        with contextlib.suppress(ProcessLookupError):
            lower(request.pid, request.priority)
        return True
    pid = os.fork()
    if not pid:
        _become_child(request, descriptors, sandbox, confinement)
    for descriptor in descriptors:
        os.close(descriptor)
    pidfd = os.pidfd_open(pid)
    socket.send_fds(control, [msgspec.msgpack.encode(Spawned(request.number, pid))], [pidfd])
    os.close(pidfd)
    return True


COMPILER_NICE = 19


def _become_child(
    request: Spawn, descriptors: list[int], sandbox: Sandbox, confinement: Confinement
) -> None:
    """Run as a worker or a compiler, and never return into the zygote's loop."""
    status = 70  # EX_SOFTWARE, for a fault that is not the guest's
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        bounds = Bounds(
            memory_bytes=request.memory_bytes,
            file_bytes=request.file_bytes,
            cpu_seconds=request.cpu_seconds,
        )
        connection = socket.socket(fileno=descriptors[0])
        if request.compiles:
            # A compiler takes all processors it finds; calls are not to wait for it. SCHED_IDLE is
            # worse: the kernel takes such a processor for a free one, and wakes others there.
            give_way(0, COMPILER_NICE)
        confinement.enter(bounds, set(descriptors), compiles=request.compiles)
        if request.compiles:
            compile_once(connection, *descriptors[1:])
        else:
            serve(connection, sandbox, confinement)
        status = 0
    finally:
        os._exit(status)


def _report_exits(control: socket.socket) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        control.send(msgspec.msgpack.encode(Exited(pid, status)))


def _drain(descriptor: int) -> None:
    try:
        while os.read(descriptor, 4096):
            pass
    except BlockingIOError:
        return


def _ignore(_number: int, _frame: Any) -> None:
    """SIGCHLD only has to interrupt the poll, through the wake-up descriptor."""
