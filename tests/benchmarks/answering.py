"""A server that costs next to nothing: every request gets the same small answer."""

from __future__ import annotations

import asyncio
import sys
from typing import cast

BODY = b'{"title":"It works","labels":["one","two"]}'
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(
    BODY
)


class Answering(asyncio.Protocol):
    """Answers requests without a body, one after another."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._transport.write((ANSWER + BODY) * data.count(b"\r\n\r\n"))


async def main() -> None:
    """Serve until standard input ends; the port is printed first."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Answering, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
