"""What an operator says of an agent in place of its manifest."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from wardian.agents.criteria import Words
from wardian.plugins.agents import AMOUNT_MAX, UNITS_MAX

_Amount = Annotated[float, msgspec.Meta(ge=0, le=AMOUNT_MAX)]


class CostChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What asking costs; what is not named is as its manifest has it, and so is the unit."""

    per_call: _Amount | UnsetType = UNSET
    per_unit: _Amount | UnsetType = UNSET


class LimitsChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an agent takes on; what is not named is as its manifest has it."""

    units: Annotated[int, msgspec.Meta(ge=1, le=UNITS_MAX)] | UnsetType = UNSET
    concurrent: Annotated[int, msgspec.Meta(ge=1, le=10_000)] | UnsetType = UNSET
    input_bytes: Annotated[int, msgspec.Meta(ge=1, le=64 * 1024 * 1024)] | UnsetType = UNSET


class AgentChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be otherwise; what is not named stays, and null is the manifest's again.

    Attributes:
        paused: whether the operator keeps questions from it.
    """

    priority: Annotated[int, msgspec.Meta(ge=0, le=100)] | UnsetType | None = UNSET
    tags: Words | UnsetType | None = UNSET
    cost: CostChange | UnsetType | None = UNSET
    limits: LimitsChange | UnsetType | None = UNSET
    paused: bool | UnsetType = UNSET
