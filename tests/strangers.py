"""Servers on loopback that guests' requests go to, and a broker that lets them."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

from wardian.egress import Egress
from wardian.egress.addresses import AddressRules, IPAddress, parse_opened
from wardian.egress.resolver import SystemResolver
from wardian.egress.tls import Authorities
from wardian.egress.turns import Shares

LOOPBACK = "127.0.0.0/8"


@dataclass(frozen=True)
class Heard:
    """A request as it came: header names in lower case."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    connection: int
    reader: asyncio.StreamReader

    def header(self, name: str) -> str | None:
        values = [value for each, value in self.headers if each == name]
        assert len(values) <= 1, values
        return values[0] if values else None


Reply = Callable[[Heard, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Stranger:
    """A server, and what it heard.

    Attributes:
        connections: how many were ever made.
        ended: set when a connection is closed by the other side.
    """

    port: int = 0
    scheme: str = "http"
    heard: list[Heard] = field(default_factory=list)
    connections: int = 0
    open: int = 0
    most_open: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def grant(self, method: str = "*", host: str = "127.0.0.1") -> str:
        """The permission to send it anything."""
        return f"http:request:{method}:{self.scheme}://{host}:{self.port}/*"


def response(
    body: bytes = b"ok", status: int = 200, headers: Iterable[tuple[str, str]] = ()
) -> bytes:
    """A whole response."""
    lines = [f"HTTP/1.1 {status} Something", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode() + body


def saying(*pieces: bytes) -> Reply:
    """Answer every request with these bytes."""

    async def reply(heard: Heard, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()

    return reply


def by_path(replies: Mapping[str, bytes]) -> Reply:
    """Answer by the path that is asked for."""

    async def reply(heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(replies[heard.target.partition("?")[0]])

    return reply


def redirect(location: str, status: int = 302) -> bytes:
    return response(b"", status, [("location", location)])


@asynccontextmanager
async def stranger(
    reply: Reply | None = None, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[Stranger]:
    """Serve on a free port; by default every answer is ``ok``."""
    server = Stranger(scheme="http" if tls is None else "https")
    answer = reply or saying(response())
    tasks: set[asyncio.Task[Any]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(task := asyncio.current_task())  # type: ignore[arg-type]
        server.connections += 1
        server.open += 1
        server.most_open = max(server.most_open, server.open)
        number = server.connections
        try:
            while (heard := await _hear(reader, number)) is not None:
                server.heard.append(heard)
                await answer(heard, writer)
                await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            """The other side has gone, or the test is over."""
        finally:
            server.open -= 1
            server.ended.set()
            writer.transport.abort()
            tasks.discard(task)  # type: ignore[arg-type]

    listening = await asyncio.start_server(serve, host, 0, ssl=tls)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _hear(reader: asyncio.StreamReader, number: int) -> Heard | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    method, target, _ = first.split(" ")
    headers = tuple(
        (name.lower(), value.strip()) for name, _, value in (each.partition(":") for each in lines)
    )
    length = int(dict(headers).get("content-length", "0"))
    body = await reader.readexactly(length)
    return Heard(method, target, headers, body, number, reader)


@asynccontextmanager
async def broker(
    *opened: str,
    resolver: Any = None,
    authorities: Authorities | None = None,
    **settings: Any,
) -> AsyncIterator[Egress]:
    """A broker that lets requests go to loopback, or to what is opened."""
    rules = AddressRules(parse_opened(text) for text in opened or (LOOPBACK,))
    made = resolver or SystemResolver()
    egress = Egress(made, rules, authorities or Authorities(), **settings)
    try:
        yield egress
    finally:
        await egress.close()
        await asyncio.sleep(0)  # its sockets are closed when the loop next turns


def few(total: int, **others: int) -> Shares:
    """Shares of a few at once."""
    chosen = {
        "per_tenant": total,
        "per_place": total,
        "waiting": 10_000,
        "waiting_per_tenant": 10_000,
    } | others
    return Shares(total=total, **chosen)


class Names:
    """A resolver with answers of its own, which may change: each look-up takes the next."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self._answers = {name.replace("_", "."): answer for name, answer in answers.items()}
        self.asked: list[str] = []

    async def __call__(self, tenant: str, host: str, port: int) -> list[IPAddress]:
        self.asked.append(host)
        answers = self._answers.get(host, [[host]])
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return [ip_address(text) for text in found]

    async def close(self) -> None:
        """Nothing is held."""


def request(url: str, **fields: Any) -> dict[str, Any]:
    """What a guest passes to ``http.send``."""
    return {
        "method": "GET",
        "url": url,
        "headers": [],
        "body": None,
        "credential": None,
        "timeout-ms": None,
    } | {name.replace("_", "-"): value for name, value in fields.items()}
