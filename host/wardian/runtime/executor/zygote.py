"""The broker's side of the zygote: start it, ask it for processes, hear how they ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import msgspec

from wardian.errors import HostUnusable, WorkerLost
from wardian.worker import zygote as child
from wardian.worker.confinement import Bounds
from wardian.worker.protections import NONE, Protections

START_SECONDS = 30.0
SPAWN_SECONDS = 10.0
EXIT_REPORT_SECONDS = 1.0


@dataclass(slots=True)
class Process:
    """A child of the zygote. ``pidfd`` refers to this very process for ever."""

    pid: int
    pidfd: int
    ended: asyncio.Future[int] = field(repr=False)
    _poll: select.poll = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._poll = select.poll()  # not select(), which knows descriptors up to 1023 only
        self._poll.register(self.pidfd, select.POLLIN)

    def kill(self) -> None:
        """End the process at once; harmless when it has ended."""
        if self.pidfd >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def alive(self) -> bool:
        """Ask the kernel whether the process still runs."""
        return self.pidfd >= 0 and not self._poll.poll(0)

    async def how_it_ended(self) -> str:
        """Say in words how the process ended."""
        try:
            async with asyncio.timeout(EXIT_REPORT_SECONDS):
                status = await asyncio.shield(self.ended)
        except TimeoutError:
            return "it has not ended"
        if os.WIFSIGNALED(status):
            return f"it was ended by signal {_signal_in_words(os.WTERMSIG(status))}"
        return f"it exited with status {os.WEXITSTATUS(status)}"

    def close(self) -> None:
        """Kill the process and forget it."""
        self.kill()
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self.pidfd = -1


class Zygote:
    """Forks workers in about a millisecond, because everything is imported already.

    ``code`` is the directory of compiled code, the only files that a worker can read.
    ``entry`` is the module whose ``main`` the process runs.
    """

    def __init__(self, code: Path, entry: str = child.__name__) -> None:
        self._code = code
        self._entry = entry
        self._code_identity: tuple[int, int] | None = None
        self._protections = NONE
        self._control: socket.socket | None = None
        self._program: subprocess.Popen[bytes] | None = None
        self._stderr: IO[bytes] | None = None
        self._asked: dict[int, asyncio.Future[Process]] = {}
        self._requests = 0
        self._processes: dict[int, Process] = {}
        self._started: asyncio.Future[None] | None = None
        self._lock = asyncio.Lock()

    @property
    def running(self) -> bool:
        """Whether the zygote can be asked for processes."""
        return self._program is not None and self._program.poll() is None

    @property
    def protections(self) -> Protections:
        """What holds its children on this machine; known once it was started."""
        return self._protections

    async def start(self) -> None:
        """Start the zygote and wait until it is warm.

        Raises:
            HostUnusable: it did not start; says why.
        """
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 -- closed with the zygote
        self._code_identity = _identity(self._code)
        try:
            self._program = _launch(self._entry, self._code, theirs, self._stderr)
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

    async def ensure(self) -> None:
        """Start the zygote again if it died, or if its directory is not there any more."""
        async with self._lock:
            if not self.running or _identity(self._code) != self._code_identity:
                await self.close()
                await self.start()

    async def spawn(
        self, bounds: Bounds, descriptors: list[int], *, compiles: bool = False
    ) -> Process:
        """Fork a child with these descriptors.

        Raises:
            WorkerLost: the zygote is gone or does not answer.
        """
        try:
            await self.ensure()
        except (HostUnusable, OSError) as error:
            raise WorkerLost(f"No worker process could be started: {error}.") from error
        self._requests += 1
        number = self._requests
        request = child.Spawn(
            number, compiles, bounds.memory_bytes, bounds.file_bytes, bounds.cpu_seconds
        )
        answer: asyncio.Future[Process] = asyncio.get_running_loop().create_future()
        self._asked[number] = answer
        try:
            assert self._control is not None  # noqa: S101 -- `ensure` connected it
            socket.send_fds(self._control, [msgspec.msgpack.encode(request)], descriptors)
            async with asyncio.timeout(SPAWN_SECONDS):
                return await asyncio.shield(answer)
        except (OSError, TimeoutError) as error:
            answer.add_done_callback(_discard)
            if isinstance(error, TimeoutError) and self._program is not None:
                self._program.kill()  # it does not answer; the next request starts another
            raise WorkerLost(f"No worker process could be started: {error}.") from error
        except asyncio.CancelledError:
            answer.add_done_callback(_discard)
            raise

    async def close(self) -> None:
        """End the zygote and with it every child."""
        if self._control is not None:
            asyncio.get_running_loop().remove_reader(self._control)
            self._control.close()
            self._control = None
        for process in list(self._processes.values()):
            process.close()
        self._fail_asked()
        if self._program is not None:
            self._program.kill()
            await asyncio.to_thread(self._program.wait)
            self._program = None
        self._processes.clear()
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
            self._protections = message.protections
            self._started.set_result(None)

    def _spawned(self, message: child.Spawned, descriptors: list[int]) -> None:
        answer = self._asked.pop(message.number, None)
        if not descriptors:
            # This process had no room for the descriptor. The child ends by itself when it finds
            # its socket closed, which whoever asked for it does now.
            if answer is not None and not answer.done():
                answer.set_exception(OSError("no descriptor is free"))
            return
        ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        process = self._processes[message.pid] = Process(message.pid, descriptors[0], ended)
        if answer is None or answer.done():
            process.close()
        else:
            answer.set_result(process)

    def _exited(self, message: child.Exited) -> None:
        process = self._processes.pop(message.pid, None)
        if process is not None and not process.ended.done():
            process.ended.set_result(message.status)

    def _lost(self) -> None:
        """The zygote is gone; so are its children, by the kernel's hand."""
        assert self._control is not None  # noqa: S101 -- the reader is removed with it
        asyncio.get_running_loop().remove_reader(self._control)
        if self._started is not None and not self._started.done():
            self._started.set_exception(ConnectionError("the zygote is gone"))
        self._fail_asked()
        for process in self._processes.values():
            if not process.ended.done():
                process.ended.set_result(signal.SIGKILL)
        self._processes.clear()

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


def _signal_in_words(number: int) -> str:
    name = signal.Signals(number).name
    if number == signal.SIGSYS:
        return f"{name}: it made a system call that workers may not make"
    return name


def _identity(directory: Path) -> tuple[int, int]:
    """Tell a directory from another one that is made in its place; makes it where it is missing."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = directory.stat()
    return found.st_dev, found.st_ino


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
        "importlib.import_module(sys.argv[2]).main(pathlib.Path(sys.argv[3]))"
    )
    control_fd = control.fileno()

    def place_control() -> None:
        os.dup2(control_fd, child.CONTROL_DESCRIPTOR)

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
