"""Webhooks over real sockets, by a client that knows nothing of the host but its address."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

import senders
from guests.webhooks import hooked
from packages import KEY
from wardian.api.app import app_over
from wardian.bootstrap import open_host
from wardian.cli.serve import Server, listen
from wardian.runtime.host import PluginHost
from wardian.settings import Settings

pytestmark = pytest.mark.anyio

PATH = "/api/v1/hooks/default/hooked/github"
WEBHOOKS = """
[[webhooks]]
name = "github"
recipe = "github"
credential = "github-webhook"
description = "Counts."
"""
LIMIT = 64 * 1024


@pytest.fixture(scope="module")
async def opened(
    tmp_path_factory: pytest.TempPathFactory, anyio_backend: str
) -> AsyncIterator[tuple[PluginHost, str]]:
    """A host with a plugin that receives webhooks, on a socket; and its address."""
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("hooks") / "state",
        bootstrap_key=KEY,
        hook_bytes_max=LIMIT,
        hook_receive_seconds=0.5,
        public_url="https://hooks.example",
    )
    async with open_host(settings) as host:
        await host.install(hooked("hooked", WEBHOOKS), grants="all")
        order = senders.key_order("github-webhook", senders.GITHUB_SECRET, "hooked")
        await host.credentials.set(order)
        with listen("127.0.0.1", 0) as listener:
            server = Server(listener, app_over(host, settings))
            running = asyncio.create_task(server.run_until_stopped())
            address, port = listener.getsockname()
            yield host, f"http://{address}:{port}"
            server.should_exit = True
            await running


@pytest.fixture
async def client(opened: tuple[PluginHost, str]) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=opened[1], trust_env=False, timeout=60) as found:
        yield found


async def raw(url: str, head: str, *pieces: bytes) -> bytes:
    """Send bytes as they are, and return what came until the host closed the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(url).port)
    try:
        writer.write(head.replace("\n", "\r\n").encode())
        for piece in pieces:
            writer.write(piece)
        await writer.drain()
        async with asyncio.timeout(30):
            return await reader.read()
    finally:
        writer.close()


async def test_github_s_own_example_is_taken_and_its_repetition_told(
    client: httpx.AsyncClient,
) -> None:
    for repeated in (None, "true"):
        answer = await client.post(PATH, content=senders.GITHUB_BODY, headers=senders.GITHUB)
        assert answer.status_code == 200
        assert answer.headers.get("wardian-repeated") == repeated
    assert answer.headers["x-request-id"]


async def test_a_body_of_which_too_much_is_announced_is_refused_unread(
    opened: tuple[PluginHost, str],
) -> None:
    for path in (PATH, "/api/v1/hooks/none/none/none"):
        head = f"POST {path} HTTP/1.1\nHost: a\nContent-Length: {10**12}\n\n"
        found = await raw(opened[1], head)
        assert found.startswith(b"HTTP/1.1 413 ")


async def test_a_body_that_does_not_end_is_refused_in_the_middle(
    opened: tuple[PluginHost, str],
) -> None:
    head = f"POST {PATH} HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n"
    piece = b"8000\r\n" + b"a" * 0x8000 + b"\r\n"

    found = await raw(opened[1], head, *[piece] * 4)

    assert found.startswith(b"HTTP/1.1 413 ")


async def test_a_body_that_takes_too_long_to_come_is_not_waited_for(
    opened: tuple[PluginHost, str],
) -> None:
    for path in (PATH, "/api/v1/hooks/none/none/none"):
        head = f"POST {path} HTTP/1.1\nHost: a\nContent-Length: 10\n\n"
        found = await raw(opened[1], head, b"a")
        assert found.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after" in found.lower()


async def test_no_more_bodies_of_one_address_arrive_at_a_time_than_may(
    opened: tuple[PluginHost, str],
) -> None:
    head = f"POST {PATH} HTTP/1.1\nHost: a\nContent-Length: 10\n\n"

    found = await asyncio.gather(*(raw(opened[1], head, b"a") for _ in range(40)))

    at_once = [each for each in found if b"Too many webhooks are arriving" in each]
    assert len(at_once) == 8
    assert all(each.startswith(b"HTTP/1.1 503 ") for each in found)


async def test_a_compressed_body_is_refused_whatever_is_signed(
    client: httpx.AsyncClient,
) -> None:
    body = zlib.compress(b"{}")
    headers = senders.github(body, senders.GITHUB_SECRET)
    for encoding in ("gzip", "deflate", "br", "identity, gzip"):
        answer = await client.post(
            PATH, content=body, headers={**headers, "content-encoding": encoding}
        )
        assert answer.status_code == 415
        assert answer.json()["type"] == "/problems/unsupported-media-type"

    answer = await client.post(
        PATH,
        content=b"plain",
        headers={
            **senders.github(b"plain", senders.GITHUB_SECRET),
            "content-encoding": "identity",
        },
    )
    assert answer.status_code == 200


async def test_a_signature_that_is_there_twice_is_refused(
    opened: tuple[PluginHost, str],
) -> None:
    signature = f"X-Hub-Signature-256: {senders.GITHUB['x-hub-signature-256']}\n"
    head = (
        f"POST {PATH} HTTP/1.1\nHost: a\nConnection: close\nX-GitHub-Delivery: twice\n"
        f"{signature * 2}Content-Length: {len(senders.GITHUB_BODY)}\n\n"
    )

    found = await raw(opened[1], head, senders.GITHUB_BODY)

    assert found.startswith(b"HTTP/1.1 401 ")


async def test_no_other_method_tells_more_than_that_it_is_none(
    client: httpx.AsyncClient,
) -> None:
    for path in (PATH, "/api/v1/hooks/none/none/none"):
        for method in ("GET", "PUT", "DELETE", "HEAD"):
            answer = await client.request(method, path)
            assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_an_api_key_is_of_no_use_where_webhooks_arrive(client: httpx.AsyncClient) -> None:
    answer = await client.post(PATH, content=b"{}", headers={"Authorization": f"Bearer {KEY}"})

    assert answer.status_code == 401


async def test_operators_see_the_address_the_credential_and_what_came(
    opened: tuple[PluginHost, str], client: httpx.AsyncClient
) -> None:
    assert (await client.get("/api/v1/hooks")).status_code == 401
    key = {"Authorization": f"Bearer {KEY}"}
    headers = senders.github(b"seen", senders.GITHUB_SECRET)
    await client.post(PATH, content=b"seen", headers=headers)

    (view,) = (await client.get("/api/v1/hooks", headers=key)).json()

    assert view["url"] == f"https://hooks.example{PATH}"
    assert (view["plugin"], view["name"], view["recipe"]) == ("hooked", "github", "github")
    assert (view["credential"], view["event"], view["warnings"]) == ("github-webhook", None, [])
    assert view["accepted"] >= 1
    assert view["last_accepted_at"]
    assert senders.GITHUB_SECRET not in str(view)
    shown = (await client.get("/api/v1/plugins/hooked", headers=key)).json()
    assert shown["webhooks"][0]["credential"] == "github-webhook"
    found = await client.get("/api/v1/hooks", params={"plugin": "none"}, headers=key)
    assert found.status_code == 404


async def test_another_tenant_sees_none_of_it(
    opened: tuple[PluginHost, str], client: httpx.AsyncClient
) -> None:
    await opened[0].tenants.create("acme")
    made = await opened[0].keys.create("reader", ["read"], "acme")

    found = await client.get("/api/v1/hooks", headers={"Authorization": f"Bearer {made.token}"})

    assert found.json() == []


async def test_a_version_with_another_webhook_takes_an_approval(tmp_path: Path) -> None:
    async with open_host(Settings(data_dir=tmp_path / "data")) as host:
        await host.install(hooked("hooked", WEBHOOKS), grants="all")
        for more in (
            WEBHOOKS.replace('"github-webhook"', '"github"'),
            WEBHOOKS.replace('recipe = "github"', 'recipe = "stripe"'),
            WEBHOOKS + '\n[[webhooks]]\nname = "more"\nrecipe = "github"\n',
        ):
            newer = hooked("hooked", more, version="1.1.0")
            report = await host.upgrade_report(newer)
            (needed,) = report.needs_approval
            assert needed.startswith("webhook:")
            assert any("webhook" in each.text for each in report.widened)
        same = await host.upgrade_report(hooked("hooked", WEBHOOKS, version="1.1.0"))
        assert list(same.needs_approval) == []
