"""Versions of the plugin API: what a plugin was written against, and what this host offers.

A host can run a plugin of the same major whose minor is not above its own: within a major,
interfaces are only added. The patch is of texts, and decides nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from wardian.errors import InvalidArguments, InvalidManifest

_TEXT = re.compile(r"([1-9]\d{0,3})(?:\.(\d{1,4}))?(?:\.(\d{1,4}))?", re.ASCII)
_SHOWN_CHARS = 40


@dataclass(frozen=True, slots=True, order=True)
class PluginAPIVersion:
    """One version of the contract between plugins and host."""

    major: int
    minor: int = 0
    patch: int = 0

    @classmethod
    def parse(cls, text: str) -> PluginAPIVersion:
        """Read ``1``, ``1.2`` or ``1.2.3``; what is left out is 0.

        Raises:
            InvalidArguments: it is none of them.
        """
        found = _TEXT.fullmatch(text)
        if found is None:
            raise InvalidArguments(
                f"A version of the plugin API is such as '1.2.0', not {text[:_SHOWN_CHARS]!r}."
            )
        return cls(*(int(part or 0) for part in found.groups()))

    def is_compatible_with(self, host: PluginAPIVersion) -> bool:
        """Tell whether a plugin of this version runs on a host of another."""
        return self.major == host.major and self.minor <= host.minor

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


OFFERED: tuple[PluginAPIVersion, ...] = (PluginAPIVersion(1, 0, 0),)
"""What this host offers: the newest of each major, oldest major first."""


def check_api_version(wanted: str, offered: Sequence[PluginAPIVersion] = OFFERED) -> None:
    """Check that a host offers what a manifest's ``api_version`` asks for.

    Raises:
        InvalidManifest: it does not; says what was asked, what is offered and what to do.
    """
    asked = PluginAPIVersion.parse(wanted)
    if any(asked.is_compatible_with(each) for each in offered):
        return
    listed = " and ".join(map(str, offered))
    raise InvalidManifest(
        f"The plugin needs version {wanted} of the plugin API; this host offers {listed}. "
        f"{_advice(asked, offered)}",
        path="api_version",
    )


def _advice(asked: PluginAPIVersion, offered: Sequence[PluginAPIVersion]) -> str:
    same = [each for each in offered if each.major == asked.major]
    if not same and asked < offered[0]:
        return f"Use a version of the plugin whose api_version is {offered[0].major}.x."
    most = same[-1] if same else offered[-1]
    return (
        "Upgrade Wardian, or use a version of the plugin whose api_version is "
        f"{most.major}.{most.minor} or lower."
    )
