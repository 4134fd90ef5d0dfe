"""Requests and candidates for tests of choices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from wardian.agents.candidates import Candidate
from wardian.agents.criteria import ANY, Criteria


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A question as strategies and rules see it; implements `wardian.agents.ports.Request`."""

    id: str = "q1"
    tenant: str = "default"
    capability: str = "summarize"
    subject: str = "host"
    input_bytes: int = 100
    criteria: Criteria = ANY


def wanted(**criteria: Any) -> Wanted:
    """Return a question with criteria, said as JSON says them."""
    return Wanted(criteria=msgspec.convert(criteria, Criteria))


def candidate(agent: str, **more: Any) -> Candidate:
    """Return a candidate that has been asked."""
    more = {"asked": 10, "plugin_id": agent, "version": "1.0.0", "latency_ms": 100.0, **more}
    more.setdefault("capability_version", "1.0.0")
    return Candidate(agent=agent, capability="summarize", **more)
