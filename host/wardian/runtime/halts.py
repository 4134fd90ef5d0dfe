"""Halts: when a plugin takes no calls any more, those that are running end, on every host.

Whoever disabled, quarantined or uninstalled it, and on whichever host: there is an event of it, and
each host announces the events of all. So what a change means for running calls is the same
wherever it was made.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from wardian.errors import Conflict, NotFound, Revoked, SignatureInvalid, WardianError
from wardian.events import Event, Events
from wardian.plugins import Installed, PluginState, Registry
from wardian.plugins.trust import Trust
from wardian.runtime.calls import Calls

HALTED = frozenset({PluginState.DISABLED, PluginState.QUARANTINED, PluginState.UNINSTALLED})
"""The states in which nothing of a plugin runs; a plugin that is enabled may run its ``init``."""

_log = logging.getLogger("wardian.calls")


class Halts:
    """Ends the calls of plugins that have come into one of the states `HALTED`."""

    def __init__(self, events: Events, registry: Registry, trust: Trust, calls: Calls) -> None:
        self._events = events
        self._registry = registry
        self._trust = trust
        self._calls = calls
        self._heard: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """End such calls while the block runs."""
        ends = [self._events.subscribe(f"plugin.{state}", self._hear) for state in HALTED]
        task = asyncio.create_task(self._run(), name="wardian-halts")
        try:
            yield
        finally:
            for end in ends:
                end()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _hear(self, event: Event) -> None:
        self._heard.put_nowait((event.tenant, event.value()["plugin"]))

    async def _run(self) -> None:
        while True:
            tenant, name = await self._heard.get()
            try:
                await self._halt(tenant, name)
            except Exception:  # noqa: BLE001 -- the next plugin's calls must end all the same
                _log.exception("Calls of %s could not be ended.", name)

    async def _halt(self, tenant: str, name: str) -> None:
        running = [plugin for plugin in self._calls.running(tenant) if plugin.name == name]
        for plugin in running:
            error = await self._error(plugin)
            if error is not None:
                self._calls.end(plugin, error)

    async def _error(self, plugin: Installed) -> WardianError | None:
        """Return why calls of a plugin end; None if by now it is one that takes calls again."""
        try:
            present = await self._registry.get(plugin.tenant, plugin.name)
            if present.id == plugin.id and present.state is PluginState.QUARANTINED:
                await self._trust.check_load(plugin)
        except NotFound:
            return _gone(plugin)
        except (SignatureInvalid, Revoked) as error:
            return error
        except WardianError:
            # That it is halted is known. What could not be read is only whether it still is.
            return Conflict(f"{plugin.name} was stopped while this call was running.")
        if present.id != plugin.id:
            return _gone(plugin)
        if present.state not in HALTED:
            return None
        why = f" ({present.state_reason})" if present.state_reason else ""
        return Conflict(f"{plugin.name} was {present.state} while this call was running{why}.")


def _gone(plugin: Installed) -> Conflict:
    return Conflict(f"{plugin.name} was uninstalled while this call was running.")
