"""Which plugin answers for a capability: a decision over what is installed.

A manifest lists what its plugin offers, ``markdown`` in the plugin's own version or
``markdown@2.1.0`` in another. The same question has the same answer for as long as nothing is
installed, removed, upgraded or switched on or off.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wardian.errors import Conflict, NotFound
from wardian.plugins.registry import Installed
from wardian.plugins.versions import VersionRange, in_order

SHOWN_MAX = 5


@dataclass(frozen=True, slots=True)
class Offering:
    """A plugin that offers a capability, in this version of it."""

    plugin: Installed
    version: str

    def __str__(self) -> str:
        named = f"{self.plugin.name} {self.plugin.version}"
        return named if self.version == self.plugin.version else f"{named} ({self.version} of it)"


def offerings(installed: Sequence[Installed], capability: str) -> list[Offering]:
    """Return who offers a capability, in every version that they offer."""
    return [
        Offering(plugin, version or plugin.version)
        for plugin in installed
        for name, version in offered(plugin.manifest.capabilities)
        if name == capability
    ]


def offered(capabilities: Iterable[str]) -> list[tuple[str, str]]:
    """Return what a manifest lists, each by its name and its version, empty for the plugin's."""
    parts = (capability.partition("@") for capability in capabilities)
    return [(name, version) for name, _, version in parts]


def choose(
    capability: str,
    accepts: VersionRange,
    installed: Sequence[Installed],
    *,
    asking: str,
) -> Installed:
    """Return the plugin that answers for a capability.

    Of several, one of those that the asking plugin depends on by name comes first, because nobody
    else can take their place by offering more; then the newest version of the capability; then the
    first by name. The asking plugin itself is the last that is taken.

    Args:
        asking: its name.

    Raises:
        NotFound: nobody offers it in such a version; says who does in others.
        Conflict: who offers it takes no calls now.
    """
    found = offerings(installed, capability)
    fitting = [offering for offering in found if offering.version in accepts]
    if not fitting:
        there = f"There is {_listed(found)}." if found else "No plugin offers that."
        raise NotFound(
            f"No plugin here offers {capability[:200]!r} in a version of {accepts}. {there}"
        )
    ready = [offering for offering in fitting if offering.plugin.is_callable]
    if not ready:
        states = sorted({f"{each} is {each.plugin.state}" for each in fitting})
        raise Conflict(f"No plugin that offers {capability!r} takes calls: {_joined(states)}.")
    ready.sort(key=lambda offering: offering.plugin.name)
    ready.sort(key=lambda offering: in_order(offering.version), reverse=True)
    needed = {
        name for each in installed if each.name == asking for name in each.manifest.dependencies
    }
    ready.sort(key=lambda offering: offering.plugin.name not in needed)
    ready.sort(key=lambda offering: offering.plugin.name == asking)
    return ready[0].plugin


def _listed(found: Sequence[Offering]) -> str:
    return _joined(sorted({str(offering) for offering in found}))


def _joined(texts: list[str]) -> str:
    more = f" and {len(texts) - SHOWN_MAX} more" if len(texts) > SHOWN_MAX else ""
    return ", ".join(texts[:SHOWN_MAX]) + more
