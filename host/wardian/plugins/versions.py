"""Versions and ranges of them, as Semantic Versioning 2.0.0 orders them (https://semver.org).

A range is what Cargo's manifests take: ``^1.2`` and ``1.2`` (no change that breaks), ``~1.2``
(patches only), ``>=1.0, <2``, ``=1.2.3``, ``*``. A pre-release is in no range but ``*``, because
who asks for ``^1.2`` does not ask for what is not finished.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from semver import Version

_COMPARISON = re.compile(r"(\^|~|>=|<=|>|<|=|)(\d+)(?:\.(\d+))?(?:\.(\d+))?")

Numbers = tuple[int, int, int]

_KEPT = 4096

# Kept, because the same few versions and ranges are compared again and again.
_parsed = lru_cache(_KEPT)(Version.parse)


def is_older(version: str, than: str) -> bool:
    """Tell whether a version comes before another; build metadata does not count."""
    return _parsed(version) < _parsed(than)


def in_order(version: str) -> Version:
    """Return a key that sorts versions from old to new."""
    return Version.parse(version)


@dataclass(frozen=True, slots=True)
class VersionRange:
    """Which versions are acceptable; made by `parse_range`."""

    text: str
    bounds: tuple[tuple[Numbers, Numbers | None], ...]

    def __contains__(self, version: str) -> bool:
        parsed = _parsed(version)
        if not self.bounds:
            return True
        if parsed.prerelease is not None:
            return False
        numbers = (parsed.major, parsed.minor, parsed.patch)
        return all(
            least <= numbers and (below is None or numbers < below) for least, below in self.bounds
        )

    def __str__(self) -> str:
        return self.text

    def is_empty(self) -> bool:
        """Tell whether no version can be in it, as in ``>2, <1``."""
        least = max((least for least, _ in self.bounds), default=_FIRST)
        return any(below is not None and below <= least for _, below in self.bounds)


@lru_cache(_KEPT)
def parse_range(text: str) -> VersionRange:
    """Parse a range that the manifest's own check has let pass.

    Raises:
        ValueError: it is no range.
    """
    if text == "*":
        return VersionRange(text, ())
    return VersionRange(text, tuple(_bounds(part.strip()) for part in text.split(",")))


def _bounds(comparison: str) -> tuple[Numbers, Numbers | None]:
    """Return the first version that a comparison takes, and the first that it takes no more."""
    found = _COMPARISON.fullmatch(comparison)
    if found is None:
        raise ValueError(f"{comparison!r} is no comparison of versions")
    operator, *parts = found.groups()
    numbers = tuple(int(part) for part in parts if part is not None)
    start = _padded(numbers)
    return _OPERATORS[operator](numbers, start)


def _padded(numbers: tuple[int, ...]) -> Numbers:
    major, minor, patch = (*numbers, 0, 0)[:3]
    return major, minor, patch


def _next(numbers: tuple[int, ...]) -> Numbers:
    """Return the first version behind all that begin with ``numbers``."""
    return _padded((*numbers[:-1], numbers[-1] + 1))


def _caret(numbers: tuple[int, ...], start: Numbers) -> tuple[Numbers, Numbers | None]:
    # The leftmost number that is not zero may not change; of `0.0` that is the last one given.
    leading = next((index for index, number in enumerate(numbers) if number), len(numbers) - 1)
    return start, _next(numbers[: leading + 1])


def _tilde(numbers: tuple[int, ...], start: Numbers) -> tuple[Numbers, Numbers | None]:
    return start, _next(numbers[:2])


_FIRST: Numbers = (0, 0, 0)

_OPERATORS: dict[str, Callable[[tuple[int, ...], Numbers], tuple[Numbers, Numbers | None]]] = {
    "": _caret,
    "^": _caret,
    "~": _tilde,
    "=": lambda numbers, start: (start, _next(numbers)),
    ">=": lambda numbers, start: (start, None),
    ">": lambda numbers, start: (_next(numbers), None),
    "<": lambda numbers, start: (_FIRST, start),
    "<=": lambda numbers, start: (_FIRST, _next(numbers)),
}


def check_revoked_versions(text: str) -> str:
    """Check what names versions in a revocation: one version, a range, or ``*``.

    Raises:
        ValueError: it is none of these.
    """
    if not Version.is_valid(text):
        parse_range(text)
    return text


def is_among(version: str, revoked: str) -> bool:
    """Tell whether a revocation of these versions is one of this version.

    A whole version means itself and no later one. In a range a pre-release counts as the version
    that it comes before, because it has that one's faults.
    """
    if Version.is_valid(revoked):
        return Version.parse(version) == Version.parse(revoked)
    return str(Version.parse(version).finalize_version()) in parse_range(revoked)
