"""A NATS server of the tests' own: on a loopback port, with JetStream in a temporary directory."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from time import sleep

from servers import NotInstalled

USER, PASSWORD = "wardian", "canary-nats-81d2"

_WAIT_SECONDS = 30.0

_CONFIGURATION = """
listen: 127.0.0.1:{port}
jetstream {{ store_dir: "{folder}/store" }}
authorization {{ users: [ {{ user: {user}, password: "{password}", {permissions} }} ] }}
pid_file: "{folder}/pid"
{more}
"""


class Server:
    """One running server; `stop` and `start` are for those who test that it goes away."""

    def __init__(self, program: str, folder: Path, more: str = "", permissions: str = "") -> None:
        self._program = program
        self._folder = folder
        self._more = more
        self._permissions = permissions
        self._process: subprocess.Popen[bytes] | None = None
        self._names = count(1)
        self.port = _free_port()

    @property
    def url(self) -> str:
        return f"nats://{USER}:{PASSWORD}@127.0.0.1:{self.port}"

    def stream(self) -> str:
        """Return a name for a stream that nobody else has."""
        return f"test-{next(self._names)}"

    def settings(self) -> dict[str, str]:
        """Return what a host's environment has of it, with a stream of its own."""
        return {
            "WARDIAN_EVENT_BUS": "nats",
            "WARDIAN_NATS_URL": self.url,
            "WARDIAN_NATS_STREAM": self.stream(),
        }

    def start(self) -> None:
        """Start, and return once it takes connections."""
        file = self._folder / "nats.conf"
        file.write_text(
            _CONFIGURATION.format(
                port=self.port,
                folder=self._folder,
                user=USER,
                password=PASSWORD,
                more=self._more,
                permissions=self._permissions,
            )
        )
        self._process = subprocess.Popen(
            [*_until_we_end(), self._program, "--config", str(file)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(int(_WAIT_SECONDS / 0.02)):
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
            except OSError:
                sleep(0.02)  # it does not say when it is there
            else:
                return
        raise TimeoutError("The NATS server does not take connections.")

    def stop(self) -> None:
        """Kill the server, as a machine that fails does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(_WAIT_SECONDS)
            self._process = None

    def forget(self) -> None:
        """Remove everything that it has stored; it must be stopped."""
        shutil.rmtree(self._folder / "store")


@contextmanager
def server(more: str = "", permissions: str = "") -> Iterator[Server]:
    """Run a server, with ``more`` in its configuration, and these ``permissions`` of its user.

    Raises:
        NotInstalled: there is no program for it.
    """
    program = shutil.which("nats-server") or shutil.which("nats-server", path="/usr/sbin")
    if program is None:
        raise NotInstalled("NATS's server is not installed (Debian: apt-get install nats-server)")
    folder = Path(tempfile.mkdtemp(prefix="wardian-nats-"))
    running = Server(program, folder, more, permissions)
    try:
        running.start()
        yield running
    finally:
        running.stop()
        shutil.rmtree(folder)


def _until_we_end() -> list[str]:
    """Return how to start a program that ends with the tests, also when they are killed."""
    return ["setpriv", "--pdeathsig=KILL", "--"] if shutil.which("setpriv") else []


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
