"""What needs what among a tenant's plugins: decisions over frozen values.

Two rules. A plugin is installed, and enabled, only when everything it needs, directly or through
others, is there in a version that each of them takes; to be enabled it takes more, that all of
them are on. And no request takes an enabled plugin away from enabled plugins that need it, or
changes its version to one that they do not take. Plugins that are off hold nobody back: what they
miss is said when they are enabled.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from wardian.errors import Conflict
from wardian.plugins import refusals
from wardian.plugins.chains import Circle, Routes, followers_first, joined, shortened
from wardian.plugins.manifest import Manifest
from wardian.plugins.releases import Release, release_of
from wardian.plugins.resolution import STEPS_MAX, Choices, TooMuchWork, Unresolved, search
from wardian.plugins.states import PluginState
from wardian.plugins.versions import VersionRange, in_order


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """An assignment of one version to each name.

    Attributes:
        wanted: what was asked for, in the versions that were chosen; what is needed comes first.
        needed: what is installed and needed by these, in the same order.
        left_out: versions that were offered and not chosen.
    """

    wanted: tuple[Release, ...]
    needed: tuple[Release, ...]
    left_out: tuple[Release, ...] = ()

    @property
    def off(self) -> tuple[Release, ...]:
        """What is needed, and is off; each behind what it needs."""
        return tuple(release for release in self.needed if not release.is_on)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependent:
    """An installed plugin that needs another, and the versions of that which it takes."""

    release: Release
    accepts: VersionRange


_Links = Mapping[str, tuple[Release, str]]
"""Who needs a plugin, by name, and the name by which the shortest chain goes on from there."""


@dataclass(frozen=True, slots=True)
class Needing:
    """An enabled plugin that needs another, perhaps through others."""

    release: Release
    _links: _Links = field(repr=False)

    @property
    def chain(self) -> str:
        """The chain of needs for people: ``reports 3.1.0 → orders ^1 → billing ^2``."""
        written, name = [str(self.release)], self.release.name
        while name in self._links:
            user, name = self._links[name]
            written.append(f"{name} {user.needs[name]}")
        return joined(written)

    def reason(self, what_happened: str) -> str:
        """Say why the plugin goes too: ``needs orders, which needs billing, which was …``."""
        through, name = [], self.release.name
        while name in self._links:
            name = self._links[name][1]
            through.append(name)
        return "needs " + ", which needs ".join(shortened(through)) + f", which {what_happened}"


def resolve(
    wanted: Sequence[Release], installed: Sequence[Release], *, steps_max: int = STEPS_MAX
) -> Plan:
    """Choose one version of each wanted plugin, so that every range is satisfied.

    Args:
        wanted: what is to be installed, or to take the place of what is installed. Of a name with
            several versions the newest possible one is chosen.
        installed: everything that the tenant has; of it, what is not wanted keeps its version.
        steps_max: how much work that may be.

    Raises:
        Conflict: something is missing, out of range or needs itself, also through others; or it
            takes too much work to find out. With the chain of needs.
    """
    _check_given(wanted)
    names = tuple(dict.fromkeys(release.name for release in wanted))
    choices = _choices(wanted, installed)
    holders = {name: _holders(name, names, installed) for name in names}
    allowed = {**choices, **{name: _allowed(choices[name], holders[name]) for name in names}}
    try:
        chosen = search(names, allowed, steps_max=steps_max)
        order = followers_first(names, lambda name: chosen[name].needs)
    except Unresolved as exc:
        asked = refusals.Asked(wanted, installed, choices, holders)
        raise refusals.unresolved(asked, exc.requirements) from exc
    except Circle as exc:
        raise refusals.circle(exc.names) from exc
    except TooMuchWork as exc:
        raise refusals.too_much(names) from exc
    return Plan(
        wanted=tuple(chosen[name] for name in order if name in names),
        needed=tuple(chosen[name] for name in order if name not in names),
        left_out=tuple(release for release in wanted if release is not chosen[release.name]),
    )


def check_all_on(plan: Plan) -> None:
    """Check that what is to be enabled can rely on what it needs.

    Raises:
        Conflict: something that it needs is off; with the chain of needs.
    """
    if plan.off:
        releases = {release.name: [release] for release in (*plan.wanted, *plan.needed)}
        raise refusals.off(Routes(plan.wanted, releases), plan.wanted[-1], plan.off)


def to_install(offered: Sequence[Release], installed: Sequence[Release], *, enable: bool) -> Plan:
    """Return in which order packages are installed, and in which versions.

    Raises:
        Conflict: a plugin of that name is installed; what one needs is neither there nor offered;
            or it is to be enabled and what it needs is off. With the chain of needs.
    """
    present = {release.name: release for release in installed}
    for release in offered:
        if release.name in present:
            raise Conflict(
                f"{present[release.name]} is installed already; upgrade it, or uninstall it first."
            )
    plan = resolve(offered, installed)
    if enable:
        check_all_on(plan)
    return plan


def to_enable(name: str, installed: Sequence[Release], *, cascade: bool) -> tuple[Release, ...]:
    """Return what is to be enabled for a plugin, each behind what it needs, and itself last.

    Raises:
        Conflict: what it needs is not there; or is off, and may not be enabled (``cascade``) or,
            being quarantined, cannot be; with the chain of needs.
    """
    plan = resolve([release for release in installed if release.name == name], installed)
    quarantined = any(release.state is PluginState.QUARANTINED for release in plan.off)
    if not cascade or quarantined:
        check_all_on(plan)
    return (*plan.off, *plan.wanted)


def check_upgrade(
    name: str, new_version: str, new_manifest: Manifest, installed: Sequence[Release]
) -> None:
    """Check that a plugin may become another version of itself, older or newer.

    Raises:
        Conflict: an enabled plugin does not take that version, or what the version needs is not
            there or, if the plugin is enabled, is off; with the chain of needs.
    """
    offered = release_of(new_manifest)
    if not offered.needs and not dependents(name, installed):
        return  # nobody has a say in it
    plan = resolve([Release(name=name, version=new_version, needs=offered.needs)], installed)
    if any(release.name == name and release.is_on for release in installed):
        check_all_on(plan)


def dependents(name: str, installed: Iterable[Release]) -> tuple[Dependent, ...]:
    """Return the plugins that need ``name`` themselves, on or off, by name."""
    return tuple(
        Dependent(release=release, accepts=release.needs[name])
        for release in installed
        if name in release.needs and release.name != name
    )


def needing(name: str, installed: Iterable[Release]) -> tuple[Needing, ...]:
    """Return the enabled plugins that need ``name``, also through others; what needs comes first.

    That is the order in which they can be disabled, one after the other, and then ``name``.
    """
    users = _users(release for release in installed if release.is_on)
    links = _links_to(name, users)
    order = _users_first(name, users)
    return tuple(Needing(links[each][0], links) for each in order)


def check_unneeded(
    name: str, installed: Iterable[Release], *, verb: str, cascade: bool
) -> tuple[Needing, ...]:
    """Return what `needing` does for a plugin that is to be taken away, if that may be.

    Raises:
        Conflict: there are such plugins, and they may not be taken away with it (``cascade``).
    """
    found = needing(name, installed)
    if found and not cascade:
        raise refusals.needed(name, verb, [each.chain for each in found])
    return found


_Users = Mapping[str, Sequence[Release]]


def _users(releases: Iterable[Release]) -> dict[str, list[Release]]:
    """Return who needs each name."""
    found: dict[str, list[Release]] = {}
    for release in releases:
        for need in release.needs:
            found.setdefault(need, []).append(release)
    return found


def _links_to(name: str, users: _Users) -> dict[str, tuple[Release, str]]:
    """Return, for all that need ``name``, the need by which the shortest chain leads there."""
    links: dict[str, tuple[Release, str]] = {}
    waiting = deque([name])
    while waiting:
        needed = waiting.popleft()
        for user in users.get(needed, ()):
            if user.name != name and user.name not in links:
                links[user.name] = (user, needed)
                waiting.append(user.name)
    return links


def _users_first(name: str, users: _Users) -> list[str]:
    def following(each: str) -> list[str]:
        return [user.name for user in users.get(each, ())]

    # Circles are never installed; a host that did not check yet may have some all the same.
    return followers_first([name], following, circles=True)[:-1]


def _check_given(wanted: Sequence[Release]) -> None:
    seen: set[tuple[str, str]] = set()
    for release in wanted:
        if release.name in release.needs:
            raise Conflict(f"{release} needs itself; no plugin may be among its own dependencies.")
        if (release.name, release.version) in seen:
            raise Conflict(f"{release} is given twice.")
        seen.add((release.name, release.version))


def _choices(wanted: Sequence[Release], installed: Sequence[Release]) -> Choices:
    given: dict[str, list[Release]] = {}
    for release in wanted:
        given.setdefault(release.name, []).append(release)
    newest_first = {
        name: sorted(each, key=lambda release: in_order(release.version), reverse=True)
        for name, each in given.items()
    }
    return {release.name: [release] for release in installed} | newest_first


def _holders(
    name: str, wanted: Sequence[str], installed: Sequence[Release]
) -> tuple[Dependent, ...]:
    """Return who keeps its version, is enabled, and so has a say in the version of ``name``."""
    return tuple(
        dependent
        for dependent in dependents(name, installed)
        if dependent.release.is_on and dependent.release.name not in wanted
    )


def _allowed(releases: Sequence[Release], holders: Sequence[Dependent]) -> list[Release]:
    return [
        release
        for release in releases
        if all(release.version in holder.accepts for holder in holders)
    ]
