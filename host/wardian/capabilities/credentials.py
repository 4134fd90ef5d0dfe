"""``wardian:plugin/credentials``: use credentials without holding them."""

from __future__ import annotations

from typing import Any

from wardian.capabilities.base import CallContext, Refused

_UNAVAILABLE = "This host does not offer credentials yet."


class Credentials:
    """Needs ``credentials:use:NAME``, and ``credentials:reveal:NAME`` for `reveal`."""

    async def exists(self, call: CallContext, name: str) -> bool:
        """Tell whether a credential of this name exists for the plugin."""
        call.require(f"credentials:use:{name}")
        raise Refused("unavailable", _UNAVAILABLE)

    async def sign(self, call: CallContext, name: str, operation: dict[str, Any]) -> dict[str, Any]:
        """Sign with the credential; the key never leaves the host."""
        call.require(f"credentials:use:{name}")
        raise Refused("unavailable", _UNAVAILABLE)

    async def reveal(self, call: CallContext, name: str) -> str:
        """Read the credential itself."""
        call.require(f"credentials:reveal:{name}")
        raise Refused("unavailable", _UNAVAILABLE)
