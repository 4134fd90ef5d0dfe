"""Recalls: what a tenant trusts no more is set aside, and its calls that are running end."""

from __future__ import annotations

from wardian.errors import Revoked, SignatureInvalid
from wardian.plugins import Installed, Registry
from wardian.plugins.trust import Trust
from wardian.runtime.calls import Calls
from wardian.runtime.lifecycle import Lifecycle

Distrust = Revoked | SignatureInvalid
"""Why a plugin must not run."""


class Recall:
    """Judges what is installed anew, and withdraws what does not pass."""

    def __init__(
        self, registry: Registry, trust: Trust, calls: Calls, lifecycle: Lifecycle
    ) -> None:
        self._registry = registry
        self._trust = trust
        self._calls = calls
        self._lifecycle = lifecycle

    async def sweep(self, tenant: str) -> list[str]:
        """Judge every plugin of a tenant, also older versions whose calls are still running.

        Returns:
            The names of those that took calls and are quarantined now.
        """
        plugins = [*self._calls.running(tenant), *await self._registry.all(tenant)]
        distinct = {(plugin.id, plugin.package_digest): plugin for plugin in plugins}
        found = await self._trust.distrusted(tenant, distinct.values())
        # Calls end before any lock is waited for: an upgrade may hold one for a while.
        for plugin, error in found:
            self._calls.end(plugin, error)
        names: list[str] = []
        for plugin, error in found:
            if plugin.is_callable and await self._lifecycle.quarantine(plugin, _reason(error)):
                names.append(plugin.name)
        return names

    async def withdraw(self, plugin: Installed, error: Distrust) -> None:
        """Set aside a plugin that did not pass when it was about to run."""
        self._calls.end(plugin, error)
        await self._lifecycle.quarantine(plugin, _reason(error))


def _reason(error: Distrust) -> str:
    # A reason stands within sentences of others.
    return error.message.removesuffix(".")
