"""``[agent]`` in a manifest: what an agent costs, how much it takes on, and how it is tried."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from wardian.errors import InvalidArguments
from wardian.plugins.tables import Table
from wardian.plugins.text import Line, Name
from wardian.storage.documents import parse_json

AGENT_ASK = "wardian:plugin/agent@1.0.0#ask"
"""What an agent exports, by its full name."""

AMOUNT_MAX = 1_000_000.0
UNITS_MAX = 1_000_000_000

Amount = Annotated[float, Field(ge=0, le=AMOUNT_MAX, allow_inf_nan=False)]


class AgentCost(Table):
    """What asking costs, in the operator's currency."""

    per_call: Annotated[Amount, Field(description="What each question costs.")] = 0.0
    per_unit: Annotated[
        Amount, Field(description="What each unit costs that the agent reports to have used.")
    ] = 0.0
    unit: Annotated[Name, Field(description="What a unit is: `token`, `character`, `page`.")] = (
        "unit"
    )


class AgentLimits(Table):
    """What one agent takes on."""

    units: Annotated[
        int,
        Field(
            ge=1,
            le=UNITS_MAX,
            description="The most units that one question may use. So much is set aside of the "
            "tenant's budget before the agent is asked, and an answer is never charged for more.",
        ),
    ] = 10_000
    concurrent: Annotated[
        int, Field(ge=1, le=10_000, description="How many questions it takes at once.")
    ] = 16
    input_bytes: Annotated[
        int, Field(ge=1, le=64 * 1024 * 1024, description="The longest input, as JSON text.")
    ] = 1024 * 1024


class AgentProbe(Table):
    """A question that the host asks by itself, to know whether the agent is well."""

    capability: Annotated[Line, Field(description="Which of the plugin's capabilities is asked.")]
    input: Annotated[Line, Field(description="The question, as JSON text.")]
    seconds: Annotated[
        int, Field(ge=10, le=86_400, description="How often, while nobody else asks it.")
    ] = 300

    @field_validator("input")
    @classmethod
    def _is_json(cls, text: str) -> str:
        try:
            parse_json(text, max_bytes=len(text.encode()))
        except InvalidArguments as exc:
            raise ValueError(f"must be JSON text. {exc.message}") from exc
        return text


class Agent(Table):
    """What the host has to know of an agent to choose it; all of it has a default."""

    priority: Annotated[
        int,
        Field(ge=0, le=100, description="Of two that are as good, the one with more is asked."),
    ] = 50
    cost: Annotated[AgentCost, Field(description="What asking it costs.")] = AgentCost()
    limits: Annotated[AgentLimits, Field(description="What it takes on.")] = AgentLimits()
    probe: Annotated[
        AgentProbe | None, Field(description="How the host tries whether it is well.")
    ] = None
