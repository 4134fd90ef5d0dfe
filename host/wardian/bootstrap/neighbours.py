"""What has a host hear of the others on its database, and do what its own changes would."""

from __future__ import annotations

from wardian.events.relay import Relay
from wardian.runtime.halts import Halts
from wardian.runtime.host import HostParts
from wardian.runtime.neighbours import Neighbours


def relay_of(parts: HostParts) -> Relay:
    """Return what follows the other hosts' changes, for the parts that remember something."""

    def forget() -> None:
        for rememberer in (parts.registry, parts.trust, parts.vault, parts.keys, parts.chains):
            rememberer.forget_all()

    neighbours = Neighbours(parts.registry, parts.calls, parts.recall)
    return Relay(
        parts.database,
        parts.events,
        heard=parts.keys.forget_all,
        lost=forget,
        follow=neighbours.follow,
    )


def halts_of(parts: HostParts) -> Halts:
    """Return what ends the calls of plugins that were stopped, by this host or another."""
    return Halts(parts.events, parts.registry, parts.trust, parts.calls)
