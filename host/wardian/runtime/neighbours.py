"""What another host's change means for the calls that are running on this one."""

from __future__ import annotations

from wardian.errors import NotFound
from wardian.events import Event
from wardian.plugins import Registry
from wardian.runtime.calls import Calls
from wardian.runtime.recall import Recall


class Neighbours:
    """Does here, after a change on another host, what this one would do after its own."""

    def __init__(self, registry: Registry, calls: Calls, recall: Recall) -> None:
        self._registry = registry
        self._calls = calls
        self._recall = recall

    async def follow(self, event: Event) -> None:
        """Take revoked grants from running calls; end those of what is trusted no more."""
        if event.topic == "plugin.granted":
            try:
                plugin = await self._registry.get(event.tenant, event.value()["plugin"])
            except NotFound:
                return  # it was uninstalled since
            self._calls.regrant(plugin)
        elif event.topic == "trust.changed":
            await self._recall.sweep(event.tenant)
