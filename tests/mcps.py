"""The SDK's own client, and messages as others send them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import httpx2
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

from apis import serving
from fakes import Body
from hosts import FakeHost, fake_host, package
from wardian.settings import Settings

MODES = ["auto", "legacy"]
"""The SDK's words for the newest version of MCP, and for those with a handshake."""

HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json, text/event-stream",
    "Mcp-Protocol-Version": "2025-11-25",
}


@asynccontextmanager
async def mcp_client(
    address: tuple[str, int], key: str, mode: str = "auto", **options: Any
) -> AsyncIterator[Client]:
    """The SDK's client, connected to the host at an address."""
    url = "http://{}:{}/mcp".format(*address)
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        httpx2.AsyncClient(headers=headers, trust_env=False, timeout=30) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode, **options) as client,
    ):
        yield client


def message(method: str, params: Any = None, **others: Any) -> dict[str, Any]:
    """A message as the versions with a handshake have it."""
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}, **others}


async def sent(
    client: httpx.AsyncClient, content: Any, headers: Mapping[str, str] | None = None
) -> httpx.Response:
    """Send a message, or bytes in its place."""
    text = {"content": content} if isinstance(content, bytes) else {"json": content}
    return await client.post("/mcp", headers={**HEADERS, **(headers or {})}, **text)


RUN = "stores__run"
"""The only tool of `mcp_host`."""


@dataclass(frozen=True)
class McpHost:
    """A host that serves, whose address and keys are known."""

    made: FakeHost
    address: tuple[str, int]
    key: str
    key_id: str


@asynccontextmanager
async def mcp_host(
    folder: Path, run: Body, *, more: str = "", **settings: Any
) -> AsyncIterator[McpHost]:
    """Serve a host with one plugin, ``stores``, whose only function is ``run``."""
    async with asyncio.timeout(120), fake_host(folder, {"run": run}) as made:
        await made.host.install(package(more=more), grants="all")
        key = await made.host.keys.create("caller", ["call"], "default")
        async with serving(made.host, Settings(data_dir=folder, **settings)) as address:
            yield McpHost(made, address, key.token, key.id)


@asynccontextmanager
async def plain(there: McpHost, key: str | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """A client that sends whatever it is told to."""
    headers = {"Authorization": f"Bearer {key or there.key}"}
    url = "http://{}:{}".format(*there.address)
    async with httpx.AsyncClient(
        base_url=url, headers=headers, trust_env=False, timeout=30
    ) as client:
        yield client
