"""What the host shows of dependencies: a tree of what a plugin needs, and one of what needs it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from wardian.errors import NotFound
from wardian.plugins.dependencies import Dependent, dependents, needing
from wardian.plugins.releases import Release
from wardian.plugins.versions import VersionRange

_DEPTH_MAX = 32
_BRANCHES_MAX = 2_000


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin that another needs.

    ``version`` and ``state`` are null if it is not installed. It is ``satisfied`` if it is, in a
    version of that range. ``shortened`` tells that its own needs stand elsewhere in the tree, or
    too deep to be shown.
    """

    name: str
    range: str
    version: str | None
    state: str | None
    satisfied: bool
    shortened: bool
    needs: list[Need]


class NeededBy(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin that needs another; with the versions of that which it takes, as ``range``."""

    name: str
    range: str
    version: str
    state: str
    satisfied: bool
    shortened: bool
    needed_by: list[NeededBy]


class DependenciesView(msgspec.Struct, frozen=True, kw_only=True):
    """What a plugin needs, and what needs it.

    ``enabled_dependents`` are the plugins that would have to be disabled before it is, in order.
    """

    name: str
    version: str
    state: str
    needs: list[Need]
    needed_by: list[NeededBy]
    enabled_dependents: list[str]


def dependencies_view(name: str, installed: Sequence[Release]) -> DependenciesView:
    """Show the dependencies of an installed plugin, both ways.

    Raises:
        NotFound: it is not installed.
    """
    release = next((each for each in installed if each.name == name), None)
    if release is None:
        raise NotFound(f"No plugin named {name[:80]!r} is installed.")
    return DependenciesView(
        name=name,
        version=release.version,
        state=str(release.state),
        needs=_Needs(installed).below(release, 0),
        needed_by=_Users(installed).below(release, 0),
        enabled_dependents=[each.release.name for each in needing(name, installed)],
    )


class _Grown:
    """A tree in which each plugin branches out once: drawn in full it could be exponential."""

    def __init__(self, installed: Iterable[Release]) -> None:
        self._installed = {release.name: release for release in installed}
        self._shown: set[str] = set()
        self._branches = 0

    def _goes_on(self, name: str, depth: int) -> bool:
        if name in self._shown or depth >= _DEPTH_MAX or self._branches >= _BRANCHES_MAX:
            return False
        self._shown.add(name)
        return True


class _Needs(_Grown):
    def below(self, release: Release, depth: int) -> list[Need]:
        """Show what a release needs."""
        if not self._goes_on(release.name, depth):
            return []
        self._branches += len(release.needs)
        return [self._need(name, accepts, depth + 1) for name, accepts in release.needs.items()]

    def _need(self, name: str, accepts: VersionRange, depth: int) -> Need:
        found = self._installed.get(name)
        needs = self.below(found, depth) if found else []
        return Need(
            name=name,
            range=str(accepts),
            version=found.version if found else None,
            state=str(found.state) if found else None,
            satisfied=found is not None and found.version in accepts,
            shortened=found is not None and bool(found.needs) and not needs,
            needs=needs,
        )


class _Users(_Grown):
    def __init__(self, installed: Sequence[Release]) -> None:
        super().__init__(installed)
        self._users = {each.name: dependents(each.name, installed) for each in installed}

    def below(self, release: Release, depth: int) -> list[NeededBy]:
        """Show what needs a release."""
        if not self._goes_on(release.name, depth):
            return []
        found = self._users[release.name]
        self._branches += len(found)
        return [self._user(each, release, depth + 1) for each in found]

    def _user(self, dependent: Dependent, needed: Release, depth: int) -> NeededBy:
        user = dependent.release
        needed_by = self.below(user, depth)
        return NeededBy(
            name=user.name,
            range=str(dependent.accepts),
            version=user.version,
            state=str(user.state),
            satisfied=needed.version in dependent.accepts,
            shortened=bool(self._users[user.name]) and not needed_by,
            needed_by=needed_by,
        )
