"""Effective authority: manifest ∧ grant ∧ level, minus the operator's exclusions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from wardian.policy.levels import LEVELS, Level, Reveal
from wardian.policy.permissions import Permission


class Layer(StrEnum):
    """Who refused."""

    MANIFEST = "manifest"
    GRANT = "grant"
    LEVEL = "level"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a permission was refused, for the plugin's author and for the operator."""

    permission: Permission
    layer: Layer
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """What one plugin may do in one tenant."""

    asked: tuple[Permission, ...] = ()
    granted: tuple[Permission, ...] = ()
    level: Level = Level.RESTRICTED
    excluded: tuple[Permission, ...] = field(default=())

    def refusal(self, wanted: Permission) -> Refusal | None:
        """Return why ``wanted`` (a concrete permission) is refused, or None if it is allowed.

        The layers are asked in this order: operator's exclusions, manifest, level, grant; so a
        refusal names the outermost layer that would have to change.
        """
        if _covered(wanted, self.excluded) or _covered(wanted.without_query(), self.excluded):
            return _refuse(wanted, Layer.OPERATOR, "the operator excludes it on this host")
        if not _covered(wanted, self.asked):
            return _refuse(wanted, Layer.MANIFEST, "the plugin's manifest does not ask for it")
        if _barred_by_level(wanted, self.level):
            return _refuse(wanted, Layer.LEVEL, f"the level {self.level} never allows it")
        if not _covered(wanted, self.granted):
            return _refuse(wanted, Layer.GRANT, "the operator has not granted it")
        return None


def _covered(wanted: Permission, held: Iterable[Permission]) -> bool:
    return any(permission.covers(wanted) for permission in held)


def _barred_by_level(wanted: Permission, level: Level) -> bool:
    policy = LEVELS[level]
    if wanted.action == "credentials:reveal":
        return policy.reveal is Reveal.NEVER
    if wanted.action == "http:request":
        return policy.limits.http_requests == 0
    return False


def _refuse(wanted: Permission, layer: Layer, why: str) -> Refusal:
    return Refusal(wanted, layer, f"{wanted} is refused by the {layer}: {why}.")
