"""One run of the zygote's program: start it, ask it for processes, hear how they ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

import msgspec

from wardian.errors import HostUnusable, WorkerLost
from wardian.runtime.executor.process import Process
from wardian.worker import zygote as child
from wardian.worker.confinement import Bounds
from wardian.worker.priority import Priority
from wardian.worker.protections import NONE

START_SECONDS = 30.0
SPAWN_SECONDS = 10.0


class Generation:
    """One run of the zygote's program, and the children of it."""

    def __init__(self) -> None:
        self.protections = NONE
        self.processes: dict[int, Process] = {}
        self.program: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._stderr: IO[bytes] | None = None
        self._asked: dict[int, asyncio.Future[Process]] = {}
        self._requests = 0
        self._started: asyncio.Future[None] | None = None
        self._changed = asyncio.Event()
        self._outdated = False

    @property
    def running(self) -> bool:
        """Whether the zygote can be asked for processes."""
        return self.program is not None and self.program.poll() is None

    async def start(self, entry: str, code: Path) -> None:
        """Start the program, the function ``entry``, and wait until it is warm.

        Raises:
            HostUnusable: it did not start; says why.
        """
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 -- closed with the zygote
        try:
            self.program = _launch(entry, code, theirs, self._stderr)
        finally:
            theirs.close()
        self._control = ours
        self._started = loop.create_future()
        loop.add_reader(ours, self._read)
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._started
        except (TimeoutError, ConnectionError) as error:
            complaint = self._complaint()
            await self.close()
            raise HostUnusable(
                f"The process that starts workers did not come up: {complaint}"
            ) from error
        except BaseException:
            await asyncio.shield(self.close())
            raise

    async def spawn(
        self, bounds: Bounds, descriptors: list[int], *, compiles: bool = False
    ) -> Process:
        """Fork a child with these descriptors.

        Raises:
            WorkerLost: the zygote is gone or does not answer.
        """
        self._requests += 1
        number = self._requests
        request = child.Spawn(
            number, compiles, bounds.memory_bytes, bounds.file_bytes, bounds.cpu_seconds
        )
        answer: asyncio.Future[Process] = asyncio.get_running_loop().create_future()
        self._asked[number] = answer
        try:
            assert self._control is not None  # noqa: S101 -- `start` connected it
            socket.send_fds(self._control, [msgspec.msgpack.encode(request)], descriptors)
            async with asyncio.timeout(SPAWN_SECONDS):
                return await asyncio.shield(answer)
        except (OSError, TimeoutError) as error:
            answer.add_done_callback(_discard)
            if isinstance(error, TimeoutError) and self.program is not None:
                self.program.kill()  # it does not answer; the next request starts another
            raise WorkerLost(f"No worker process could be started: {error}.") from error
        except asyncio.CancelledError:
            answer.add_done_callback(_discard)
            raise

    def lower(self, process: Process, priority: Priority) -> None:
        """Lower the priority of a child; a lost packet is no loss."""
        if self._control is not None and process.pid in self.processes:
            with contextlib.suppress(OSError):
                self._control.send(msgspec.msgpack.encode(child.Lower(process.pid, priority)))

    async def run_out(self) -> None:
        """Take no more work, and end when the last child that has some is done with it."""
        self._outdated = True
        for process in self.processes.values():
            process.outdated = True
        try:
            while self.processes or self._asked:
                self._changed.clear()
                await self._changed.wait()
        finally:
            await self.close()

    async def close(self) -> None:
        """End the zygote and with it every child."""
        if self._control is not None:
            asyncio.get_running_loop().remove_reader(self._control)
            self._control.close()
            self._control = None
        for process in list(self.processes.values()):
            process.close()
        self._fail_asked()
        if self.program is not None:
            self.program.kill()
            await asyncio.to_thread(self.program.wait)
            self.program = None
        self.processes.clear()
        if self._stderr is not None:
            self._stderr.close()
            self._stderr = None

    def _read(self) -> None:
        """Take one packet from the zygote."""
        assert self._control is not None  # noqa: S101 -- the reader is removed with it
        try:
            packet, descriptors, _, _ = socket.recv_fds(
                self._control, child.MAX_PACKET_BYTES, child.MAX_PASSED_DESCRIPTORS
            )
        except BlockingIOError:
            return
        except OSError:
            packet, descriptors = b"", []
        if not packet:
            self._lost()
            return
        message = msgspec.msgpack.decode(packet, type=child.FromZygote)
        if isinstance(message, child.Spawned):
            self._spawned(message, descriptors)
        elif isinstance(message, child.Exited):
            self._exited(message)
        elif self._started is not None and not self._started.done():
            self.protections = message.protections
            self._started.set_result(None)

    def _spawned(self, message: child.Spawned, descriptors: list[int]) -> None:
        answer = self._asked.pop(message.number, None)
        self._changed.set()
        if not descriptors:
            # This process had no room for the descriptor. The child ends by itself when it finds
            # its socket closed, which whoever asked for it does now.
            if answer is not None and not answer.done():
                answer.set_exception(OSError("no descriptor is free"))
            return
        ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        process = Process(message.pid, descriptors[0], ended, self.lower, self._outdated)
        self.processes[message.pid] = process
        if answer is None or answer.done():
            process.close()
        else:
            answer.set_result(process)

    def _exited(self, message: child.Exited) -> None:
        process = self.processes.pop(message.pid, None)
        self._changed.set()
        if process is not None and not process.ended.done():
            process.ended.set_result(message.status)

    def _lost(self) -> None:
        """The zygote is gone; so are its children, by the kernel's hand."""
        assert self._control is not None  # noqa: S101 -- the reader is removed with it
        asyncio.get_running_loop().remove_reader(self._control)
        if self._started is not None and not self._started.done():
            self._started.set_exception(ConnectionError("the zygote is gone"))
        self._fail_asked()
        for process in self.processes.values():
            process.orphaned = True
            if not process.ended.done():
                process.ended.set_result(signal.SIGKILL)
        self.processes.clear()
        self._changed.set()

    def _fail_asked(self) -> None:
        for answer in self._asked.values():
            if not answer.done():
                answer.set_exception(ConnectionError("the zygote is gone"))
        self._asked.clear()

    def _complaint(self) -> str:
        if self._stderr is None:
            return "it said nothing"
        self._stderr.seek(0)
        lines = self._stderr.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1][:500] if lines else "it said nothing"


def _discard(answer: asyncio.Future[Process]) -> None:
    if not answer.cancelled() and answer.exception() is None:
        answer.result().close()


def _launch(
    entry: str, code: Path, control: socket.socket, stderr: IO[bytes]
) -> subprocess.Popen[bytes]:
    """Start the interpreter with nothing of ours but the control socket.

    Isolated mode keeps the working directory and the user's own packages out; the paths that
    this interpreter found Wardian and its libraries in are passed instead.
    """
    paths = os.pathsep.join(path for path in sys.path if path)
    program = (
        "import sys, importlib, pathlib; sys.path[:] = sys.argv[1].split(':'); "
        "module, _, function = sys.argv[2].partition(':'); "
        "getattr(importlib.import_module(module), function)(pathlib.Path(sys.argv[3]))"
    )
    control_fd = control.fileno()

    def place_control() -> None:
        os.dup2(control_fd, child.CONTROL_DESCRIPTOR)
        if control_fd != child.CONTROL_DESCRIPTOR:
            os.set_inheritable(control_fd, False)  # else it has the socket by two numbers

    return subprocess.Popen(
        [sys.executable, "-I", "-c", program, paths, entry, str(code)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        env={},
        cwd="/",
        pass_fds=(control_fd, child.CONTROL_DESCRIPTOR),
        preexec_fn=place_control,
        start_new_session=True,
    )
