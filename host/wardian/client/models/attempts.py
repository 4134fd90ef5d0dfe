"""Whom a question was put to."""

from __future__ import annotations

import msgspec


class AgentAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """One agent that a question was put to, or would have been.

    Attributes:
        ending: ``answered``, ``refused``, ``failed``, ``timed-out``, ``cancelled`` or
            ``not-begun``.
        reason: why it did not answer.
        hedge: whether it was asked beside another that took long.
    """

    agent: str
    version: str
    ending: str
    reason: str
    latency_ms: float
    cost: float
    hedge: bool = False
