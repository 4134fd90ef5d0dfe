"""What others need decides too: enabling, disabling and taking away with dependents in mind.

Each decision is taken inside the change that carries it out, over what is installed then, so that
of two requests at once the second sees what the first did.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from wardian.plugins import Installed, Manifest
from wardian.plugins.dependencies import (
    Needing,
    check_unneeded,
    check_upgrade,
    to_enable,
)
from wardian.plugins.registry import read_installed
from wardian.plugins.releases import hold_releases
from wardian.plugins.states import SWITCHED_ON
from wardian.runtime.journal import Change, Journal
from wardian.runtime.lifecycle import Lifecycle

T = TypeVar("T")

Attempt = Callable[[frozenset[str]], Awaitable[T]]
"""Makes a change of plugins, given the names of those whose locks are held."""


class _MoreToHold(Exception):
    """The change concerns plugins whose locks are not held."""

    def __init__(self, names: frozenset[str]) -> None:
        super().__init__()
        self.names = names


class Switches:
    """Enables and disables plugins, with what they need and what needs them."""

    def __init__(self, journal: Journal, lifecycle: Lifecycle) -> None:
        self._journal = journal
        self._lifecycle = lifecycle

    async def enable(
        self, name: str, *, cascade: bool, tenant: str, actor: str
    ) -> Sequence[Installed]:
        """Enable a plugin; see `PluginHost.enable`. Returns what was, the plugin last."""

        async def attempt(held: frozenset[str]) -> list[Installed]:
            async with self._journal.change(tenant, actor) as change:
                plugins = await self._enabled(change, name, cascade, held)
            return [await self._lifecycle.initialise(plugin, actor) for plugin in plugins]

        return await holding(self._lifecycle, tenant, name, attempt)

    async def disable(
        self, name: str, *, cascade: bool, tenant: str, actor: str
    ) -> Sequence[Installed]:
        """Disable a plugin; see `PluginHost.disable`. Returns what was, the plugin last."""

        async def attempt(held: frozenset[str]) -> list[Installed]:
            async with self._journal.change(tenant, actor) as change:
                return await self._disabled(change, name, cascade, held)

        return await holding(self._lifecycle, tenant, name, attempt)

    async def _enabled(
        self, change: Change, name: str, cascade: bool, held: frozenset[str]
    ) -> list[Installed]:
        plugin = await read_installed(change.connection, change.tenant, name)
        if plugin.is_callable:
            return [plugin]
        there = await hold_releases(change.connection, change.tenant)
        names = [release.name for release in to_enable(name, there, cascade=cascade)]
        check_held(names, held)
        return [
            await self._lifecycle.enable(
                change, await read_installed(change.connection, change.tenant, each)
            )
            for each in names
        ]

    async def _disabled(
        self, change: Change, name: str, cascade: bool, held: frozenset[str]
    ) -> list[Installed]:
        # What is not enabled, though quarantined, is already lost to those that need it.
        plugin = await read_installed(change.connection, change.tenant, name)
        going = (
            await leaving(change, name, "disable", cascade=cascade, held=held)
            if plugin.state in SWITCHED_ON
            else ()
        )
        changed = [
            await self._lifecycle.disable(
                change,
                await read_installed(change.connection, change.tenant, each.release.name),
                each.reason(f"was disabled by {change.actor}"),
            )
            for each in going
        ]
        return [
            *changed,
            await self._lifecycle.disable(change, plugin, f"disabled by {change.actor}"),
        ]


async def leaving(
    change: Change, name: str, verb: str, *, cascade: bool, held: frozenset[str]
) -> tuple[Needing, ...]:
    """Return which enabled plugins go before ``name`` does, in order.

    Raises:
        Conflict: there are some, and they may not go with it (``cascade``).
    """
    there = await hold_releases(change.connection, change.tenant)
    going = check_unneeded(name, there, verb=verb, cascade=cascade)
    check_held((each.release.name for each in going), held)
    return going


async def check_still_fits(change: Change, manifest: Manifest) -> None:
    """Check that a plugin may become the version of it that a manifest is of, within ``change``.

    Raises:
        Conflict: an enabled plugin does not take it, or what it needs is not there.
    """
    there = await hold_releases(change.connection, change.tenant)
    check_upgrade(manifest.name, manifest.version, manifest, there)


def check_held(names: Iterable[str], held: frozenset[str]) -> None:
    """Begin anew, within `holding`, if not all of these plugins' locks are held."""
    missing = frozenset(names) - held
    if missing:
        raise _MoreToHold(missing)


async def holding(lifecycle: Lifecycle, tenant: str, name: str, attempt: Attempt[T]) -> T:
    """Make a change with the locks held of all plugins that it turns out to concern.

    Which these are is only known inside the change. It is undone when there are more than it
    holds, and made again with those too; each time there are more, so it comes to an end.
    """
    held = frozenset({name})
    while True:
        try:
            async with lifecycle.locks(tenant, held):
                return await attempt(held)
        except _MoreToHold as more:
            held |= more.names
