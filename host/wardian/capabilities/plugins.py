"""``wardian:plugin/plugins``: call other plugins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from wardian.capabilities.base import CallContext, Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a plugin asks of another.

    Attributes:
        version: a range, not yet parsed.
        arguments: JSON text, not yet parsed.
    """

    capability: str
    version: str
    function: str
    arguments: str


class PluginCalls(Protocol):
    """Makes the calls that plugins ask for."""

    async def call(self, caller: CallContext, wanted: Wanted) -> dict[str, Any]:
        """Return what the called function answered, as a ``reply`` of the WIT.

        Raises:
            Refused: why it could not be called, or did not answer.
        """
        ...


class Plugins:
    """Needs ``plugins:call:CAPABILITY``."""

    def __init__(self, calls: PluginCalls | None = None) -> None:
        """Without ``calls`` none are made."""
        self._calls = calls

    async def call(
        self, call: CallContext, capability: str, version: str, function: str, arguments: str
    ) -> dict[str, Any]:
        """Call ``function`` of the plugin that offers ``capability``."""
        call.require(f"plugins:call:{capability}")
        if self._calls is None:
            raise Refused("unavailable", "This host does not offer calls between plugins.")
        wanted = Wanted(
            capability=capability, version=version, function=function, arguments=arguments
        )
        return await self._calls.call(call, wanted)
