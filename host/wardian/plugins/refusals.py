"""Why dependencies cannot be satisfied, in sentences for people, with the chain of needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from wardian.errors import Conflict
from wardian.plugins.chains import ARROW, Routes, joined
from wardian.plugins.releases import Release
from wardian.plugins.resolution import Choices, Requirement
from wardian.plugins.states import PluginState
from wardian.plugins.versions import VersionRange

_SHOWN = 5
"""How many of several things of a kind are named; the others are counted."""


class Holder(Protocol):
    """An enabled plugin that has a say in the version of another."""

    @property
    def release(self) -> Release:
        """Who it is."""

    @property
    def accepts(self) -> VersionRange:
        """The versions that it takes."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that has no answer.

    Attributes:
        choices: the releases of each name that there are, offered or installed.
        holders: who has a say in the version of each wanted name.
    """

    wanted: Sequence[Release]
    installed: Sequence[Release]
    choices: Choices
    holders: Mapping[str, Sequence[Holder]]

    def routes(self) -> Routes:
        """Return the chains from what is wanted to all that it needs."""
        return Routes(self.wanted, self.choices)


def unresolved(asked: Asked, requirements: Sequence[Requirement]) -> Conflict:
    """Say which needs cannot be satisfied, and why."""
    by_name: dict[str, list[Requirement]] = {}
    for requirement in requirements:
        by_name.setdefault(requirement.name, []).append(requirement)
    routes = asked.routes()
    sentences = [
        _unmet(asked, routes, name, [each for each in found if each.by is not None])
        for name, found in sorted(by_name.items())
    ]
    return Conflict(" ".join(sentences))


def circle(names: Sequence[str]) -> Conflict:
    """Say which plugins need each other."""
    return Conflict(
        f"These plugins need each other in a circle, so none could be enabled first: "
        f"{joined(names)}."
    )


def too_much(names: Iterable[str]) -> Conflict:
    """Say that nobody knows."""
    return Conflict(
        f"What {listed(names)} needs could not be worked out in reasonable time: too many plugins "
        "and versions hang together. Install fewer of them at once."
    )


def off(routes: Routes, last: Release, releases: Sequence[Release]) -> Conflict:
    """Say what is needed and is off."""
    first = releases[0]
    why = f" ({first.state_reason})" if first.state_reason else ""
    others = releases[1:]
    more = (
        f" So {'is' if len(others) == 1 else 'are'} {listed(map(str, others))}." if others else ""
    )
    if first.state is PluginState.QUARANTINED:
        advice = "Look at why, then disable and enable it."
    else:
        name = first.name if last.state is None else last.name
        advice = f"Enable it first; `wardian enable {name} --with-dependencies` "
        advice += f"also enables what {name} needs."
    return Conflict(f"{routes.to(first)}: {first} is {first.state}{why}.{more} {advice}")


def needed(name: str, verb: str, chains: Sequence[str]) -> Conflict:
    """Say who needs a plugin that somebody wants to disable or uninstall."""
    return Conflict(
        f"{name} is needed by plugins that are enabled: {listed(chains, '; ')}. {verb.title()} "
        f"them first, or all of them together: `wardian {verb} {name} --cascade` (cascade=true)."
    )


def listed(items: Iterable[str], between: str = ", ") -> str:
    """Join the first few of ``items``, and count the others."""
    found = list(items)
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return between.join(found[:_SHOWN]) + more


def _unmet(asked: Asked, routes: Routes, name: str, needs: Sequence[Requirement]) -> str:
    releases = asked.choices.get(name, ())
    if not releases:
        return _missing(routes, name, needs)
    misfit = [need for need in needs if not any(_fits(need, release) for release in releases)]
    if misfit:
        return " ".join(_out_of_range(asked, routes, need) for need in misfit[:_SHOWN])
    held = _held(asked, name)
    if held is not None:
        return held
    there = listed(map(str, releases))
    asks = listed((f"{need.by} needs {name} {need.accepts}" for need in needs), "; ")
    return f"No version of {name} is right for all ({there}): {asks}."


def _missing(routes: Routes, name: str, needs: Sequence[Requirement]) -> str:
    chains = listed((_chain(routes, need) for need in needs), "; ")
    return (
        f"{chains}: no plugin named {name} is installed or offered. Install it first, or give all "
        "packages to one `wardian install`."
    )


def _out_of_range(asked: Asked, routes: Routes, need: Requirement) -> str:
    releases = asked.choices[need.name]
    is_wanted = any(release.name == need.name for release in asked.wanted)
    where = "offered" if is_wanted else "installed"
    there = listed(release.version for release in releases)
    also = [] if is_wanted else _takers(asked, need)
    which = f", which {listed(also)}" if also else ""
    chain = _chain(routes, need)
    # A chain of one link says what the sentence says already.
    through = f" ({chain})" if chain.count(ARROW) > 1 else ""
    advice = "" if is_wanted else f" Upgrade {need.name}, or roll it back, to such a version first."
    return (
        f"{need.by} needs {need.name} {need.accepts}, but {need.name} {there} is "
        f"{where}{which}{through}.{advice}"
    )


def _takers(asked: Asked, need: Requirement) -> list[str]:
    """Return who needs what is installed in the version that it has."""
    wanted = {release.name for release in asked.wanted}
    (present,) = asked.choices[need.name]
    return [
        f"{user} needs at {user.needs[need.name]}"
        for user in asked.installed
        if user.name not in wanted
        and user is not need.by
        and need.name in user.needs
        and present.version in user.needs[need.name]
    ]


def _held(asked: Asked, name: str) -> str | None:
    """Say which enabled plugins do not take what is offered, if together they take none of it."""
    holders, releases = asked.holders.get(name, ()), asked.choices[name]
    if any(all(each.version in holder.accepts for holder in holders) for each in releases):
        return None
    refusing = [
        holder
        for holder in holders
        if not all(release.version in holder.accepts for release in releases)
    ]
    chains = listed((f"{each.release}{ARROW}{name} {each.accepts}" for each in refusing), "; ")
    return (
        f"{listed(map(str, releases))} is not what enabled plugins take: {chains}. Disable them "
        "first, or upgrade them to versions that take it."
    )


def _chain(routes: Routes, need: Requirement) -> str:
    if need.by is None:
        return need.name
    return routes.to(need.by, f"{need.name} {need.accepts}")


def _fits(need: Requirement, release: Release) -> bool:
    return need.accepts is None or release.version in need.accepts
