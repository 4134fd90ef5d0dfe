"""Ask agents. Needs ``agents:ask:CAPABILITY``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wit_world.imports import agents as _host

from wardian_sdk._errors import ask as _ask
from wardian_sdk._json import from_text, to_text

__all__ = ["Answer", "ask"]


@dataclass(frozen=True)
class Answer:
    """What an agent answered, and what that cost in the operator's currency unit."""

    agent: str
    output: Any
    cost: float


def ask(capability: str, question: object, *, criteria: Mapping[str, Any] | None = None) -> Answer:
    """Have the host route ``question`` to the best agent for ``capability``.

    ``criteria`` sets ceilings and weights for cost, latency and quality.
    """
    wishes = None if criteria is None else to_text(dict(criteria))
    answer = _ask(_host.ask, capability, to_text(question), wishes)
    return Answer(answer.agent, from_text(answer.output), answer.cost)
