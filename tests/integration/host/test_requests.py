"""HTTP requests of a real guest in a real worker, through the broker to a server on loopback."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from guests import guest
from hosts import package
from strangers import LOOPBACK, Heard, request, response, saying, stranger
from wardian import Settings, open_host
from wardian.errors import DeadlineExceeded, GuestError, HostUnusable
from wardian.runtime.credentials import CredentialOrder
from wardian.runtime.host import PluginHost

pytestmark = pytest.mark.anyio

ALL_BYTES = bytes(range(256))


def settings(folder: Path, **changes: Any) -> Settings:
    chosen: dict[str, Any] = {"egress_allowed_networks": (LOOPBACK,)} | changes
    return Settings(data_dir=folder / "data", workers_max=2, **chosen)


def fetches(*permissions: str) -> bytes:
    """A plugin that hands requests on, and asks for these permissions."""
    more = "".join(
        f'[[permissions]]\npermission = "{each}"\nreason = "Asks."\n' for each in permissions
    )
    return package("fetches", guest("fetches"), more)


async def send(host: PluginHost, url: str, **fields: Any) -> Any:
    return await host.call("fetches", "send", {"request": request(url, **fields)})


async def refusal(host: PluginHost, url: str, **fields: Any) -> Any:
    with pytest.raises(GuestError) as caught:
        await send(host, url, **fields)
    return caught.value.payload


async def test_a_guest_sends_and_receives_bytes_and_its_call_counts_them(tmp_path: Path) -> None:
    hello = response(ALL_BYTES * 400, 201, [("x-mark", "é")])
    async with stranger(saying(hello)) as server, open_host(settings(tmp_path)) as host:
        await host.install(fetches(server.grant()), grants="all")

        outcome = await send(host, f"{server.url}/x?y=z", method="POST", body=ALL_BYTES)

    assert outcome.result == {
        "status": 201,
        "headers": [["x-mark", "é"], ["content-length", str(256 * 400)]],
        "body": ALL_BYTES * 400,
    }
    (heard,) = server.heard
    assert (heard.method, heard.target, heard.body) == ("POST", "/x?y=z", ALL_BYTES)
    assert outcome.usage.http_requests == 1
    assert outcome.usage.http_bytes_sent > 256
    assert outcome.usage.http_bytes_received > 256 * 400


async def test_refusals_reach_the_guest_as_values(tmp_path: Path) -> None:
    async with stranger() as server, open_host(settings(tmp_path)) as host:
        await host.install(
            fetches(server.grant("GET"), "http:request:GET:http://10.0.0.1/*"), grants="all"
        )

        assert (await refusal(host, server.url, method="PUT"))["tag"] == "denied"
        assert (await refusal(host, f"{server.url}/../x"))["tag"] == "invalid"
        inside = await refusal(host, "http://10.0.0.1/")
        assert inside["tag"] == "denied"
        assert "in no network that this host is set to allow" in inside["val"]
        assert (await refusal(host, server.url, timeout_ms=0))["tag"] == "exhausted"

    assert server.heard == []


async def test_loopback_is_closed_unless_an_operator_opens_it(tmp_path: Path) -> None:
    closed = settings(tmp_path, egress_allowed_networks=())
    async with stranger() as server, open_host(closed) as host:
        await host.install(fetches(server.grant()), grants="all")

        assert (await refusal(host, server.url))["tag"] == "denied"

    assert server.connections == 0


async def test_a_credential_is_put_in_by_the_host_and_never_seen_by_the_guest(
    tmp_path: Path,
) -> None:
    async def echo(heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(response((heard.header("authorization") or "").encode()))

    async with stranger(echo) as server, open_host(settings(tmp_path)) as host:
        await host.install(fetches(server.grant(), "credentials:use:github"), grants="all")
        order = CredentialOrder(
            name="github",
            kind="bearer",
            fields={"token": "canary-0123456789"},
            origins=[server.url],
        )
        await host.credentials.set(order)

        outcome = await send(host, server.url, credential="github")
        missing = await refusal(host, server.url, credential="gitlab")

    assert server.heard[0].header("authorization") == "Bearer canary-0123456789"
    assert b"canary" not in outcome.result["body"]
    assert missing["tag"] == "denied"


async def test_a_call_that_meets_its_deadline_in_a_request_closes_the_connection(
    tmp_path: Path,
) -> None:
    async def mute(heard: Heard, writer: asyncio.StreamWriter) -> None:
        await heard.reader.read()

    async with stranger(mute) as server, open_host(settings(tmp_path)) as host:
        await host.install(fetches(server.grant()), grants="all")
        arguments = {"request": request(server.url)}
        with pytest.raises((DeadlineExceeded, GuestError)):
            await host.call("fetches", "send", arguments, limits={"wall_seconds": 0.5})

        await server.ended.wait()
        assert b"wardian_http_sockets 0.0" in await host.metrics()


async def test_the_permission_that_a_request_used_is_recorded_without_its_query(
    tmp_path: Path,
) -> None:
    async with stranger() as server, open_host(settings(tmp_path)) as host:
        await host.install(fetches(server.grant()), grants="all")
        await host.set_monitored("fetches", True)
        await send(host, f"{server.url}/x?person=me")

        (use,) = (await host.permission_uses("fetches")).uses

    assert (use.permission, use.uses) == (f"http:request:GET:{server.url}/x?*", 1)


@pytest.mark.parametrize("text", ["0.0.0.0/0", "example.org", "8.8.8.8/32"])
async def test_a_network_that_cannot_be_opened_is_told_at_the_start(
    tmp_path: Path, text: str
) -> None:
    with pytest.raises(HostUnusable, match="WARDIAN_EGRESS_ALLOWED_NETWORKS cannot be used"):
        async with open_host(settings(tmp_path, egress_allowed_networks=(text,))):
            """It does not come so far."""


async def test_a_file_without_certificates_is_told_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    for name in ("ca.pem", "none.pem"):
        with pytest.raises(HostUnusable, match="WARDIAN_EGRESS_CA_FILE cannot be used"):
            async with open_host(settings(tmp_path, egress_ca_file=tmp_path / name)):
                """It does not come so far."""
