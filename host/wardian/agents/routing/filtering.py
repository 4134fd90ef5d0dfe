"""Who can be asked at all, and why each of the others cannot.

`Field.eligible` is on the way of each question, and says no more than who is left; `why_not` says
why the others are not. A test holds the two together.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from wardian.agents.candidates import Candidate
from wardian.agents.criteria import Ceilings, Criteria
from wardian.agents.money import nanos, spelled
from wardian.agents.ports import Request
from wardian.agents.routing.strategies import Turns
from wardian.errors import InvalidArguments
from wardian.plugins.versions import VersionRange, in_order, parse_range

NARROWED_MAX = 64
NARROWED_CHARACTERS_MAX = 600
"""Whoever wants agents by longer names has them looked through each time, and takes no memory."""

NO_CEILINGS = Ceilings()

_Names = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a candidate cannot be asked.

    Attributes:
        reason: for people.
        is_other: whether it is not one of those that the request is about: then there is no such
            agent, and in the other case there is one that cannot be asked now.
    """

    reason: str
    is_other: bool = False


class Field:
    """The candidates of one list, in the order of ties: priority, name, and the newest version.

    An agent that offers a capability in several versions is one candidate for each question: in
    the newest version that the question accepts. Else a fallback would ask who has just failed.
    What does not change while they are there is found out once.

    Attributes:
        turns: whose turn it was.
    """

    def __init__(self, candidates: Iterable[Candidate]) -> None:
        found = sorted(candidates, key=lambda each: in_order(each.capability_version), reverse=True)
        found.sort(key=lambda each: (each.is_trial, -each.priority, each.agent))
        members = [each for each in found if not each.is_trial]
        self._all, self._members, self._newest = found, tuple(members), _each_once(members)
        self.turns = Turns()
        self._shortest = min((each.input_bytes_max for each in members), default=0)
        self._narrowed: dict[tuple[str, _Names, _Names, _Names], tuple[Candidate, ...]] = {}

    def eligible(self, request: Request) -> Sequence[Candidate]:
        """Return those that can be asked now, in their order.

        Raises:
            InvalidArguments: the version that the request wants is no range.
        """
        criteria, size = request.criteria, request.input_bytes
        wanted, ceilings = self._wanted(criteria), criteria.ceilings
        if ceilings == NO_CEILINGS:
            found = [each for each in wanted if each.is_available and each.free > 0.0]
        else:
            found = _within(ceilings, wanted)
        if size > self._shortest:
            found = [each for each in found if size <= each.input_bytes_max]
        return found

    def refusals(self, request: Request) -> list[tuple[Candidate, Refusal]]:
        """Return why each agent that cannot be asked now cannot, by their names.

        Raises:
            InvalidArguments: the version that the request wants is no range.
        """
        # Whom the request is not about is shown in the newest version.
        shown = _each_once((*self._wanted(request.criteria), *self._all))
        found = [(each, why_not(each, request)) for each in sorted(shown, key=_name_of)]
        return [(each, refusal) for each, refusal in found if refusal is not None]

    def _wanted(self, criteria: Criteria) -> tuple[Candidate, ...]:
        """Return those that the request is about."""
        if criteria.version == "*" and not (criteria.tags or criteria.agents or criteria.exclude):
            return self._newest
        key = (criteria.version, criteria.tags, criteria.agents, criteria.exclude)
        found = self._narrowed.get(key)
        if found is None:
            accepts = range_of(criteria)
            found = _each_once(
                each for each in self._members if not _why_other(each, criteria, accepts)
            )
            if _length(criteria) <= NARROWED_CHARACTERS_MAX:
                if len(self._narrowed) >= NARROWED_MAX:
                    self._narrowed.clear()
                self._narrowed[key] = found
        return found


def _each_once(members: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Return the first of each agent's."""
    first: dict[str, Candidate] = {}
    for each in members:
        first.setdefault(each.plugin_id, each)
    return tuple(first.values())


def _name_of(candidate: Candidate) -> str:
    return candidate.agent


def _length(criteria: Criteria) -> int:
    names = chain((criteria.version,), criteria.tags, criteria.agents, criteria.exclude)
    return sum(map(len, names))


def range_of(criteria: Criteria) -> VersionRange:
    """Return which versions of the capability are wanted.

    Raises:
        InvalidArguments: it is no range.
    """
    try:
        return parse_range(criteria.version)
    except ValueError as exc:
        raise InvalidArguments(
            f"{criteria.version[:80]!r} is no range of versions such as '>=1.2, <2'.",
            path="criteria.version",
        ) from exc


def why_not(candidate: Candidate, request: Request) -> Refusal | None:
    """Return why a candidate cannot be asked now; None if it can.

    Raises:
        InvalidArguments: the version that the request wants is no range.
    """
    criteria = request.criteria
    other = _why_other(candidate, criteria, range_of(criteria))
    if other:
        return Refusal(other, is_other=True)
    reason = (
        _why_unable(candidate, request)
        or _why_too_much(candidate, criteria.ceilings)
        or _why_too_little(candidate, criteria.ceilings)
    )
    return Refusal(reason) if reason else None


def _why_other(candidate: Candidate, criteria: Criteria, accepts: VersionRange) -> str:
    if candidate.is_trial:
        return "It is only tried beside the agent's active version."
    if candidate.capability_version not in accepts:
        return f"It offers {candidate.capability_version}, which is not in {accepts}."
    missing = sorted(set(criteria.tags) - candidate.tags)
    if missing:
        return f"It has no tag {missing[0]!r}."
    if criteria.agents and candidate.agent not in criteria.agents:
        return "It is not among the agents asked for."
    return "It is excluded by the request." if candidate.agent in criteria.exclude else ""


def _why_unable(candidate: Candidate, request: Request) -> str:
    if not candidate.is_available:
        return candidate.unavailable or "It is not available."
    if candidate.in_flight >= candidate.concurrent_max:
        return (
            f"It answers {candidate.in_flight} questions, and takes {candidate.concurrent_max} "
            "at once."
        )
    if request.input_bytes > candidate.input_bytes_max:
        return (
            f"The input has {request.input_bytes} bytes, and it takes {candidate.input_bytes_max}."
        )
    return ""


def _why_too_much(candidate: Candidate, ceilings: Ceilings) -> str:
    most = candidate.most_nanos
    if ceilings.cost is not None and most > nanos(ceilings.cost):
        ceiling = spelled(nanos(ceilings.cost))
        return f"It may cost up to {spelled(most)}, and the ceiling is {ceiling}."
    is_timed = candidate.asked > 0
    if ceilings.latency_ms is not None and is_timed and candidate.latency_ms > ceilings.latency_ms:
        return (
            f"It takes {candidate.latency_ms:.0f} ms, and the ceiling is "
            f"{ceilings.latency_ms:g} ms."
        )
    if ceilings.load is not None and candidate.load > ceilings.load:
        return f"Its load is {candidate.load:.2f}, and the ceiling is {ceilings.load:g}."
    return ""


def _why_too_little(candidate: Candidate, ceilings: Ceilings) -> str:
    if ceilings.quality_min is not None and candidate.quality < ceilings.quality_min:
        return (
            f"Its quality is {candidate.quality:.2f}, and no less than {ceilings.quality_min:g} "
            "is wanted."
        )
    if ceilings.priority_min is not None and candidate.priority < ceilings.priority_min:
        return (
            f"Its priority is {candidate.priority}, and no less than {ceilings.priority_min} "
            "is wanted."
        )
    return ""


def _within(ceilings: Ceilings, members: Sequence[Candidate]) -> list[Candidate]:
    """Return those that can be asked and pass no ceiling, in one go for all of these."""
    cost = math.inf if ceilings.cost is None else nanos(ceilings.cost)
    latency = math.inf if ceilings.latency_ms is None else ceilings.latency_ms
    load = math.inf if ceilings.load is None else ceilings.load
    quality = ceilings.quality_min or 0.0
    priority = ceilings.priority_min or 0
    return [
        each
        for each in members
        if each.is_available
        and each.free > 0.0
        and not (
            each.most_nanos > cost
            # Who was never asked is asked once, or would never be.
            or (each.asked and each.latency_ms > latency)
            or each.load > load
            or each.quality < quality
            or each.priority < priority
        )
    ]
