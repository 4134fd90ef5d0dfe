"""What an asker wants of the agent that answers: ceilings that it must keep, weights that rank."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from wardian.errors import InvalidArguments

NonNegative = Annotated[float, msgspec.Meta(ge=0, le=1e12)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Word = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Words = Annotated[tuple[Word, ...], msgspec.Meta(max_length=64)]


class Ceilings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What no agent that is asked passes, as it was measured up to now; None has no bound.

    Attributes:
        cost: of the currency's unit, for the question at most: it is held against the most that
            the agent may charge, so an answer never costs more.
        latency_ms: mean time to an answer; of one that was never asked it is not known, and holds.
        load: share of what it takes on at once.
        quality_min: 0 to 1.
        priority_min: 0 to 100.
    """

    cost: NonNegative | None = None
    latency_ms: NonNegative | None = None
    load: NonNegative | None = None
    quality_min: Share | None = None
    priority_min: Annotated[int, msgspec.Meta(ge=0, le=100)] | None = None


class Weights(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much each quality counts for the strategy `weighted`; only their ratios matter."""

    cost: NonNegative = 1.0
    latency: NonNegative = 1.0
    quality: NonNegative = 2.0
    load: NonNegative = 1.0
    priority: NonNegative = 0.5


class Criteria(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one request wants of its agent.

    Attributes:
        strategy: the name of one; None leaves it to the operator's rules.
        version: a range of the capability's versions.
        tags: each must be there.
        agents: only these; empty for any.
        exclude: none of these.
        fallback: how many others are asked, one after the other, if the chosen one does not answer.
        hedge: ask the next best as well when the first takes longer than usual, and take the
            answer that comes first.
        fresh: never take an answer that was kept.
    """

    ceilings: Ceilings = Ceilings()
    weights: Weights = Weights()
    strategy: Word | None = None
    version: Word = "*"
    tags: Words = ()
    agents: Words = ()
    exclude: Words = ()
    fallback: Annotated[int, msgspec.Meta(ge=0, le=8)] = 2
    hedge: bool = False
    fresh: bool = False


ANY = Criteria()
"""The criteria of who wants nothing in particular."""

Wanted = Criteria | Mapping[str, Any] | None
"""Criteria, or the same as a JSON object."""


def read_criteria(wanted: Wanted) -> Criteria:
    """Return criteria that came as a JSON object, checked.

    Raises:
        InvalidArguments: they are none; with the path of the fault.
    """
    if wanted is None:
        return ANY
    try:
        return msgspec.convert(
            msgspec.to_builtins(wanted) if isinstance(wanted, Criteria) else wanted,
            Criteria,
        )
    except msgspec.ValidationError as exc:
        reason, path = fault_of(exc)
        raise InvalidArguments(
            f"The criteria cannot be met as they are: {reason}.", path=f"criteria{path}"
        ) from exc


def fault_of(error: msgspec.ValidationError) -> tuple[str, str]:
    """Return what is wrong with a JSON value, and where in it: `.name` or `[2]`, empty for all."""
    reason, _, path = str(error).partition(" - at `$")
    return reason, path.rstrip("`")
