"""Hosts for tests: real storage, with a real or a fake executor."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from fakes import Body, FakeExecutor
from wardian.agents.host import Host
from wardian.bootstrap import compose, root_keys
from wardian.bootstrap.agents import make_agents
from wardian.bootstrap.neighbours import halts_of, relay_of
from wardian.events import Events
from wardian.events.relay import Relay
from wardian.plugins.archive import write_archive
from wardian.runtime.calls import CallPolicy
from wardian.runtime.host import HostParts
from wardian.runtime.journal import Journal
from wardian.settings import Settings
from wardian.storage import Database
from wardian.storage.config import ConfigRepository
from wardian.storage.rows import ScopeRow, now
from wardian.tenants import bootstrap

WASM = b"\0asm\x0d\0\x01\0"

MANIFEST = """
name = "{name}"
version = "1.0.0"

[[permissions]]
permission = "kv:read"
reason = "Reads counters."

[[permissions]]
permission = "kv:write"
reason = "Keeps counters."

[[permissions]]
permission = "events:publish:orders.*"
reason = "Announces orders."
optional = true

[config_schema]
type = "object"
additionalProperties = false
properties.step = {{ type = "integer", minimum = 1 }}
properties.greeting = {{ type = "string" }}

[default_config]
step = 3
{more}
"""


def package(name: str = "stores", wasm: bytes = WASM, more: str = "") -> bytes:
    """A ``.wardian`` file."""
    manifest = MANIFEST.format(name=name, more=more).encode()
    return write_archive({"plugin.toml": manifest, "plugin.wasm": wasm})


class FakeHost:
    """A host whose plugins are Python functions."""

    def __init__(self, host: Host, parts: HostParts, executor: FakeExecutor, relay: Relay) -> None:
        self.relay = relay
        self.host = host
        self.parts = parts
        self.executor = executor


@asynccontextmanager
async def fake_host(
    folder: Path,
    functions: Mapping[str, Body] | None = None,
    policy: CallPolicy | None = None,
    **settings: Any,
) -> AsyncIterator[FakeHost]:
    """Open a host over a database on disk and a `FakeExecutor`."""
    chosen = Settings(data_dir=folder, **settings)
    folder.mkdir(exist_ok=True)
    executor = FakeExecutor(functions or {"run": _nothing})
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(
            Database.open(chosen.database_url or folder / "wardian.db")
        )
        token = await bootstrap(Journal(database, Events(database)), tenant="default")
        policy = replace(policy or CallPolicy(), environment=chosen.environment)
        parts, statistics = compose(chosen, policy, database, executor, folder, root_keys(chosen))
        agents = make_agents(chosen, parts)
        relay = relay_of(parts)
        await stack.enter_async_context(halts_of(parts).kept())
        await stack.enter_async_context(relay.kept())
        await parts.vault.open()
        stack.push_async_callback(parts.egress.close)
        await parts.files.sweep()
        for tenant in await parts.tenants.list():
            await parts.configuration.files.take(tenant.name)
        await parts.upgrader.recover("default")
        await parts.recall.sweep("default")
        await parts.lifecycle.resume(parts.registry, "default")
        await parts.upkeep.resume()
        await stack.enter_async_context(statistics.kept())
        await stack.enter_async_context(parts.monitoring.kept())
        await stack.enter_async_context(parts.recorder.kept())
        await stack.enter_async_context(parts.configuration.files.kept())
        await stack.enter_async_context(parts.connections.kept(parts.tenants))
        await stack.enter_async_context(parts.bus.kept())
        await stack.enter_async_context(parts.key_upkeep.kept())
        await stack.enter_async_context(agents.kept())
        yield FakeHost(Host(parts, agents, bootstrap_token=token), parts, executor, relay)


async def _nothing(arguments: Mapping[str, Any], answer: Any) -> None:
    return None


async def configured_before(made: FakeHost, name: str, values: Mapping[str, Any]) -> None:
    """Set what a host would not take any more, as one did that knew of no secrets."""
    plugin = await made.parts.registry.get("default", name)
    async with made.parts.journal.change("default", "test") as change:
        row = ScopeRow(
            scope=name,
            origin="api",
            plugin_id=plugin.id,
            layers={"user": dict(values)},
            origins={},
            version=1,
            updated_at=now(),
            updated_by="",
        )
        await ConfigRepository(change.connection, "default").write(row)
        await change.note("configured", name, {})
