"""Compilation in a process of its own, which may hang, swell or crash without harm."""

from __future__ import annotations

import asyncio
import os
import socket

from wardian.crypto.digests import sha256_hex
from wardian.errors import (
    CompileExceeded,
    ImportRefused,
    InvalidComponent,
    WardianError,
    WorkerLost,
)
from wardian.runtime.executor.artifacts import Artifact, ArtifactStore, Pending
from wardian.runtime.executor.frames import Frames, Lost
from wardian.runtime.executor.job import ExecutorSettings
from wardian.runtime.executor.process import Process
from wardian.runtime.executor.zygote import Zygote
from wardian.sandbox.audit import Offer
from wardian.sandbox.component import check_magic
from wardian.worker.confinement import Bounds
from wardian.worker.protocol import Compile, Compiled, Failed, FromWorker, Ready

MAX_CODE_BYTES = 1024 * 1024 * 1024
MAX_REPORT_BYTES = 16 * 1024 * 1024
WALL_PER_CPU_SECOND = 5.0
"""A compiler may take this many times its CPU time in wall time: whatever else runs goes first."""

_REFUSALS: dict[str, type[WardianError]] = {
    kind.type: kind for kind in (InvalidComponent, CompileExceeded)
}


class Compiler:
    """Admits components: audit and compile, one at a time, each in a process of its own."""

    def __init__(self, zygote: Zygote, store: ArtifactStore, settings: ExecutorSettings) -> None:
        self._zygote = zygote
        self._store = store
        self._settings = settings
        # Compilers are the hungriest processes of the host; one at a time leaves room for calls.
        self._turn = asyncio.Lock()

    async def compile(self, component: bytes, offer: Offer) -> Artifact:
        """Compile ``component`` and keep the code.

        Raises:
            InvalidComponent, ImportRefused, CompileExceeded
        """
        check_magic(component)
        if len(component) > self._settings.component_bytes_max:
            raise CompileExceeded(
                f"The component is {len(component)} bytes, more than this host's limit of "
                f"{self._settings.component_bytes_max}."
            )
        async with self._turn:
            await asyncio.sleep(0)  # calls go first: what follows makes files and starts threads
            with self._store.writing() as pending:
                await asyncio.sleep(0)
                message = await self._in_child(component, offer, pending)
                if isinstance(message, Failed):
                    raise _refusal(message)
                description = message.description
                if description.digest != sha256_hex(component):
                    raise InvalidComponent("The compiler described another component.")
                return await asyncio.to_thread(self._store.keep, pending, description)

    async def _in_child(
        self, component: bytes, offer: Offer, pending: Pending
    ) -> Compiled | Failed:
        try:
            source = await asyncio.to_thread(_memory_file, component)
        except OSError as error:
            raise WorkerLost(f"No compiler could be started: {error.strerror}.") from error
        ours, theirs = socket.socketpair()
        try:
            process = await self._zygote.spawn(
                Bounds(
                    memory_bytes=self._settings.compile_memory_bytes,
                    file_bytes=MAX_CODE_BYTES,
                    cpu_seconds=self._settings.compile_seconds,
                ),
                [theirs.fileno(), source, pending.descriptor],
                compiles=True,
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
            os.close(source)
        ours.setblocking(False)
        frames = await Frames.over(ours)
        frames.frame_bytes_max = MAX_REPORT_BYTES
        try:
            return await self._converse(frames, process, offer)
        finally:
            frames.close()
            process.close()

    async def _converse(self, frames: Frames, process: Process, offer: Offer) -> Compiled | Failed:
        seconds = self._settings.compile_seconds
        try:
            async with asyncio.timeout(seconds * WALL_PER_CPU_SECOND):
                _expect(await frames.receive(), Ready)
                frames.send(Compile(1, offer))
                message = await frames.receive()
        except TimeoutError:
            raise CompileExceeded(
                f"Compiling the component took longer than {seconds} s and was stopped."
            ) from None
        except Lost as lost:
            ended = await process.how_it_ended()
            if "SIGXCPU" in ended or "SIGKILL" in ended:
                raise CompileExceeded(
                    f"Compiling the component took longer than {seconds} s and was stopped."
                ) from lost
            raise CompileExceeded(
                f"The process that compiled the component was lost: {ended}. It needed more than "
                f"its {self._settings.compile_memory_bytes} bytes, or crashed the compiler."
            ) from lost
        if isinstance(message, Compiled | Failed):
            return message
        raise WorkerLost("The compiler broke the protocol.")


def _refusal(message: Failed) -> WardianError:
    if message.error == ImportRefused.type:
        imported = message.details.get("import")
        return ImportRefused(
            message.message, imported=imported if isinstance(imported, str) else None
        )
    return _REFUSALS.get(message.error, InvalidComponent)(message.message)


def _expect(message: FromWorker, kind: type) -> None:
    if not isinstance(message, kind):
        raise Lost(f"it sent {type(message).__name__} out of turn")


def _memory_file(content: bytes) -> int:
    """Put bytes into a file without a name, and return its descriptor at the start."""
    descriptor = os.memfd_create("component", os.MFD_CLOEXEC)
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
