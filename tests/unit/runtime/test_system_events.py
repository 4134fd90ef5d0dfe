"""What changes is told: each audit entry has its event, with the fields of the catalogue."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from callings import calling
from guests.handlers import HANDLE
from hosts import MANIFEST, WASM, FakeHost, fake_host, package
from signing import KEY, NEXT_KEY
from telling import check_fields
from wardian.capabilities import Refused
from wardian.crypto.tokens import new_token
from wardian.errors import Forbidden, GuestError, RateLimited, Unauthenticated
from wardian.events import Drop, DropReason, Kind, SystemEvent
from wardian.events.catalogue import SYSTEM_EVENTS, topic_of
from wardian.plugins import PluginState
from wardian.plugins.archive import write_archive
from wardian.plugins.states import Cause, Move
from wardian.policy.origin import Origin
from wardian.runtime.config_edits import Edit, Place
from wardian.runtime.credentials import CredentialOrder
from wardian.storage.audit import AuditRepository
from wardian.tenants import KeyChange, KeyTerms, TenantLimits

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("on_both_databases")]

CANARY = "hunter2-" + "c" * 24
SUBSCRIBES = """
[[permissions]]
permission = "events:subscribe:orders.*"
reason = "Follows orders."
"""
OF_OTHERS = (
    "plugin.oauth-",
    "plugin.kv-",
    "plugin.schedule-",
    "plugin.row-data-",
    "schedule.",
    "endpoint.",
    "job.",
    "function.",
    "quota.",
    "agent.",
    "budget.",
    "plugin.agent-",
    "tenant.agent-",
)
ELSEWHERE = {topic for topic in SYSTEM_EVENTS if topic.startswith(OF_OTHERS)} | {
    "config.file-refused",
    "plugin.init-failed",
    "plugin.protection-waived",
    "plugin.rollback-failed",
    "plugin.upgrade-failed",
    "plugin.webhooks-refused",
    "vault.rekeyed",
}
"""What does not happen here; what they tell is looked at where it does."""


async def rejects(arguments: Mapping[str, Any], answer: Any) -> None:
    raise GuestError(payload={"tag": "reject", "val": "no"})


async def change_everything(made: FakeHost) -> list[str]:
    """Change whatever can be changed; return secrets that came up."""
    host = made.host
    await host.install(package(more=SUBSCRIBES), grants="all")
    await host.set_grants("stores", ["kv:read", "events:subscribe:orders.*"])
    await host.set_config("stores", {"greeting": CANARY})
    await host.configuration.change(Place(plugin=None), Edit(put={"stores.step": 5}))
    await host.set_monitored("stores", True)
    await host.clear_permission_uses("stores")
    await host.recordings.set_calls("stores", 5)
    await host.recordings.remove("stores")
    await change_events(made)
    await change_trust(made)
    order = CredentialOrder(
        name="github", kind="bearer", fields={"token": CANARY}, origins=["https://api.example.org/"]
    )
    for _ in range(2):
        await host.credentials.set(order)
    await host.credentials.remove("github")
    await host.vault.rotate()
    await change_versions(made)
    await host.quotas.set({"calls": 1_000_000})
    await host.tenants.create("acme")
    return [CANARY, *await change_keys(made)]


async def change_keys(made: FakeHost) -> list[str]:
    host = made.host
    key = await host.keys.create(
        "shop", ["call"], "default", KeyTerms(expires_in=timedelta(days=1)), actor="ci"
    )
    next_one = await host.keys.rotate(key.id, "default", actor="ci")
    await host.keys.change(key.id, "default", KeyChange(description="A shop."), actor="ci")
    wrong = [new_token() for _ in range(31)]
    for token in wrong:
        with suppress(Unauthenticated, RateLimited):
            await host.keys.authenticate(token, "198.51.100.1")
    await made.parts.key_upkeep.run()
    await host.keys.revoke(key.id, "default", actor="ci")
    await host.audit.export(io.BytesIO())
    await refuse_something(made)
    await host.tenants.set_limits("acme", TenantLimits(rate="60/minute"))
    shown = [each for token in (key.token, next_one.token) for each in (token, token[:8])]
    return [*shown, *wrong]


async def refuse_something(made: FakeHost) -> None:
    denials = made.host.audit.denials
    refused = Refused("denied", CANARY, layer="grant", permission="kv:read")
    denials.host_call(calling(), "kv.get", refused)
    somebody = Origin(
        address="", request_id="r", tenant="default", key_id="k", key_name="ci", layer=""
    )
    denials.request(somebody, "GET /api/v1/keys", Forbidden(CANARY))
    await denials.write_all()


async def change_events(made: FakeHost) -> None:
    host = made.host
    await host.deliveries.set_paused("stores", True)
    await host.deliveries.set_paused("stores", False)
    await host.bus.publish("orders.new", CANARY)
    async with made.parts.delivering.kept():
        while not (letters := (await host.deliveries.dead()).dead_letters):
            await asyncio.sleep(0.01)
        await host.deliveries.set_paused("stores", True)
    await host.deliveries.requeue([letters[0].id])
    await host.deliveries.set_paused("stores", False)
    async with made.parts.delivering.kept():
        while not (letters := (await host.deliveries.dead()).dead_letters):
            await asyncio.sleep(0.01)
    await host.deliveries.discard([letters[0].id])
    made.parts.events.drop(
        Drop(
            tenant="default",
            kind=Kind.APP,
            whose="app:shop",
            topic="orders.new",
            reason=DropReason.RATE,
        )
    )
    async with made.parts.delivering.kept():
        pass  # what was dropped is written down at the end


async def change_trust(made: FakeHost) -> None:
    host = made.host
    await host.publishers.add("acme", ["acme-*"], [str(KEY.public)])
    await host.publishers.add_key("acme", str(NEXT_KEY.public))
    await host.publishers.retire_key("acme", NEXT_KEY.public.id, "old")
    await host.publishers.revoke_key("acme", KEY.public.id, "stolen")
    await host.publishers.remove("acme")
    revoked = await host.revocations.add(name="bad", versions="*", reason="bad")
    await host.revocations.remove(revoked.id)
    await host.trust.set(stale="warn")


async def change_versions(made: FakeHost) -> None:
    host = made.host
    manifest = MANIFEST.format(name="stores", more=SUBSCRIBES).replace("1.0.0", "1.1.0")
    await host.upgrade(write_archive({"plugin.toml": manifest.encode(), "plugin.wasm": WASM}))
    await host.rollback("stores")
    plugin = await made.parts.registry.get("default", "stores")
    slow = Move(PluginState.DEGRADED, "it is slow", Cause.HEALTH)
    assert await made.parts.lifecycle.settle(plugin, slow)
    plugin = await made.parts.registry.get("default", "stores")
    assert await made.parts.lifecycle.quarantine(plugin, "it crashes")
    await host.disable("stores")
    await host.enable("stores")
    await host.disable("stores")
    await host.uninstall("stores")


async def test_each_audit_entry_has_its_event_with_the_fields_of_the_catalogue(
    tmp_path: Path,
) -> None:
    async with (
        asyncio.timeout(120),
        fake_host(tmp_path / "data", {HANDLE: rejects}) as made,
    ):
        secrets = await change_everything(made)
        events = await made.host.events.recent(1_000, tenant="default")
        async with made.parts.database.reading() as connection:
            entries = await AuditRepository(connection, "default").recent(1_000)

    told = [event for event in reversed(events) if isinstance(event, SystemEvent)]
    audited = [topic_of(entry.action) for entry in reversed(entries)]
    # A configuration is two events, of the plugin and of itself; everything else is one.
    assert [event.topic for event in told if not _is_second(event)] == audited
    for event in told:
        check_fields(event)
    assert set(SYSTEM_EVENTS) - {event.topic for event in told} == ELSEWHERE
    for event in told:
        assert not [secret for secret in secrets if secret in event.data], event.topic


def _is_second(event: SystemEvent) -> bool:
    return event.topic == "config.changed" and event.plugin is not None
