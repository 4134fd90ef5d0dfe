"""``wardian:plugin/plugins``: call other plugins."""

from __future__ import annotations

from typing import Any

from wardian.capabilities.base import CallContext, Refused


class Plugins:
    """Needs ``plugins:call:CAPABILITY``."""

    async def call(
        self, call: CallContext, capability: str, version: str, function: str, arguments: str
    ) -> dict[str, Any]:
        """Call ``function`` of the plugin that offers ``capability``."""
        call.require(f"plugins:call:{capability}")
        raise Refused("unavailable", "This host does not offer calls between plugins yet.")
