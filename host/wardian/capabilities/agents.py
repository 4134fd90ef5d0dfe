"""``wardian:plugin/agents``: ask agents by capability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from wardian.capabilities.base import CallContext, Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedAnswer:
    """What a plugin asks of an agent.

    Attributes:
        input, criteria: JSON text, not yet parsed.
    """

    capability: str
    input: str
    criteria: str | None


class AgentAsks(Protocol):
    """Has agents answer what plugins ask."""

    async def ask(self, caller: CallContext, wanted: WantedAnswer) -> dict[str, Any]:
        """Return an ``answer`` of the WIT.

        Raises:
            Refused: why nobody was asked, or answered.
        """
        ...


class AskDoor:
    """Hands what plugins ask to whoever has agents answer, once there is somebody."""

    def __init__(self) -> None:
        self._asks: AgentAsks | None = None

    def connect(self, asks: AgentAsks) -> None:
        """Have questions answered from now on."""
        self._asks = asks

    async def ask(self, caller: CallContext, wanted: WantedAnswer) -> dict[str, Any]:
        """Return an ``answer`` of the WIT.

        Raises:
            Refused: why nobody was asked, or answered; also if there is nobody who has them.
        """
        if self._asks is None:
            raise Refused("unavailable", "This host does not offer agents.")
        return await self._asks.ask(caller, wanted)


class Agents:
    """Needs ``agents:ask:CAPABILITY``."""

    def __init__(self, asks: AgentAsks | None = None) -> None:
        """Without ``asks`` nobody answers."""
        self._asks = AskDoor() if asks is None else asks

    async def ask(
        self, call: CallContext, capability: str, input_: str, criteria: str | None
    ) -> dict[str, Any]:
        """Have the host route ``input_`` to the best agent for ``capability``."""
        call.require(f"agents:ask:{capability}")
        wanted = WantedAnswer(capability=capability, input=input_, criteria=criteria)
        return await self._asks.ask(call, wanted)
