"""The server: one host, one port."""

from __future__ import annotations

import asyncio
import resource
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
import uvicorn

from wardian.agents.host import Host
from wardian.api.app import app_over, end_streams
from wardian.bootstrap import open_host
from wardian.cli.connections import (
    ACCEPTED_AT_ONCE,
    KEEP_ALIVE_SECONDS,
    BoundedConnection,
    connections_max,
    raise_descriptor_limit,
)
from wardian.cli.logs import Format, Least, LogFormat, LogLevel, logging_to_stderr
from wardian.cli.terminal import Json, Terminal, command
from wardian.errors import HostUnusable
from wardian.settings import Settings, load_settings

DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="Everything the host keeps. Default: ./.wardian")
]
Port = Annotated[int | None, typer.Option("--port", help="Default: 8420")]
Address = Annotated[
    str | None, typer.Option("--host", help="Address to listen on. Default: 127.0.0.1")
]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_GRACE_SECONDS = 15


@command
def serve(
    data_dir: DataDir = None,
    port: Port = None,
    host: Address = None,
    log_format: Format = LogFormat.TEXT,
    log_level: Least = LogLevel.INFO,
    json: Json = False,
) -> None:
    """Run the host until it is interrupted."""
    terminal = Terminal(json=json)
    with logging_to_stderr(log_format, log_level):
        asyncio.run(_serve(terminal, chosen_settings(data_dir, port, host)))


def chosen_settings(data_dir: Path | None, port: int | None, host: str | None) -> Settings:
    """The operator's settings, with what the command line says on top.

    Raises:
        HostUnusable: one of them does not hold.
    """
    given: dict[str, Any] = {"data_dir": data_dir, "port": port, "host": host}
    return load_settings(**{name: value for name, value in given.items() if value is not None})


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[tuple[Host, Server, str]]:
    """Open the port, then the host, and hand out both with a server that is not yet running.

    The port comes first: when it is taken, nothing on disk has been touched. From then on a
    signal ends the whole in order: it cancels the start, or stops the server.

    Raises:
        HostUnusable: the address cannot be listened on, or the host cannot start.
    """
    raise_descriptor_limit()
    with listen(settings.host, settings.port) as listener, _signals() as stop:
        async with open_host(settings) as host:
            app = app_over(host, settings)
            server = Server(listener, app, partial(end_streams, app))
            stop.by(server.stop)
            yield host, server, url_of(listener)


class Server(uvicorn.Server):
    """Uvicorn on a socket that is open already, and without a hand in signals.

    Uvicorn raises a signal again once it is done, which for SIGTERM would end the process
    before the host had closed its workers and its database.
    """

    def __init__(
        self,
        listener: socket.socket,
        app: Callable[..., Any],
        end_streams: Callable[[], None] = lambda: None,
    ) -> None:
        descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        super().__init__(
            uvicorn.Config(
                app,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                # What proxies say is read in `wardian.api.addresses`, of those that are trusted.
                proxy_headers=False,
                http=BoundedConnection,
                ws="none",
                backlog=ACCEPTED_AT_ONCE,
                limit_concurrency=connections_max(descriptors),
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )
        self._listener = listener
        self._end_streams = end_streams

    async def run_until_stopped(self) -> None:
        """Serve until ``stop`` is called."""
        await self.serve(sockets=[self._listener])

    def stop(self) -> None:
        """Take no more connections, and end once the requests under way are answered.

        Streams of events have no answer that ends, so they are ended.
        """
        self.should_exit = True
        self._end_streams()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Stop:
    """What a signal does at the moment."""

    def __init__(self, action: Callable[[], object]) -> None:
        self._action = action

    def by(self, action: Callable[[], object]) -> None:
        self._action = action

    def __call__(self) -> None:
        self._action()


@contextmanager
def _signals() -> Iterator[_Stop]:
    """Take SIGINT and SIGTERM; at first they cancel the task that this is called in."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None  # noqa: S101 - called from a coroutine, which always has one
    stop = _Stop(task.cancel)
    for number in _SIGNALS:
        loop.add_signal_handler(number, stop)
    try:
        yield stop
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


@contextmanager
def listen(address: str, port: int) -> Iterator[socket.socket]:
    """Listen on ``address``.

    Raises:
        HostUnusable: it is taken, or not this machine's.
    """
    try:
        found = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, target = found[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _unusable(address, port, error) from error
    with listener:
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(target)
            listener.listen(ACCEPTED_AT_ONCE)
        except (OSError, OverflowError) as error:
            raise _unusable(address, port, error) from error
        yield listener


def url_of(listener: socket.socket) -> str:
    """The address that a browser on this machine can use."""
    address, port = listener.getsockname()[:2]
    if address in ("0.0.0.0", "::"):  # noqa: S104 - compared with, not listened on
        address = "127.0.0.1"
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"


async def _serve(terminal: Terminal, settings: Settings) -> None:
    async with serving(settings) as (host, server, url):
        found = {
            "url": url,
            "data_dir": str(settings.data_dir),
            "bootstrap_key": host.bootstrap_token,
        }
        terminal.answer(found, lambda: _show(terminal, settings, url, host.bootstrap_token))
        await server.run_until_stopped()


def _show(terminal: Terminal, settings: Settings, url: str, key: str | None) -> None:
    terminal.line(f"Wardian serves {url} from {settings.data_dir}", "bold")
    terminal.line(f"Documentation: {url}/docs")
    if key is not None:
        terminal.line("The first admin key, shown only now:")
        terminal.line(key, "bold green")
    terminal.note("Stop it with Ctrl-C.")


def _unusable(address: str, port: int, error: Exception) -> HostUnusable:
    reason = getattr(error, "strerror", None) or str(error)
    return HostUnusable(
        f"Port {port} on {address} cannot be used: {reason}. Choose another one with --port."
    )
