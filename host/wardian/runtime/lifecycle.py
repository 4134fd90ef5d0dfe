"""The one setter of a plugin's state: table, lock, reason, event, audit (design, section 8)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from weakref import WeakValueDictionary

from wardian.errors import Conflict, NotFound
from wardian.plugins import TRANSITIONS, Installed, PluginState, Registry
from wardian.plugins.dependencies import needing
from wardian.plugins.registry import read_installed
from wardian.plugins.releases import read_releases
from wardian.plugins.states import Cause, Move
from wardian.runtime.calls import CallRequest, Calls
from wardian.runtime.journal import Change, Journal
from wardian.storage.health import HealthRepository

__all__ = ["Lifecycle", "PluginState"]

_INITIALISING = "its init is running"


class Lifecycle:
    """Moves plugins through their states, one change of a plugin at a time."""

    def __init__(self, journal: Journal, calls: Calls) -> None:
        self._journal = journal
        self._calls = calls
        self._locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def lock(self, tenant: str, name: str) -> AsyncIterator[None]:
        """Hold what whoever changes this plugin holds, on whichever host."""
        async with self.locks(tenant, [name]):
            yield

    @asynccontextmanager
    async def locks(self, tenant: str, names: Iterable[str]) -> AsyncIterator[None]:
        """Hold the locks of several plugins; in one order, so that nobody waits in a circle."""
        ordered = sorted(set(names))
        async with AsyncExitStack() as stack:
            for name in ordered:
                await stack.enter_async_context(self._lock(tenant, name))
            await stack.enter_async_context(self._journal.alone(tenant, *ordered))
            yield

    def _lock(self, tenant: str, name: str) -> asyncio.Lock:
        lock = self._locks.get((tenant, name))
        if lock is None:
            lock = self._locks[tenant, name] = asyncio.Lock()
        return lock

    async def move(
        self,
        change: Change,
        plugin: Installed,
        to: PluginState,
        reason: str,
        cause: Cause | None = None,
    ) -> Installed:
        """Put a plugin into another state, as part of ``change``.

        ``cause`` is what the host goes by where it does so by itself.

        Raises:
            Conflict: the table has no such transition.
        """
        if to not in TRANSITIONS[plugin.state]:
            raise Conflict(
                f"{plugin.name} is {plugin.state} and cannot become {to}{_way_out(plugin, to)}."
            )
        detail: dict[str, Any] = {
            "from": plugin.state.value,
            "reason": reason,
            "version": plugin.version,
        }
        if to is PluginState.QUARANTINED:
            # Those that need it stay as they are, and whoever watches them wants to know.
            there = await read_releases(change.connection, plugin.tenant)
            detail["needed_by"] = [each.release.name for each in needing(plugin.name, there)]
        if to is PluginState.UNINSTALLED:
            await change.plugins.remove(plugin.id)
            await change.note(to.value, plugin.name, detail)
            return plugin
        by = cause if to is PluginState.DEGRADED else None
        await change.plugins.set_state(plugin.id, to.value, reason, by or "")
        await change.note(to.value, plugin.name, detail | ({"cause": cause} if cause else {}))
        return await read_installed(change.connection, plugin.tenant, plugin.name)

    async def enable(self, change: Change, plugin: Installed) -> Installed:
        """Enable a plugin within ``change``; it is active at once unless it has an ``init``."""
        by = f"enabled by {change.actor}"
        if plugin.state is not PluginState.ENABLED:
            reason = _INITIALISING if lifecycle_function(plugin, "init") else by
            plugin = await self.move(change, plugin, PluginState.ENABLED, reason)
            await HealthRepository(change.connection, change.tenant).reset(plugin.id)
        if lifecycle_function(plugin, "init") is None:
            plugin = await self.move(change, plugin, PluginState.ACTIVE, by)
        return plugin

    async def start(self, plugin: Installed, actor: str) -> Installed:
        """Have a plugin that is enabled and not active try again, as after an upgrade."""
        if plugin.state is not PluginState.ENABLED:
            return plugin
        async with self._journal.change(plugin.tenant, actor) as change:
            plugin = await self.enable(change, plugin)
        return await self.initialise(plugin, actor)

    async def initialise(self, plugin: Installed, actor: str) -> Installed:
        """Run the ``init`` of a plugin that waits for it, and make it active if that succeeds.

        An ``init`` that fails leaves the plugin enabled, with the reason for people to read.
        """
        function = lifecycle_function(plugin, "init")
        if plugin.state is not PluginState.ENABLED or function is None:
            return plugin
        fault = await self._calls.attempt(plugin, CallRequest(function=function, arguments={}))
        async with self._journal.change(plugin.tenant, actor) as change:
            if fault is None:
                return await self.move(change, plugin, PluginState.ACTIVE, "its init succeeded")
            reason = f"its init failed: {fault}"
            await change.plugins.set_state(plugin.id, plugin.state.value, reason)
            await change.note("init-failed", plugin.name, {"reason": reason})
            return await read_installed(change.connection, plugin.tenant, plugin.name)

    async def resume(self, registry: Registry, tenant: str) -> None:
        """Run the ``init`` of each plugin whose host was stopped while it ran."""
        for plugin in await registry.in_state_for(tenant, _INITIALISING):
            async with self.lock(tenant, plugin.name):
                await self.initialise(plugin, "host")

    async def disable(self, change: Change, plugin: Installed, reason: str) -> Installed:
        """Disable a plugin within ``change``; one that is disabled stays so."""
        if plugin.state is PluginState.DISABLED:
            return plugin
        return await self.move(change, plugin, PluginState.DISABLED, reason)

    async def start_over(self, change: Change, plugin: Installed, reason: str) -> Installed:
        """Forget within ``change`` how a plugin did before, because it is at another version."""
        await HealthRepository(change.connection, change.tenant).reset(plugin.id)
        if plugin.state is PluginState.DEGRADED:
            return await self.move(change, plugin, PluginState.ACTIVE, reason)
        return plugin

    async def quarantine(self, plugin: Installed, reason: str) -> bool:
        """Set aside a plugin that takes calls, and tell whether it did.

        One that has changed meanwhile is left as it is.
        """
        return await self.settle(plugin, Move(PluginState.QUARANTINED, reason))

    async def settle(self, plugin: Installed, move: Move) -> bool:
        """Make a change of a plugin that takes calls, and tell whether it was made.

        It is not if the plugin has changed meanwhile: if it is at another version, takes no calls,
        or is in another state than it was for whoever decided this.
        """
        async with (
            self.lock(plugin.tenant, plugin.name),
            self._journal.change(plugin.tenant, "host") as change,
        ):
            try:
                present = await read_installed(change.connection, plugin.tenant, plugin.name)
            except NotFound:
                return False
            if not _is_as_it_was(plugin, present, move):
                return False
            await self.move(change, present, move.to, move.reason, move.cause)
            return True


def _is_as_it_was(plugin: Installed, present: Installed, move: Move) -> bool:
    before = plugin.id, plugin.package_digest
    if (present.id, present.package_digest) != before or not present.is_callable:
        return False
    if move.to is PluginState.QUARANTINED:
        return True
    return (present.state, present.degraded_by) == (plugin.state, plugin.degraded_by)


def lifecycle_function(plugin: Installed, name: str) -> str | None:
    """Return the full name of a function of ``lifecycle``, if the plugin has it."""
    return next(
        (
            function
            for function in plugin.description.functions
            if function.startswith("wardian:plugin/lifecycle@") and function.endswith(f"#{name}")
        ),
        None,
    )


def _way_out(plugin: Installed, to: PluginState) -> str:
    if plugin.state is PluginState.QUARANTINED and to is PluginState.ENABLED:
        return " at once: look at why, then disable it first"
    return ""
