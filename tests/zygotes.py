"""Zygotes for tests: real ones, whose workers do what a test says, or with a protection left out.

Each function is what ``wardian.runtime.executor.zygote.Zygote`` calls ``entry``.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import platform
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import msgspec

from wardian.sandbox import Sandbox
from wardian.worker import confinement, kernel, namespaces, zygote
from wardian.worker.channel import Channel
from wardian.worker.confinement import Confinement
from wardian.worker.namespaces import Entered
from wardian.worker.protocol import Call, Ready

SCRATCH_BYTES = 4096
MAX_REQUEST_BYTES = 8192
NOBODY = 65534

_libc: Any = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_scratch = ctypes.create_string_buffer(SCRATCH_BYTES)

# mov eax, edi; int 0x80; ret: a system call as 32-bit programs make it.
_INT_80 = b"\x53\x89\xf8\xcd\x80\x5b\xc3"


def hostile(code: Path) -> NoReturn:
    """Fork workers that make whatever system call they are told to, once they are confined.

    This is what is left to somebody who broke out of WebAssembly: native code in a worker.
    """
    global _old_call
    _old_call = _machine_code(_INT_80) if platform.machine() == "x86_64" else None
    vars(zygote)["serve"] = _obey
    zygote.main(code)


def hostile_as_nobody(code: Path) -> NoReturn:
    """The same without being root."""
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    kernel.prctl(4, 1)  # PR_SET_DUMPABLE: becoming somebody else took away its own /proc
    hostile(code)


def hostile_without_seccomp(code: Path) -> NoReturn:
    """Left out: the filter on system calls."""
    _leave_out_seccomp()
    hostile(code)


def hostile_with_seccomp_only(code: Path) -> NoReturn:
    """Left out: everything but the filter on system calls."""
    _leave_out_landlock()
    _leave_out_namespaces()
    _leave_out_capabilities()
    hostile(code)


def hostile_with_landlock_only(code: Path) -> NoReturn:
    """Left out: everything but Landlock."""
    _leave_out_seccomp()
    _leave_out_namespaces()
    _leave_out_capabilities()
    hostile(code)


def hostile_with_namespaces_only(code: Path) -> NoReturn:
    """Left out: everything but the namespaces."""
    _leave_out_seccomp()
    _leave_out_landlock()
    hostile(code)


def hostile_without_anything(code: Path) -> NoReturn:
    """Left out: all that a kernel may lack."""
    _leave_out_seccomp()
    _leave_out_landlock()
    _leave_out_namespaces()
    _leave_out_capabilities()
    hostile(code)


def without_landlock(code: Path) -> NoReturn:
    """A zygote as it is on a machine without Landlock."""
    _leave_out_landlock()
    zygote.main(code)


def without_a_root_to_leave(code: Path) -> NoReturn:
    """A zygote on a machine whose root cannot be left, as when it runs from the initial one."""
    real = kernel.call

    def call(name: str, *arguments: Any) -> int:
        if name == "pivot_root":
            raise OSError(errno.EINVAL, name)
        return real(name, *arguments)

    vars(namespaces)["kernel"] = SimpleNamespace(call=call)
    zygote.main(code)


def breaking_out(code: Path) -> NoReturn:
    """Fork workers that answer their first call with a call that they may not make."""
    vars(zygote)["serve"] = _break_out
    zygote.main(code)


def _break_out(connection: socket.socket, _sandbox: Sandbox, held: Confinement) -> None:
    held.seal()
    channel = Channel(connection)
    channel.send(Ready())
    while not isinstance(channel.receive(), Call):
        pass
    os.fork()


def _leave_out_seccomp() -> None:
    vars(confinement)["filters_available"] = lambda: False


def _leave_out_landlock() -> None:
    vars(confinement)["landlock_abi"] = lambda: 0


def _leave_out_namespaces() -> None:
    vars(namespaces)["enter"] = lambda _code: Entered(network=False, files=False)


def _leave_out_capabilities() -> None:
    vars(namespaces)["drop_capabilities"] = lambda: False


class Hello(msgspec.Struct):
    """A worker is confined; ``scratch`` is the address of memory that it may use."""

    pid: int
    scratch: int


class Make(msgspec.Struct, tag=True):
    """Make a system call; bytes are passed by address."""

    number: int
    arguments: list[int | bytes]
    by_interrupt: bool = False


class Settle(msgspec.Struct, tag=True):
    """Take the step that a worker takes with its first call."""

    alone: bool


class Made(msgspec.Struct):
    """What the system call returned, and the error it set."""

    value: int
    error: int


def _obey(connection: socket.socket, _sandbox: Sandbox, held: Confinement) -> None:
    held.seal()
    hello = Hello(os.getpid(), ctypes.addressof(_scratch))
    connection.sendall(msgspec.msgpack.encode(hello))
    decoder = msgspec.msgpack.Decoder(Make | Settle)
    while request := connection.recv(MAX_REQUEST_BYTES):
        asked = decoder.decode(request)
        if isinstance(asked, Settle):
            held.settle(alone=asked.alone)
            made = Made(0, 0)
        else:
            made = _make(asked)
        if os.getpid() != hello.pid:
            os._exit(0)  # a fork that succeeded
        connection.sendall(msgspec.msgpack.encode(made))


def _make(asked: Make) -> Made:
    if asked.by_interrupt:
        return Made(_old_call(asked.number), 0)
    arguments = [
        ctypes.c_char_p(value) if isinstance(value, bytes) else ctypes.c_long(value)
        for value in asked.arguments
    ]
    ctypes.set_errno(0)
    value = _libc.syscall(ctypes.c_long(asked.number), *arguments)
    return Made(value, ctypes.get_errno() if value == -1 else 0)


def _machine_code(code: bytes) -> Any:
    global _code_page
    _code_page = mmap.mmap(
        -1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
    )
    _code_page.write(code)
    address = ctypes.addressof(ctypes.c_char.from_buffer(_code_page))
    return ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(address)


_old_call: Any = None
_code_page: mmap.mmap | None = None
