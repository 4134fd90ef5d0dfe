"""``wardian:plugin/http``: HTTP requests through the host."""

from __future__ import annotations

from typing import Any

from wardian.capabilities.base import CallContext, Refused


class Http:
    """Needs ``http:request:METHOD:URL-PATTERN``."""

    async def send(self, call: CallContext, request: dict[str, Any]) -> dict[str, Any]:
        """Send one request and wait for the whole response."""
        call.require(f"http:request:{request['method']}:{request['url']}")
        if request["credential"] is not None:
            call.require(f"credentials:use:{request['credential']}")
        call.budget.spend("http_requests")
        raise Refused("unavailable", "This host does not offer HTTP requests yet.")
