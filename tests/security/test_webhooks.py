"""Attacks by and on webhooks: addresses that are nobody's business, hostile receivers."""

from __future__ import annotations

import asyncio
import gzip
from pathlib import Path
from typing import Any

import pytest

from hosts import FakeHost
from receivers import app, heard, idle, posting_host, publish, register, seen, told, until, verified
from strangers import Heard, Names, redirect, response, saying, stranger
from wardian.errors import NotFound
from wardian.policy.limits import MIB
from wardian.runtime.endpoints import AttemptView, NewEndpoint
from wardian.storage.endpoints import EndpointRepository
from wardian.tenants import Caller

pytestmark = pytest.mark.anyio


async def failed(made: FakeHost, endpoint: NewEndpoint, caller: Caller) -> AttemptView:
    """Wait until a delivery has failed, and return how."""
    await seen(made, endpoint, caller, lambda view: view.failures > 0)
    page = await made.host.webhooks.backlog.attempts(endpoint.id, caller=caller)
    return page.attempts[-1]


def resolving(made: FakeHost, names: Names) -> None:
    """Have the host's webhooks find these names."""
    made.parts.webhooks._egress._resolver = names


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/",
        "http://localhost:{port}/",
        "http://[::1]:{port}/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:169.254.169.254]/latest/meta-data/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://100.100.100.200/",
        "http://10.0.0.1/",
        "http://192.168.0.1/",
        "http://0.0.0.0:{port}/",
    ],
)
async def test_no_event_is_posted_into_networks_that_the_operator_has_not_opened(
    tmp_path: Path, url: str
) -> None:
    closed = {"egress_allowed_networks": (), "webhook_retry_seconds": 60.0}
    async with posting_host(tmp_path / "data", **closed) as made, stranger() as receiver:
        caller = await app(made)
        endpoint = await register(made, url.format(port=receiver.port), caller, "orders.*")

        ping = await made.host.webhooks.endpoints.ping(endpoint.id, caller=caller)
        await publish(made, "1")

        attempt = await failed(made, endpoint, caller)
        for each in (ping, attempt):
            assert "is refused by the operator" in each.reason
            assert each.status is None
        assert receiver.connections == 0


@pytest.mark.parametrize("spelling", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1"])
async def test_numbers_that_systems_take_for_loopback_are_no_address(
    tmp_path: Path, spelling: str
) -> None:
    async with posting_host(tmp_path / "data") as made:
        caller = await app(made)

        with pytest.raises(Exception, match="IPv4 address takes four numbers"):
            await register(made, f"http://{spelling}/", caller)


async def test_a_name_that_changes_its_mind_leads_nowhere_else(tmp_path: Path) -> None:
    closed = {"egress_allowed_networks": (), "webhook_retry_seconds": 0.01}
    names = Names(rebinds_example=[["127.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["10.1.2.3"]])
    async with posting_host(tmp_path / "data", **closed) as made, stranger() as receiver:
        resolving(made, names)
        caller = await app(made)
        url = f"http://rebinds.example:{receiver.port}/"
        endpoint = await register(made, url, caller, "orders.*")

        await publish(made, "1")

        await seen(made, endpoint, caller, lambda view: view.failures >= 3)
        page = await made.host.webhooks.backlog.attempts(endpoint.id, caller=caller)
        assert all("is refused by the operator" in each.reason for each in page.attempts)
        assert len(names.asked) >= 3
        assert receiver.connections == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(tmp_path: Path, status: int) -> None:
    slow = {"webhook_retry_seconds": 60.0}
    async with (
        posting_host(tmp_path / "data", **slow) as made,
        stranger() as inside,
        stranger(saying(redirect(f"{inside.url}/admin", status))) as receiver,
    ):
        caller = await app(made)
        endpoint = await register(made, receiver.url, caller, "orders.*")

        await publish(made, "1")

        attempt = await failed(made, endpoint, caller)
        assert "a redirect, which is not followed" in attempt.reason
        assert inside.connections == 0


@pytest.mark.parametrize(
    "reply",
    [
        saying(response(b"x" * (65 * 1024))),
        saying(response(gzip.compress(b"\0" * 64 * MIB), 200, [("content-encoding", "gzip")])),
        saying(b"HTTP/1.1 200 OK\r\n" + b"x-long: " + b"x" * 300_000 + b"\r\n\r\n"),
        saying(b"not HTTP at all\r\n\r\n"),
    ],
    ids=["large", "bomb", "head", "nonsense"],
)
async def test_what_a_receiver_answers_is_bounded(tmp_path: Path, reply: Any) -> None:
    slow = {"webhook_retry_seconds": 60.0}
    async with posting_host(tmp_path / "data", **slow) as made, stranger(reply) as receiver:
        caller = await app(made)
        endpoint = await register(made, receiver.url, caller, "orders.*")

        await publish(made, "1")

        attempt = await failed(made, endpoint, caller)
        assert attempt.outcome == "retry"
        assert attempt.response == ""
        assert len(attempt.reason) < 300


async def test_a_receiver_that_dribbles_is_left_and_others_are_served(tmp_path: Path) -> None:
    async def dribble(post: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    settings = {"webhook_timeout_seconds": 0.3, "webhook_retry_seconds": 60.0}
    async with (
        posting_host(tmp_path / "data", **settings) as made,
        stranger(dribble) as slow,
        stranger() as receiver,
    ):
        caller = await app(made)
        stuck = await register(made, slow.url, caller, "orders.*")
        endpoint = await register(made, receiver.url, caller, "orders.*")

        await publish(made, *map(str, range(10)))

        assert sorted(told(endpoint.secret, await heard(receiver, 10))) == list(range(10))
        attempt = await failed(made, stuck, caller)
        assert attempt.reason == "There was no whole response within 300 ms."
        await idle(made, endpoint, caller)


async def test_an_endpoint_of_another_tenant_is_not_there(tmp_path: Path) -> None:
    async with posting_host(tmp_path / "data") as made, stranger() as receiver:
        await made.host.tenants.create("acme")
        caller = await app(made)
        endpoint = await register(made, receiver.url, caller, "orders.*")
        thief = await app(made, "admin", tenant="acme", name="thief")
        endpoints, backlog = made.host.webhooks.endpoints, made.host.webhooks.backlog

        for call in (
            endpoints.get,
            endpoints.remove,
            endpoints.rotate,
            endpoints.enable,
            endpoints.disable,
            endpoints.ping,
            backlog.attempts,
            backlog.dead,
        ):
            with pytest.raises(NotFound):
                await call(endpoint.id, caller=thief)
        with pytest.raises(NotFound):
            await backlog.requeue(endpoint.id, ["x"], caller=thief)
        assert await endpoints.list(caller=thief) == []
        assert receiver.connections == 0
        assert (await endpoints.get(endpoint.id, caller=caller)).state == "enabled"


async def test_dead_letters_are_those_of_the_endpoint_that_is_named(tmp_path: Path) -> None:
    settings = {"webhook_attempts_max": 1}
    async with (
        posting_host(tmp_path / "data", **settings) as made,
        stranger(saying(response(b"", 500))) as receiver,
    ):
        caller, other = await app(made), await app(made, name="other")
        endpoint = await register(made, receiver.url, caller, "orders.*")
        theirs = await register(made, receiver.url, other, "stock.*")
        await publish(made, "1")
        await idle(made, endpoint, caller)
        (letter,) = (await made.host.webhooks.backlog.dead(endpoint.id, caller=caller)).dead_letters

        for change in (made.host.webhooks.backlog.requeue, made.host.webhooks.backlog.discard):
            with pytest.raises(NotFound):
                await change(theirs.id, [letter.id], caller=other)

        left = (await made.host.webhooks.backlog.dead(endpoint.id, caller=caller)).dead_letters
        assert left == [letter]


async def test_a_secret_moved_to_another_endpoint_signs_nothing(tmp_path: Path) -> None:
    """Whoever can write rows cannot have one endpoint sign what another's receiver believes."""
    async with posting_host(tmp_path / "data") as made, stranger() as receiver:
        caller = await app(made)
        first = await register(made, receiver.url, caller, "orders.*")
        second = await register(made, receiver.url, caller, "orders.*")
        from_first = await made.host.webhooks.endpoints.find(first.id, caller)
        async with made.parts.database.transaction() as connection:
            repository = EndpointRepository(connection, "default")
            await repository.change(second.id, {"sealed": from_first.row.sealed})

        await publish(made, "1")

        attempt = await failed(made, second, caller)
        assert "Replace the endpoint's secret" in attempt.reason
        await until(lambda: len(receiver.heard) == 1)
        assert told(first.secret, receiver.heard) == [1]
        anew = await made.host.webhooks.endpoints.rotate(second.id, caller=caller)
        await made.host.webhooks.endpoints.ping(second.id, caller=caller)
        # What failed above may be sent once more, before the ping or after it.
        later = [(verified(anew.secret, each)["type"], each) for each in receiver.heard[1:]]
        (ping,) = (each for kind, each in later if kind == "endpoint.ping")
        assert (ping.header("webhook-signature") or "").count("v1,") == 1
