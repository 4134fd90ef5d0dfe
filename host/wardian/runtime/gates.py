"""Gates: the calls of a plugin wait while its stored data changes hands."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from wardian.errors import Overloaded
from wardian.plugins import Installed

WAITING_CALLS_MAX = 256


class Gates:
    """Holds back calls of plugins that are being migrated."""

    def __init__(self) -> None:
        self._closed: dict[str, _Gate] = {}

    def is_closed(self, plugin: Installed) -> bool:
        """Tell whether calls of a plugin have to wait."""
        return bool(self._closed) and plugin.id in self._closed

    def is_closed_for(self, plugin_id: str) -> bool:
        """Tell whether calls of the plugin of this id have to wait."""
        return plugin_id in self._closed

    async def opened(self, plugin: Installed) -> None:
        """Wait until a plugin's gate is open.

        Raises:
            Overloaded: too many of its calls wait already.
        """
        gate = self._closed.get(plugin.id)
        if gate is None:
            return
        if gate.waiting >= WAITING_CALLS_MAX:
            raise Overloaded(
                f"{plugin.name} is being upgraded and its data migrated; {gate.waiting} calls of "
                "it wait already. Try again later."
            )
        gate.waiting += 1
        try:
            await gate.open.wait()
        finally:
            gate.waiting -= 1

    @contextmanager
    def closed(self, plugin: Installed) -> Iterator[None]:
        """Hold back a plugin's calls while the block runs."""
        gate = self._closed[plugin.id] = _Gate()
        try:
            yield
        finally:
            del self._closed[plugin.id]
            gate.open.set()


class _Gate:
    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.waiting = 0
