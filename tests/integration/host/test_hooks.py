"""Webhooks over restarts, over two hosts, and through a real component."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import senders
from guests.webhooks import HANDLE, hooked
from hosts import FakeHost, fake_host, package
from rows import add_plugin, add_tenant, plugin_row
from wardian import Settings, open_host
from wardian.errors import TryLater, WebhookFailed, WebhookRefused
from wardian.runtime.executor.job import HostCalls
from wardian.runtime.hooks import Answer, Incoming
from wardian.runtime.hooks.incoming import Place
from wardian.runtime.host import PluginHost
from wardian.storage import Database
from wardian.storage.rows import now
from wardian.storage.webhooks import (
    Standing,
    WebhookRepository,
    counts,
    forget_beyond,
    forget_old,
)

pytestmark = pytest.mark.anyio

WEBHOOKS = """
[[webhooks]]
name = "standard"
recipe = "standard-webhooks"

[[webhooks]]
name = "events"
recipe = "standard-webhooks"
credential = "standard"
event = "{topic}"
"""


class Counting:
    """A handler that counts, and waits where it is told to."""

    def __init__(self) -> None:
        self.calls = 0
        self.entered = asyncio.Event()
        self.released = asyncio.Event()
        self.released.set()

    async def __call__(self, arguments: Mapping[str, Any], answer: HostCalls) -> Any:
        self.calls += 1
        self.entered.set()
        await self.released.wait()
        return {"status": 200, "body": ""}


async def ready(host: PluginHost, topic: str = "orders.received") -> None:
    await host.install(package("p", more=WEBHOOKS.replace("{topic}", topic)), grants="all")
    await host.credentials.set(senders.key_order("standard", senders.STANDARD_SECRET, "p"))


def request(name: str, body: bytes = b"{}", message: str = "msg_1") -> Incoming:
    return Incoming(
        place=Place("default", "p", name),
        headers=list(senders.standard(body, message=message).items()),
        body=body,
    )


@pytest.mark.usefixtures("on_both_databases")
async def test_what_was_handled_is_not_handled_again_after_a_restart(tmp_path: Path) -> None:
    handler = Counting()
    async with fake_host(tmp_path / "state", {HANDLE: handler}) as made:
        await ready(made.host)
        for name in ("standard", "events"):
            assert not (await made.host.hooks.receive(request(name))).is_repeat

    async with fake_host(tmp_path / "state", {HANDLE: handler}) as made:
        for name in ("standard", "events"):
            assert (await made.host.hooks.receive(request(name))).is_repeat
        assert handler.calls == 1
        assert len(await made.host.events.recent(5, "orders.*", tenant="default")) == 1


@pytest.mark.usefixtures("on_both_databases")
async def test_many_of_one_delivery_on_one_host_are_handled_once(tmp_path: Path) -> None:
    handler = Counting()
    async with fake_host(tmp_path / "state", {HANDLE: handler}) as made:
        await ready(made.host)
        for name in ("standard", "events"):
            receive = made.host.hooks.receive
            found = await asyncio.gather(
                *(receive(request(name)) for _ in range(8)), return_exceptions=True
            )
            first = [each for each in found if isinstance(each, Answer) and not each.is_repeat]
            others = [each for each in found if each not in first]
            assert len(first) == 1
            assert all(isinstance(each, (Answer, TryLater)) for each in others), others
        assert handler.calls == 1
        assert len(await made.host.events.recent(5, "orders.*", tenant="default")) == 1


async def test_of_two_hosts_that_get_one_delivery_one_handles_it(
    tmp_path: Path, postgres_url: str
) -> None:
    handler, key = Counting(), tmp_path / "root.key"
    key.write_text(senders.base64.b64encode(b"r" * 32).decode())
    key.chmod(0o600)
    shared = {
        "database_url": postgres_url,
        "packages_dir": tmp_path / "packages",
        "root_key": f"file:{key}",
    }
    async with AsyncExitStack() as stack:
        hosts: list[FakeHost] = [
            await stack.enter_async_context(fake_host(tmp_path / name, {HANDLE: handler}, **shared))
            for name in ("one", "other")
        ]
        await ready(hosts[0].host)
        one, other = (each.host.hooks for each in hosts)
        handler.released.clear()
        first = asyncio.create_task(one.receive(request("standard")))
        await handler.entered.wait()

        with pytest.raises(TryLater):
            await other.receive(request("standard"))
        handler.released.set()

        assert not (await first).is_repeat
        assert (await other.receive(request("standard"))).is_repeat
        assert handler.calls == 1

        found = await asyncio.gather(
            *(webhooks.receive(request("events")) for webhooks in (one, other) for _ in range(5))
        )
        assert sorted(each.is_repeat for each in found) == [False] + [True] * 9
        kept = await hosts[0].host.events.recent(5, "orders.*", tenant="default")
        assert len(kept) == 1


async def test_a_call_that_is_given_up_leaves_the_delivery_to_its_sender(tmp_path: Path) -> None:
    handler = Counting()
    async with fake_host(tmp_path / "state", {HANDLE: handler}) as made:
        await ready(made.host)
        handler.released.clear()
        given_up = asyncio.create_task(made.host.hooks.receive(request("standard")))
        await handler.entered.wait()
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        handler.released.set()

        assert not (await made.host.hooks.receive(request("standard"))).is_repeat


async def test_an_uninstalled_plugin_takes_its_deliveries_and_counts_with_it(
    tmp_path: Path,
) -> None:
    handler = Counting()
    async with fake_host(tmp_path / "state", {HANDLE: handler}) as made:
        await ready(made.host)
        await made.host.hooks.receive(request("standard"))
        await made.host.uninstall("p")
        await made.host.hooks.counting.flush()

        with pytest.raises(WebhookRefused):
            await made.host.hooks.receive(request("standard"))
        await ready(made.host)
        assert (await made.host.hooks.show("p", "standard")).accepted == 0
        assert not (await made.host.hooks.receive(request("standard"))).is_repeat


async def test_a_real_component_handles_a_webhook_once_and_answers_for_itself(
    tmp_path: Path,
) -> None:
    async with open_host(Settings(data_dir=tmp_path / "data")) as host:
        webhooks = WEBHOOKS.replace("{topic}", "hooked.events")
        await host.install(hooked("p", webhooks), grants="all")
        await host.credentials.set(senders.key_order("standard", senders.STANDARD_SECRET, "p"))
        receive = host.hooks.receive

        for _ in range(2):
            answer = await receive(request("standard", b"ok \xc3\xa4"))
            assert answer.status == 200
        assert (await receive(request("standard", b"4", "msg_2"))) == Answer(status=409, body="4")
        for number, body in enumerate((b"error", b"trap", b"302")):
            with pytest.raises(WebhookFailed):
                await receive(request("standard", body, f"failed_{number}"))
        assert (await receive(request("events", b"{}"))).status == 202

        view = await host.hooks.show("p", "standard")
        assert (view.accepted, view.repeated, view.rejected, view.failed) == (1, 1, 1, 3)
        # The handler is the host's to call, as all of its contract is.
        assert HANDLE in (await host.plugin("p")).functions


async def test_a_webhook_without_a_handler_is_told_when_the_plugin_is_installed(
    tmp_path: Path,
) -> None:
    async with fake_host(tmp_path / "state") as made:
        webhooks = WEBHOOKS.replace("{topic}", "orders.received")
        view = await made.host.install(package("p", more=webhooks), grants="all")

    assert [(each.name, each.credential) for each in view.webhooks] == [
        ("standard", "standard"),
        ("events", "standard"),
    ]
    assert any("no webhook-handler" in warning for warning in view.warnings)


# The rows


async def test_a_delivery_is_claimed_once_and_again_when_it_was_given_back(
    database: Database,
) -> None:
    await add_tenant(database)
    plugin = await add_plugin(database, plugin_row())
    later = now() + timedelta(minutes=1)

    async with database.transaction() as connection:
        repository = WebhookRepository(connection, "default", plugin.id)
        assert (await repository.claim("w", ["a", "b"], "1", later)).standing is Standing.WON
        assert (await repository.claim("w", ["b", "c"], "2", later)).standing is Standing.BUSY
        assert (await repository.claim("other", ["a"], "3", later)).standing is Standing.WON
        await repository.release("2")
        assert (await repository.claim("w", ["a"], "4", later)).standing is Standing.BUSY
        await repository.release("1")
        assert (await repository.claim("w", ["a", "b"], "5", later)).standing is Standing.WON
        assert await repository.settle("5", 204, later)
        assert not await repository.settle("1", 200, later)
        found = await repository.claim("w", ["b"], "6", later)
        assert (found.standing, found.status) == (Standing.DONE, 204)
        await repository.release("5")
        assert (await repository.claim("w", ["a"], "7", later)).standing is Standing.DONE


async def test_a_lease_that_ended_keeps_nobody_and_what_is_over_is_removed(
    database: Database,
) -> None:
    await add_tenant(database)
    plugin = await add_plugin(database, plugin_row())
    before, later = now() - timedelta(seconds=1), now() + timedelta(minutes=1)

    async with database.transaction() as connection:
        repository = WebhookRepository(connection, "default", plugin.id, alone=True)
        await repository.claim("w", ["a"], "1", before)
        assert (await repository.claim("w", ["a"], "2", later)).standing is Standing.WON
        assert not await repository.settle("1", 200, later)
        for number in range(5):
            await repository.claim("w", [f"old{number}"], f"o{number}", before)
        assert await forget_old(connection, "default", 3) == 3
        assert await forget_old(connection, "default", 3) == 2
        for number in range(5):
            await repository.claim("w", [f"new{number}"], f"n{number}", later)
        assert await forget_beyond(connection, "default", 2) == 4
        assert (await repository.claim("w", ["new4"], "9", later)).standing is Standing.BUSY


async def test_counts_add_up_and_are_nobody_s_without_a_plugin(database: Database) -> None:
    await add_tenant(database)
    plugin = await add_plugin(database, plugin_row())
    at = now()

    async with database.transaction() as connection:
        for plugin_id in (plugin.id, "gone"):
            repository = WebhookRepository(connection, "default", plugin_id)
            await repository.count("w", "accepted", 2, at)
            await repository.count("w", "accepted", 3, at + timedelta(seconds=1))
    async with database.reading() as connection:
        (row,) = await counts(connection, "default")
    assert (row.plugin_id, row.requests) == (plugin.id, 5)
    assert row.last_at == at + timedelta(seconds=1)
