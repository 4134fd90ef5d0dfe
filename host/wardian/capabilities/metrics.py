"""``wardian:plugin/metrics``: numbers for the operator's monitoring."""

from __future__ import annotations

from wardian.capabilities.base import CallContext, Refused

_UNAVAILABLE = "This host does not offer metrics to plugins yet."


class Metrics:
    """Needs no permission."""

    async def count(
        self, call: CallContext, name: str, by: int, labels: list[tuple[str, str]]
    ) -> None:
        """Add ``by`` to the counter ``name``."""
        raise Refused("unavailable", _UNAVAILABLE)

    async def observe(
        self, call: CallContext, name: str, value: float, labels: list[tuple[str, str]]
    ) -> None:
        """Record one observation of ``name``."""
        raise Refused("unavailable", _UNAVAILABLE)
