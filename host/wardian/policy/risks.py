"""How much harm a permission can do in the hands of a stranger, and why: one table, one judge.

The risk is that of the permission alone, granted to code that nobody trusts. It is for people who
review; nothing is allowed or refused by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from wardian.policy.levels import Level
from wardian.policy.permissions import Permission


class Risk(StrEnum):
    """From what hardly matters to what gives something away for good."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for the lowest."""
        return tuple(Risk).index(self)


class Reach(StrEnum):
    """How wide a target is: no wildcard, one after a fixed beginning, or anything."""

    ONE = "one"
    SOME = "some"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Assessment:
    """A risk, and why it is that high, in a sentence."""

    risk: Risk
    why: str


_REVEAL = Assessment(
    Risk.CRITICAL, "It reads the secret itself and may pass it on; only a new secret undoes that."
)
_ACTS = "acts in the credential's name wherever that is accepted, without seeing the secret."

RISKS: dict[tuple[str, Reach], Assessment] = {
    ("kv:read", Reach.ONE): Assessment(
        Risk.LOW, "It reads back what it stored itself, and nothing of anybody else's."
    ),
    ("kv:write", Reach.ONE): Assessment(
        Risk.LOW, "It changes only what it stored itself, within a quota."
    ),
    ("events:publish", Reach.ONE): Assessment(
        Risk.LOW, "It can tell something false to those who listen to one topic."
    ),
    ("events:publish", Reach.SOME): Assessment(
        Risk.MEDIUM, "It can tell something false to those who listen to any of these topics."
    ),
    ("events:publish", Reach.ANY): Assessment(
        Risk.HIGH, "It can tell something false to everybody who listens to events."
    ),
    ("events:subscribe", Reach.ONE): Assessment(
        Risk.LOW, "It learns what is published to one topic."
    ),
    ("events:subscribe", Reach.SOME): Assessment(
        Risk.MEDIUM, "It learns what is published to any of these topics, also by others to come."
    ),
    ("events:subscribe", Reach.ANY): Assessment(
        Risk.HIGH, "It learns everything that is published, whatever it is about."
    ),
    ("http:request", Reach.ONE): Assessment(
        Risk.MEDIUM, "It can send what it knows to one host, and brings in what that answers."
    ),
    ("http:request", Reach.SOME): Assessment(
        Risk.HIGH, "It can send what it knows to every host of a domain, whoever runs it."
    ),
    ("http:request", Reach.ANY): Assessment(
        Risk.CRITICAL, "It can send what it knows to anybody, anywhere."
    ),
    ("credentials:use", Reach.ONE): Assessment(Risk.HIGH, f"It {_ACTS}"),
    ("credentials:use", Reach.SOME): Assessment(
        Risk.CRITICAL, f"With each credential that fits, also later ones, it {_ACTS}"
    ),
    ("credentials:use", Reach.ANY): Assessment(
        Risk.CRITICAL, f"With every credential there is or will be, it {_ACTS}"
    ),
    ("credentials:reveal", Reach.ONE): _REVEAL,
    ("credentials:reveal", Reach.SOME): _REVEAL,
    ("credentials:reveal", Reach.ANY): _REVEAL,
    ("plugins:call", Reach.ONE): Assessment(
        Risk.MEDIUM, "It makes another plugin act on what it says, with no more rights than both."
    ),
    ("plugins:call", Reach.SOME): Assessment(
        Risk.MEDIUM, "It makes any of these plugins act on what it says, also ones to come."
    ),
    ("plugins:call", Reach.ANY): Assessment(
        Risk.HIGH, "It makes every plugin act on what it says, also ones to come."
    ),
    ("agents:ask", Reach.ONE): Assessment(
        Risk.MEDIUM, "It hands what it knows to an agent, which may keep it and may cost money."
    ),
    ("agents:ask", Reach.SOME): Assessment(
        Risk.MEDIUM, "It hands what it knows to any of these agents, also ones to come."
    ),
    ("agents:ask", Reach.ANY): Assessment(
        Risk.HIGH, "It hands what it knows to whichever agent it likes, also ones to come."
    ),
}
"""By action and by how wide the target is. Whatever takes no target reaches one thing."""

CHANGES = Assessment(
    Risk.HIGH, "It can change things at every address that fits, not only read them."
)
"""A method other than ``GET``, ``HEAD`` and ``OPTIONS`` where the path has a wildcard: at least."""

UNENCRYPTED = Assessment(
    Risk.HIGH, "It goes unencrypted: everybody on the way can read it and answer in its place."
)
"""An address of ``http://``: at least."""

LEVEL_RISKS: dict[Level, Assessment] = {
    Level.TRUSTED: Assessment(
        Risk.CRITICAL, "It runs inside the host's own process, beside every secret."
    ),
    Level.STANDARD: Assessment(
        Risk.MEDIUM, "Its instances are kept between calls, and what they remember with them."
    ),
    Level.RESTRICTED: Assessment(
        Risk.LOW, "Its calls share worker processes, each in a fresh instance."
    ),
    Level.ISOLATED: Assessment(Risk.LOW, "Each call has a process of its own."),
}
"""What running at a level risks, permissions apart."""

_READING = frozenset({"GET", "HEAD", "OPTIONS"})


def assess(permission: Permission) -> Assessment:
    """Say how risky a permission is, and why."""
    found = RISKS[permission.action, reach_of(permission)]
    for raised in _raises(permission):
        if raised.risk.rank > found.risk.rank:
            found = raised
    return found


def reach_of(permission: Permission) -> Reach:
    """Tell how wide a permission's target is; of an address it is the host that counts."""
    target = permission.target or ""
    if permission.action == "http:request":
        target = permission.address().authority
        return _reach_of_host(target)
    if "*" not in target:
        return Reach.ONE
    # Without a fixed beginning, what follows the wildcard narrows nothing that can be relied on.
    return Reach.ANY if target.startswith("*") else Reach.SOME


def _reach_of_host(authority: str) -> Reach:
    if "*" not in authority:
        return Reach.ONE
    domain, _, _ = authority.removeprefix("*.").partition(":")
    # A wildcard before a top-level domain is as good as one before anything.
    return Reach.SOME if authority != "*" and "." in domain else Reach.ANY


def _raises(permission: Permission) -> list[Assessment]:
    if permission.action != "http:request":
        return []
    address = permission.address()
    raised = []
    if address.method not in _READING and "*" in address.path + address.query:
        raised.append(CHANGES)
    if address.scheme == "http":
        raised.append(UNENCRYPTED)
    return raised
