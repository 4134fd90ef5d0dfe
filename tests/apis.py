"""The application over a host, for clients in this process and on a socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx

from wardian.api.app import app_over
from wardian.cli.serve import Server, listen
from wardian.runtime.host import PluginHost
from wardian.settings import Settings

Connect = Callable[[str | None], httpx.AsyncClient]


def clients(host: PluginHost, settings: Settings) -> Connect:
    """Return what makes clients that hold the key they are given."""
    transport = httpx.ASGITransport(app=app_over(host, settings))

    def of(key: str | None) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.AsyncClient(
            transport=transport, base_url="http://host", headers=headers, trust_env=False
        )

    return of


@asynccontextmanager
async def serving(host: PluginHost, settings: Settings) -> AsyncIterator[tuple[str, int]]:
    """Serve the application on a socket of its own; its address and port."""
    with listen("127.0.0.1", 0) as listener:
        server = Server(listener, app_over(host, settings))
        running = asyncio.create_task(server.run_until_stopped())
        address: tuple[str, int] = listener.getsockname()
        yield address
        server.should_exit = True
        await running
