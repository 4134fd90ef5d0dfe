"""Connections from the command line, with a real server and a browser beside it."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from commands import CommandLine, announced, command_process, serve_process, stop
from connecting import Browser
from guests import guest
from packages import package
from providers import CANARY, CLIENT_SECRET, FakeProvider, fake_provider

EXTRA = """[[oauth]]
provider = "hub"
scopes = ["read"]
token_url = "https://evil.example/token"
"""


class Providing:
    """A provider in a thread of its own, beside commands that wait."""

    provider: FakeProvider

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        self._loop.run_until_complete(self._provide())

    async def _provide(self) -> None:
        self._over = asyncio.Event()
        async with fake_provider() as self.provider:
            self._ready.set()
            await self._over.wait()

    def __enter__(self) -> Providing:
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()
        self._loop.close()

    def browse(self, url: str) -> str:
        """Go through a flow in a browser; returns the text of its last page."""

        async def go() -> str:
            browser = Browser()
            try:
                return (await browser.connect(url)).text
            finally:
                await browser.http.aclose()

        page: Future[str] = asyncio.run_coroutine_threadsafe(go(), self._loop)
        return page.result(60)


@pytest.fixture
def providing() -> Iterator[Providing]:
    with Providing() as found:
        yield found


@pytest.fixture
def server(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A server that may send requests to loopback and logs all it can."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    options = ("--json", "--log-level", "debug", "--port", port, "--data-dir", tmp_path / "state")
    networks = {"WARDIAN_EGRESS_ALLOWED_NETWORKS": '["127.0.0.0/8"]'}
    with serve_process(*options, **networks) as process:
        yield process


@pytest.fixture
def remote(
    server: subprocess.Popen[str],
    providing: Providing,
    wardian: CommandLine,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> CommandLine:
    """The command line of an operator who has installed a plugin and registered a client."""
    found = announced(server)
    monkeypatch.setenv("WARDIAN_URL", found["url"])
    monkeypatch.setenv("WARDIAN_API_KEY", found["bootstrap_key"])
    monkeypatch.setenv("HUB_SECRET", CLIENT_SECRET)
    path = tmp_path / "triage.wardian"
    path.write_bytes(package("triage", guest("calculator"), EXTRA))
    wardian.json("install", path)
    provider = providing.provider
    fields = [f"--field={name}={value}" for name, value in provider.fields.items()]
    wardian.json(
        *("credential", "set", "hub-client", "--kind", "oauth2-client", *fields),
        *("--from", "client_secret=env:HUB_SECRET", "--origin", f"{provider.url}/api/"),
    )
    (status,) = wardian.json("oauth", "status", "triage")["connections"]
    provider.redirect_uris.add(status["redirect_uri"])
    return wardian


def test_a_plugin_is_connected_from_the_command_line(
    remote: CommandLine, providing: Providing, server: subprocess.Popen[str]
) -> None:
    kept = {name: os.environ[name] for name in ("WARDIAN_URL", "WARDIAN_API_KEY")}
    with command_process("oauth", "connect", "triage", "hub", "--json", **kept) as waiting:
        assert waiting.stderr is not None
        url = waiting.stderr.readline().strip()
        assert "hub" in providing.browse(url)
        out, err = waiting.communicate(timeout=60)
    assert waiting.returncode == 0, err
    connected = json.loads(out)
    assert (connected["state"], connected["granted"]) == ("connected", ["read"])

    text = remote("oauth", "status", "triage").out
    assert "hub: connected" in text
    assert "https://evil.example/token (not used)" in text
    (kept_credential,) = [
        each for each in remote.json("credential", "list")["credentials"] if each["name"] == "hub"
    ]
    assert (kept_credential["kind"], kept_credential["standing"]) == ("oauth2-token", "ok")

    gone = remote.json("oauth", "disconnect", "triage", "hub", "--yes")
    assert gone == {"provider": "hub", "revoked": True, "detail": ""}
    assert remote.error("oauth", "disconnect", "triage", "hub", "--yes")["type"] == "not-found"
    code, log = stop(server)
    assert code == 0
    for said in (CANARY, url.partition("ticket=")[2], "code=", "state="):
        assert said not in log


def test_who_waits_for_a_refusal_is_told(remote: CommandLine, providing: Providing) -> None:
    providing.provider.be(refuses="access_denied")
    kept = {name: os.environ[name] for name in ("WARDIAN_URL", "WARDIAN_API_KEY")}
    with command_process("oauth", "connect", "triage", "hub", **kept) as waiting:
        assert waiting.stderr is not None
        url = next(line for line in waiting.stderr if "/oauth/connect?ticket=" in line)
        assert "access_denied" in providing.browse(url.strip())
        _, err = waiting.communicate(timeout=60)

    assert waiting.returncode == 1
    assert "was not connected to hub" in err


def test_a_script_gets_the_address_and_goes_on(remote: CommandLine, providing: Providing) -> None:
    started = remote.json("oauth", "connect", "triage", "hub", "--no-wait")

    assert set(started) == {"authorize_url", "expires_at", "redirect_uri"}
    assert "is connected" in providing.browse(started["authorize_url"])
    (status,) = remote.json("oauth", "status", "triage")["connections"]
    assert status["state"] == "connected"


def test_what_is_not_there_is_named(remote: CommandLine) -> None:
    unknown = remote.error("oauth", "connect", "triage", "nowhere")
    assert "it names hub" in unknown["detail"]
    missing = remote.error("oauth", "connect", "triage", "hub", "--client", "nobody")
    assert "oauth2-client" in missing["detail"]
    assert remote.error("oauth", "status", "nothing")["type"] == "not-found"
