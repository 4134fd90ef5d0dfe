"""A host on a socket, a provider on another, and browsers between the two."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import httpx

from hosts import FakeHost, fake_host, package
from providers import CLIENT_SECRET, FakeProvider, fake_provider
from wardian.api.app import app_over
from wardian.cli.serve import Server, listen, url_of
from wardian.policy.bindings import parse_binding
from wardian.policy.secret import Secret
from wardian.runtime.executor.job import HostCalls
from wardian.runtime.oauth.refreshing import Refreshing
from wardian.settings import Settings
from wardian.storage.rows import now
from wardian.vault import Bound, Held, Kind

PLUGIN = "stores"
PROVIDER = "hub"
CLIENT = "hub-client"
EVIL = "https://evil.example"

MANIFEST = f"""
[[oauth]]
provider = "{PROVIDER}"
scopes = ["read", "write"]
authorize_url = "{EVIL}/authorize"
token_url = "{EVIL}/token"
"""

PERMISSIONS = """
[[permissions]]
permission = "http:request:GET:http://127.0.0.1/*"
reason = "Reads issues."

[[permissions]]
permission = "credentials:use:hub"
reason = "In your name."
"""

_FIELD = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')


class Clock:
    """What the time is, by a test."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return now() + self.ahead

    def forward(self, **time: float) -> None:
        self.ahead += timedelta(**time)


class Browser:
    """Somebody's browser: it keeps cookies, follows redirects and presses the one button."""

    def __init__(self) -> None:
        self.http = httpx.AsyncClient(trust_env=False, timeout=30)
        self.pages: list[httpx.Response] = []

    async def open(self, url: str) -> httpx.Response:
        """Open an address and go wherever it leads."""
        page = await self.http.get(url, follow_redirects=True)
        self.pages.append(page)
        return page

    async def agree(self, page: httpx.Response) -> httpx.Response:
        """Press the button of a page; the answer is not followed."""
        fields = {name: unescape(value) for name, value in _FIELD.findall(page.text)}
        return await self.http.post(str(page.url.copy_with(query=None)), data=fields)

    async def sent(self, url: str) -> str:
        """Open a flow's address, agree, and return where the host sends the browser."""
        answer = await self.agree(await self.open(url))
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    async def consented(self, url: str) -> str:
        """Go through a flow as far as the provider, and return where it sends the browser back."""
        answer = await self.http.get(await self.sent(url))
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]

    async def connect(self, url: str) -> httpx.Response:
        """Go through a flow to its end, and return the page there."""
        return await self.open(await self.consented(url))


@dataclass
class World:
    """All that takes part.

    Attributes:
        url: of the host.
        clock: by which flows and tokens are judged.
    """

    url: str
    host: FakeHost
    provider: FakeProvider
    clock: Clock
    browsers: list[Browser] = field(default_factory=list)

    def browser(self) -> Browser:
        """Return a new browser."""
        self.browsers.append(Browser())
        return self.browsers[-1]

    async def register(self, name: str = CLIENT, tenant: str = "default", **changes: Any) -> str:
        """Make the client credential for the provider; returns its redirect URI."""
        public = {**self.provider.fields, **changes}
        await self.host.parts.vault.put(
            tenant,
            owner=None,
            name=name,
            kind=Kind.OAUTH2_CLIENT,
            public={key: value for key, value in public.items() if value is not None},
            secrets={"client_secret": Secret(CLIENT_SECRET)},
            bound=Bound(origins=(parse_binding(f"{self.provider.url}/api/"),)),
        )
        redirect_uri = f"{self.url}/oauth/callback/{tenant}/{name}"
        self.provider.redirect_uris.add(redirect_uri)
        return redirect_uri

    async def start(self, **more: Any) -> str:
        """Start a flow; returns the address to open."""
        found = await self.host.host.oauth_flows.start(PLUGIN, PROVIDER, actor="op", **more)
        return found.authorize_url

    async def connect(self, **more: Any) -> httpx.Response:
        """Connect the plugin, in a browser of its own."""
        return await self.browser().connect(await self.start(**more))

    async def held(self, tenant: str = "default") -> Held:
        """Return the connection as the vault has it."""
        plugin = await self.host.parts.registry.get(tenant, PLUGIN)
        return await self.host.parts.vault.find(tenant, plugin.id, PROVIDER)

    async def fresh(self) -> Held:
        """Return the connection as the host uses it."""
        return await self.host.host.connections.fresh(await self.held())

    async def issues(self) -> Any:
        """Have the plugin ask the provider's API, naming the connection."""
        url = f"{self.provider.url}/api/issues"
        outcome = await self.host.host.call(PLUGIN, "run", {"url": url})
        return outcome.result

    async def status(self, tenant: str = "default") -> Any:
        """Return what an operator is shown of the connection."""
        (found,) = await self.host.host.connections.list(PLUGIN, tenant=tenant)
        return found

    @property
    def refreshing(self) -> Refreshing:
        return self.host.host.connections._refreshing


async def _send(arguments: Mapping[str, Any], answer: HostCalls) -> Any:
    request = {"method": "GET", "headers": [], "body": None, "timeout-ms": None}
    return await answer("http", "send", [request | arguments | {"credential": PROVIDER}])


@asynccontextmanager
async def world(folder: Path, **settings: Any) -> AsyncIterator[World]:
    """Open a host with a plugin that wants to be connected, and a provider."""
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(listen("127.0.0.1", 0))
        url = url_of(listener)
        provider = await stack.enter_async_context(fake_provider())
        chosen: Mapping[str, Any] = {
            "public_url": url,
            "egress_allowed_networks": ("127.0.0.0/8",),
            **settings,
        }
        host = await stack.enter_async_context(fake_host(folder, {"run": _send}, **chosen))
        port = provider.url.rpartition(":")[2]
        permissions = PERMISSIONS.replace("127.0.0.1", f"127.0.0.1:{port}")
        await host.host.install(
            package(PLUGIN, more=MANIFEST + permissions),
            grants=[f"http:request:GET:{provider.url}/*", "credentials:use:hub"],
        )
        server = Server(listener, app_over(host.host, Settings(data_dir=folder, **chosen)))
        running = asyncio.create_task(server.run_until_stopped())
        clock = Clock()
        host.host.oauth_flows._now = clock
        found = World(url, host, provider, clock)
        found.refreshing._now = clock
        try:
            yield found
        finally:
            for browser in found.browsers:
                await browser.http.aclose()
            server.stop()
            await running
