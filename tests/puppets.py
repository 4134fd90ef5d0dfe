"""Confined workers that make the system calls that a test asks for, on real zygotes."""

from __future__ import annotations

import asyncio
import ctypes
import errno
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from wardian.policy.limits import MIB
from wardian.runtime.executor.process import Process
from wardian.runtime.executor.zygote import Zygote
from wardian.worker.confinement import Bounds
from zygotes import MAX_REQUEST_BYTES, Hello, Made, Make, Settle

BOUNDS = Bounds(memory_bytes=256 * MIB, file_bytes=0)

Argument = int | bytes


@dataclass(frozen=True, slots=True)
class Allowed:
    """The call was made, and returned this."""

    value: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The call was answered with this error."""

    error: str


@dataclass(frozen=True, slots=True)
class Died:
    """The process did not survive the call."""

    how: str


Outcome = Allowed | Refused | Died

KILLED = Died("SIGSYS")


class Puppet:
    """One worker, which does what it is told to."""

    def __init__(self, connection: socket.socket, process: Process, hello: Hello) -> None:
        self._connection = connection
        self.process = process
        self.pid = hello.pid
        self.scratch = hello.scratch

    async def settle(self, *, alone: bool) -> None:
        """Take the step that a worker takes with its first call."""
        assert isinstance(await self._ask(Settle(alone)), Allowed)

    async def make(self, number: int, *arguments: Argument, by_interrupt: bool = False) -> Outcome:
        """Have it make a system call."""
        return await self._ask(Make(number, list(arguments), by_interrupt))

    def close(self) -> None:
        self._connection.close()
        self.process.close()

    async def _ask(self, request: Make | Settle) -> Outcome:
        loop = asyncio.get_running_loop()
        try:
            await loop.sock_sendall(self._connection, msgspec.msgpack.encode(request))
            answer = await loop.sock_recv(self._connection, MAX_REQUEST_BYTES)
        except ConnectionError:
            answer = b""
        if not answer:
            ended = await self.process.how_it_ended()
            return Died(ended.removeprefix("it was ended by signal ").partition(" (")[0])
        made = msgspec.msgpack.decode(answer, type=Made)
        if made.value < 0 and made.error:
            return Refused(errno.errorcode[made.error])
        return Allowed(made.value)


@asynccontextmanager
async def puppet_of(zygote: Zygote) -> AsyncIterator[Puppet]:
    """Fork a worker and wait until it is sealed."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    process = await zygote.spawn(BOUNDS, [theirs.fileno()])
    theirs.close()
    answer = await asyncio.get_running_loop().sock_recv(ours, MAX_REQUEST_BYTES)
    puppet = Puppet(ours, process, msgspec.msgpack.decode(answer, type=Hello))
    try:
        yield puppet
    finally:
        puppet.close()


@asynccontextmanager
async def zygote_of(code: Path, entry: str) -> AsyncIterator[Zygote]:
    """Start a zygote of ``zygotes``."""
    zygote = Zygote(code, f"zygotes:{entry}")
    await zygote.start()
    try:
        yield zygote
    finally:
        await zygote.close()


def address_of(buffer: object) -> int:
    """Where ctypes keeps ``buffer`` in this process."""
    return ctypes.addressof(buffer)  # type: ignore[arg-type]
