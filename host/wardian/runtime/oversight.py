"""Oversight: what operators see and change of a plugin's permissions, also while it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from wardian.plugins import Installed, Registry
from wardian.plugins.registry import read_installed
from wardian.policy.suggestions import suggest
from wardian.runtime.calls import Calls
from wardian.runtime.journal import Journal
from wardian.runtime.monitoring import Monitoring
from wardian.runtime.permission_views import SuggestionView, UsesView, use_of, use_view
from wardian.runtime.permissions import change_grants
from wardian.runtime.views import GrantsView, grants_view
from wardian.runtime.whole import whole
from wardian.storage.permission_uses import PermissionUseRepository


class Oversight:
    """Grants, monitor mode and suggestions, of every tenant's plugins.

    A change and its effect on calls that are running are one: whoever asked for it may go away in
    between, and of two changes at once the later one has the last word.
    """

    def __init__(
        self, registry: Registry, journal: Journal, calls: Calls, monitoring: Monitoring
    ) -> None:
        self._registry = registry
        self._journal = journal
        self._calls = calls
        self._monitoring = monitoring
        self._changing = asyncio.Lock()

    async def grants(self, tenant: str, name: str) -> GrantsView:
        """Return what a plugin asks for and what of it is granted."""
        return self._grants_view(await self._registry.get(tenant, name))

    async def set_grants(
        self, tenant: str, name: str, permissions: Sequence[str], *, actor: str
    ) -> GrantsView:
        """Grant exactly these permissions; see `PluginHost.set_grants`."""

        async def change() -> Installed:
            async with self._changing:
                plugin = await change_grants(
                    self._journal, name, permissions, tenant=tenant, actor=actor
                )
                self._calls.regrant(plugin)
                return plugin

        return self._grants_view(await whole(change()))

    async def set_monitored(
        self, tenant: str, name: str, monitored: bool, *, actor: str
    ) -> Installed:
        """Record a plugin's use of permissions from now on, or no longer."""

        async def change() -> Installed:
            async with self._changing:
                plugin = await self._write_monitored(tenant, name, monitored, actor)
                self._calls.remonitor(plugin)
                return plugin

        return await whole(change())

    async def _write_monitored(
        self, tenant: str, name: str, monitored: bool, actor: str
    ) -> Installed:
        async with self._journal.change(tenant, actor) as change:
            plugin = await read_installed(change.connection, tenant, name)
            if plugin.monitored is monitored:
                return plugin
            repository = PermissionUseRepository(change.connection, tenant, plugin.id)
            await repository.set_monitored(monitored)
            await change.note("monitored", name, {"monitored": monitored})
            return await read_installed(change.connection, tenant, name)

    async def uses(self, tenant: str, name: str) -> UsesView:
        """Return what a plugin needed while it was monitored."""
        plugin = await self._registry.get(tenant, name)
        rows = await self._monitoring.uses(tenant, plugin.id)
        return UsesView(monitored=plugin.monitored, uses=[use_view(row) for row in rows])

    async def clear_uses(self, tenant: str, name: str, *, actor: str) -> None:
        """Forget what a plugin needed."""
        plugin = await self._registry.get(tenant, name)
        async with (
            self._monitoring.clearing(tenant, plugin.id),
            self._journal.change(tenant, actor) as change,
        ):
            # First the tenant, then the plugin: the other way round, two of these would wait for
            # each other.
            found = await read_installed(change.connection, tenant, name)
            await PermissionUseRepository(change.connection, tenant, found.id).clear()
            await change.note("uses-cleared", name, {})

    async def suggestion(self, tenant: str, name: str, *, include_denied: bool) -> SuggestionView:
        """Return the smallest grant that would have sufficed; see `wardian.policy.suggestions`."""
        plugin = await self._registry.get(tenant, name)
        rows = await self._monitoring.uses(tenant, plugin.id)
        # In a thread, because a thousand uses under hundreds of grants take a second to compare.
        suggestion = await asyncio.to_thread(
            suggest,
            [use_of(row) for row in rows],
            plugin.granted,
            plugin.asked,
            include_denied=include_denied,
        )
        return SuggestionView(
            monitored=plugin.monitored,
            present=[str(permission) for permission in plugin.granted],
            suggestion=suggestion,
        )

    def _grants_view(self, plugin: Installed) -> GrantsView:
        return grants_view(plugin, self._calls.authority(plugin))
