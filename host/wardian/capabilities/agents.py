"""``wardian:plugin/agents``: ask agents by capability."""

from __future__ import annotations

from typing import Any

from wardian.capabilities.base import CallContext, Refused


class Agents:
    """Needs ``agents:ask:CAPABILITY``."""

    async def ask(
        self, call: CallContext, capability: str, input_: str, criteria: str | None
    ) -> dict[str, Any]:
        """Have the host route ``input_`` to the best agent for ``capability``."""
        call.require(f"agents:ask:{capability}")
        raise Refused("unavailable", "This host does not offer agents yet.")
