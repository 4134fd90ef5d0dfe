"""What another host's change means for the calls that are running on this one."""

from __future__ import annotations

from contextlib import suppress

from wardian.errors import NotFound
from wardian.events import Event
from wardian.plugins import Registry
from wardian.runtime.calls import Calls
from wardian.runtime.recall import Recall


class Neighbours:
    """Does here, after a change on another host, what this one would do after its own."""

    def __init__(self, registry: Registry, calls: Calls, recall: Recall) -> None:
        self._registry = registry
        self._recall = recall
        self._applied = {"plugin.granted": calls.regrant, "plugin.monitored": calls.remonitor}

    async def follow(self, event: Event) -> None:
        """Take revoked grants from running calls, record what they need from now on or no longer;
        end those of what is trusted no more.

        Those of a plugin that was stopped end by the same event as on that other host; see
        `wardian.runtime.halts`.
        """
        if event.topic == "trust.changed":
            await self._recall.sweep(event.tenant)
            return
        apply = self._applied.get(event.topic)
        if apply is not None:
            with suppress(NotFound):  # it was uninstalled since
                apply(await self._registry.get(event.tenant, event.value()["plugin"]))
