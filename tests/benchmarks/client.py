"""A client that costs little: HTTP/1.1 over a few kept connections, one request at a time on each.

A process of its own. It reads one JSON object a line, ``{"path", "requests"}``, sends that many
requests to the path, and answers ``{"seconds", "cpu_seconds"}``. The object may have another
``body``, and fewer ``connections``.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from urllib.parse import urlsplit

CONNECTIONS = 4


class Connection(asyncio.Protocol):
    """Sends the same request again as soon as it is answered."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._request = b""
        self._left = 0
        self._done: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    async def send(self, request: bytes, times: int) -> None:
        """Send a request ``times`` times; each must be answered with 200."""
        assert self._transport is not None
        self._request, self._left = request, times
        self._done = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        await self._done

    def data_received(self, data: bytes) -> None:
        assert self._done is not None
        assert self._transport is not None
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found or len(body) < _length(head):
            return
        if not head.startswith(b"HTTP/1.1 200 "):
            self._done.set_exception(ConnectionError((head + found + body).decode()))
            return
        self._received = b""
        self._left -= 1
        if self._left:
            self._transport.write(self._request)
        else:
            self._done.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_exception(exc or ConnectionError("The server closed a connection."))


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


def request_to(url: str, path: str, key: str, body: bytes) -> bytes:
    """A POST request with a JSON body and a bearer key."""
    lines = (
        f"POST {path} HTTP/1.1",
        f"Host: {urlsplit(url).netloc}",
        f"Authorization: Bearer {key}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "",
        "",
    )
    return "\r\n".join(lines).encode() + body


async def main(url: str, key: str, body: bytes) -> None:
    """Do as standard input says, until it ends."""
    loop = asyncio.get_running_loop()
    address = urlsplit(url)
    assert address.hostname is not None
    connections = [
        (await loop.create_connection(Connection, address.hostname, address.port or 80))[1]
        for _ in range(CONNECTIONS)
    ]
    while line := await asyncio.to_thread(sys.stdin.readline):
        wanted = json.loads(line)
        sent = wanted["body"].encode() if "body" in wanted else body
        request = request_to(url, wanted["path"], key, sent)
        used = connections[: wanted.get("connections", CONNECTIONS)]
        share = max(1, wanted["requests"] // len(used))
        started, busy = time.perf_counter(), time.process_time()
        await asyncio.gather(*(each.send(request, share) for each in used))
        answer = {
            "requests": share * len(used),
            "seconds": time.perf_counter() - started,
            "cpu_seconds": time.process_time() - busy,
        }
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3].encode()))
