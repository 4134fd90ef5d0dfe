"""The search for one version of each plugin; the only module that knows resolvelib.

Who needs is decided before what is needed. A version is then chosen once everybody has said which
ones they take, and the search misses nothing. Only where offered versions need each other in a
circle, which no order of installing could satisfy, may it give up early.

Whether there is an assignment of versions to names that satisfies every range is NP-complete, and
what is asked here was written by strangers. So the work is counted, and ends at a bound.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from resolvelib import AbstractProvider, BaseReporter, ResolutionImpossible, ResolutionTooDeep
from resolvelib.resolvers import Resolution

from wardian.plugins.chains import followers_first
from wardian.plugins.releases import Release
from wardian.plugins.versions import VersionRange

STEPS_MAX = 200_000
"""How many times a range, a preference or a dependency may be looked at: a tenth of a second."""

ROUNDS_MAX = 2_000

Choices = Mapping[str, Sequence[Release]]
"""The releases of each name, the most preferred first."""


@dataclass(frozen=True, slots=True, eq=False)
class Requirement:
    """What some release asks of a name; ``by`` and ``accepts`` are None where a person does."""

    name: str
    accepts: VersionRange | None = None
    by: Release | None = None


class Unresolved(Exception):
    """There is no assignment; ``requirements`` are the ones of which the last attempt failed."""

    def __init__(self, requirements: Iterable[Requirement]) -> None:
        super().__init__()
        self.requirements = tuple(requirements)


class TooMuchWork(Exception):
    """Whether there is an assignment was not found out within the bound."""


def search(
    wanted: Iterable[str], choices: Choices, *, steps_max: int = STEPS_MAX
) -> dict[str, Release]:
    """Choose a release of each wanted name, and of each that a chosen one needs.

    Raises:
        Unresolved: no choice satisfies every range.
        TooMuchWork: that would take more than ``steps_max`` steps to find out.
    """
    wanted = list(wanted)
    provider = _Provider(choices, _ranks(wanted, choices), steps_max)
    reporter: BaseReporter[Requirement, Release, str] = BaseReporter()
    # Not through `Resolver`, which afterwards walks the found graph by recursion.
    resolution = Resolution(provider, reporter)
    try:
        state = resolution.resolve([Requirement(name) for name in wanted], ROUNDS_MAX)
    except ResolutionImpossible as exc:
        raise Unresolved(cause.requirement for cause in exc.causes) from exc
    except ResolutionTooDeep as exc:
        raise TooMuchWork from exc
    return dict(state.mapping)


def _ranks(wanted: Iterable[str], choices: Choices) -> dict[str, int]:
    def following(name: str) -> list[str]:
        return [need for release in choices.get(name, ()) for need in release.needs]

    order = followers_first(wanted, following, circles=True)
    return {name: rank for rank, name in enumerate(reversed(order))}


class _Provider(AbstractProvider[Requirement, Release, str]):
    """Answers resolvelib's questions from the choices, and counts them."""

    def __init__(self, choices: Choices, ranks: Mapping[str, int], steps_max: int) -> None:
        self._choices = choices
        self._ranks = ranks
        self._steps_left = steps_max
        self._known: dict[tuple[str, str], bool] = {}

    def identify(self, requirement_or_candidate: Requirement | Release) -> str:
        return requirement_or_candidate.name

    def get_preference(self, identifier: str, *_: Any, **__: Any) -> int:
        self._step(1)
        return self._ranks[identifier]

    def find_matches(
        self,
        identifier: str,
        requirements: Mapping[str, Iterator[Requirement]],
        incompatibilities: Mapping[str, Iterator[Release]],
    ) -> list[Release]:
        asked = list(requirements[identifier])
        refused = {release.version for release in incompatibilities[identifier]}
        releases = self._choices.get(identifier, ())
        self._step(1 + len(refused) + len(asked) * len(releases))
        return [
            release
            for release in releases
            if release.version not in refused
            and all(self._fits(requirement, release) for requirement in asked)
        ]

    def is_satisfied_by(self, requirement: Requirement, candidate: Release) -> bool:
        self._step(1)
        return self._fits(requirement, candidate)

    def get_dependencies(self, candidate: Release) -> list[Requirement]:
        self._step(1 + len(candidate.needs))
        return [Requirement(name, accepts, candidate) for name, accepts in candidate.needs.items()]

    def _step(self, count: int) -> None:
        self._steps_left -= count
        if self._steps_left < 0:
            raise TooMuchWork

    def _fits(self, requirement: Requirement, release: Release) -> bool:
        if requirement.accepts is None:
            return True
        # The same few pairs are asked for in every round.
        pair = (requirement.accepts.text, release.version)
        known = self._known.get(pair)
        if known is None:
            known = self._known[pair] = release.version in requirement.accepts
        return known
