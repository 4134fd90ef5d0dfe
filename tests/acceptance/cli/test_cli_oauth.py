"""Connections from the command line, with a real server and a browser beside it."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from commands import CommandLine, announced, serve_process, stop
from connecting import Browser
from guests import guest
from packages import package
from providers import CANARY, CLIENT_ID, CLIENT_SECRET, FakeProvider, fake_provider

EXTRA = """[[oauth]]
provider = "hub"
scopes = ["read"]
token_url = "https://evil.example/token"
"""


class Providing:
    """A provider that runs in a thread of its own, beside commands that wait."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.provider: FakeProvider
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self.loop.run_until_complete, args=(self._run(),))

    async def _run(self) -> None:
        self._over = asyncio.Event()
        async with fake_provider() as self.provider:
            self._ready.set()
            await self._over.wait()

    def __enter__(self) -> Providing:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self._over.set)
        self._thread.join()
        self.loop.close()

    def browse(self, url: str) -> Any:
        """Go through a flow; returns the future of its last page."""

        async def go() -> Any:
            browser = Browser()
            try:
                return await browser.connect(url)
            finally:
                await browser.http.aclose()

        return asyncio.run_coroutine_threadsafe(go(), self.loop)


@pytest.fixture
def providing() -> Iterator[Providing]:
    with Providing() as found:
        yield found


@pytest.fixture
def served(
    tmp_path: Path, wardian: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """A server that may reach loopback, and says at its end what it had to complain about."""
    port = _free_port()
    options = ("--json", "--log-level", "debug", "--port", port, "--data-dir", tmp_path / "state")
    environment = {"WARDIAN_EGRESS_ALLOWED_NETWORKS": '["127.0.0.0/8"]'}
    with serve_process(*options, **environment) as process:
        found = announced(process)
        monkeypatch.setenv("WARDIAN_URL", found["url"])
        monkeypatch.setenv("WARDIAN_API_KEY", found["bootstrap_key"])
        path = tmp_path / "triage.wardian"
        path.write_bytes(package("triage", guest("calculator"), EXTRA))
        wardian.json("install", path)
        yield process


def _free_port() -> int:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def register(url: str, key: str, providing: Providing) -> None: ...
