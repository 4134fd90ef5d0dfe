"""Who needs whom: orders, circles, and the chains by which refusals explain themselves."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from wardian.plugins.releases import Release
from wardian.plugins.versions import VersionRange

ARROW = " → "
_ENDS = 4
"""How many links of a chain that is longer than twice as many are shown at each end."""


class Circle(Exception):
    """Names that need each other in a circle; the first one is also the last."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.names = tuple(names)


Following = Callable[[str], Iterable[str]]
"""Tells which names follow a name."""


def followers_first(
    starts: Iterable[str], following: Following, *, circles: bool = False
) -> list[str]:
    """Return all that can be reached, each name behind all that follow it.

    With ``circles``, of names that follow each other in one, any may come first.

    Raises:
        Circle: there is one, and there may be none.
    """
    done: dict[str, None] = {}
    for start in starts:
        if start not in done:
            _walk(start, following, done, circles)
    return list(done)


def _walk(start: str, following: Following, done: dict[str, None], circles: bool) -> None:
    # A list in place of recursion: how deep it goes is for strangers to say.
    path: dict[str, Iterator[str]] = {start: iter(following(start))}
    while path:
        name, rest = next(reversed(path.items()))
        follower = next((each for each in rest if each not in done), None)
        if follower is None:
            del path[name]
            done[name] = None
        elif follower not in path:
            path[follower] = iter(following(follower))
        elif not circles:
            names = list(path)
            raise Circle([*names[names.index(follower) :], follower])


class Routes:
    """The shortest chain of needs from what was asked for to each name."""

    def __init__(
        self, starts: Iterable[Release], releases: Mapping[str, Iterable[Release]]
    ) -> None:
        waiting = deque(starts)
        self._starts = {release.name: release for release in waiting}
        self._links: dict[str, tuple[Release, VersionRange]] = {}
        while waiting:
            by = waiting.popleft()
            for name, accepts in by.needs.items():
                if name not in self._starts and name not in self._links:
                    self._links[name] = (by, accepts)
                    waiting.extend(releases.get(name, ()))

    def to(self, release: Release, *further: str) -> str:
        """Write the chain to a release: ``orders 1.0.0 → billing ^2 → ledger ^1``."""
        links: list[str] = []
        while release.name in self._links:
            by, accepts = self._links[release.name]
            links.append(f"{release.name} {accepts}")
            release = by
        return joined([str(release), *reversed(links), *further])


def joined(links: Sequence[str]) -> str:
    """Write a chain; one that is very long without its middle."""
    return ARROW.join(shortened(links))


def shortened(links: Sequence[str]) -> list[str]:
    """Leave the middle of a very long chain out, and say how much that is."""
    if len(links) <= 2 * _ENDS:
        return [*links]
    return [*links[:_ENDS], f"… {len(links) - 2 * _ENDS} more …", *links[-_ENDS:]]
