"""What a plugin asks for, as people review it: risk, what is granted, what a new version changes.

Everything here is pure: demands and an authority in, what to show out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from wardian.policy.grants import Authority, Layer
from wardian.policy.levels import Level
from wardian.policy.permissions import Permission
from wardian.policy.risks import LEVEL_RISKS, Assessment, Risk, assess


@dataclass(frozen=True, slots=True)
class Asked:
    """One permission that a manifest asks for, and why."""

    permission: Permission
    reason: str
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Demands:
    """All that a manifest asks an operator for.

    Attributes:
        oauth_scopes: each as ``provider:scope``; a provider without scopes is its name.
        webhooks: each as ``name:recipe:credential``, with the topic behind it if it becomes events.
    """

    permissions: tuple[Asked, ...] = ()
    level: Level = Level.RESTRICTED
    required_scopes: tuple[str, ...] = ()
    oauth_scopes: tuple[str, ...] = ()
    webhooks: tuple[str, ...] = ()


class Status(StrEnum):
    """What has become of what was asked."""

    GRANTED = "granted"
    PARTLY = "partly-granted"
    NOT_GRANTED = "not-granted"
    NEVER = "never"


class Change(StrEnum):
    """How what is asked differs from what the running version asks."""

    SAME = "same"
    NEW = "new"
    WIDENED = "widened"
    NARROWED = "narrowed"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed:
    """One permission that is asked for, as people review it.

    Attributes:
        reason: the author's.
        why: the risk, in the host's words.
        refused_by: the layer that refuses it as a whole; empty if it is granted.
        held: what is granted of it, where that is less than all.
        excluded: what the operator's exclusions take from it, where that is less than all.
        instead_of: the running version's permission that this one grew from or shrank to.
    """

    permission: str
    reason: str
    optional: bool
    risk: Risk
    why: str
    status: Status
    refused_by: Layer | None
    held: tuple[str, ...]
    excluded: tuple[str, ...]
    change: Change
    instead_of: str


class Subject(StrEnum):
    """What of a manifest asks for more."""

    PERMISSION = "permission"
    LEVEL = "sandbox_level"
    REQUIRED_SCOPE = "required_scope"
    OAUTH_SCOPE = "oauth_scope"
    WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True, kw_only=True)
class Widening:
    """One thing that a new version asks for and the old one did not cover.

    Attributes:
        wanted: the permission, level or scope.
        before: what the old version had in its place; empty if nothing.
        reason: the author's, for a permission.
        text: the same as a sentence.
    """

    subject: Subject
    wanted: str
    before: str
    risk: Risk
    why: str
    reason: str
    text: str


def review(
    demands: Demands, authority: Authority, running: Demands | None = None
) -> tuple[Reviewed, ...]:
    """Review what is asked, in the manifest's order, and then what is asked no longer.

    Args:
        authority: what is granted, at which level, minus which exclusions.
        running: what the version asks that is running now; None if there is none.
    """
    before = () if running is None else running.permissions
    items = [
        _reviewed(asked, authority, *_change(asked.permission, before))
        for asked in demands.permissions
    ]
    told = {item.instead_of for item in items}
    now = [asked.permission for asked in demands.permissions]
    gone = (old for old in before if not _is_covered(old.permission, now))
    return (
        *items,
        *(
            _reviewed(old, authority, Change.REMOVED)
            for old in gone
            if str(old.permission) not in told
        ),
    )


def widened(old: Demands, new: Demands) -> tuple[Widening, ...]:
    """Return what ``new`` asks for that ``old`` did not cover; each needs an approval."""
    return (
        *_wider_level(old.level, new.level),
        *_wider_permissions(old, new),
        *_more(Subject.REQUIRED_SCOPE, old.required_scopes, new.required_scopes),
        *_more(Subject.OAUTH_SCOPE, old.oauth_scopes, new.oauth_scopes),
        *_more(Subject.WEBHOOK, old.webhooks, new.webhooks),
    )


def _reviewed(asked: Asked, authority: Authority, change: Change, instead_of: str = "") -> Reviewed:
    permission, found = asked.permission, assess(asked.permission)
    status, layer = _status(permission, authority)
    return Reviewed(
        permission=str(permission),
        reason=asked.reason,
        optional=asked.optional,
        risk=found.risk,
        why=found.why,
        status=status,
        refused_by=layer,
        held=_touching(permission, authority.granted) if status is Status.PARTLY else (),
        excluded=() if layer is Layer.OPERATOR else _touching(permission, authority.excluded),
        change=change,
        instead_of=instead_of,
    )


def _status(permission: Permission, authority: Authority) -> tuple[Status, Layer | None]:
    # Of the layers, only the manifest is not asked: what it wants is what is looked at.
    held = Authority(
        asked=(permission,),
        granted=authority.granted,
        level=authority.level,
        excluded=authority.excluded,
    )
    refusal = held.refusal(permission)
    if refusal is None:
        return Status.GRANTED, None
    if refusal.layer is not Layer.GRANT:
        return Status.NEVER, refusal.layer
    partly = any(permission.overlaps(each) for each in authority.granted)
    return (Status.PARTLY if partly else Status.NOT_GRANTED), Layer.GRANT


def _change(permission: Permission, before: Iterable[Asked]) -> tuple[Change, str]:
    old = [asked.permission for asked in before]
    if permission in old:
        return Change.SAME, ""
    covering = [each for each in old if each.covers(permission)]
    if covering:
        return Change.NARROWED, str(covering[0])
    grown = [each for each in old if permission.covers(each)]
    grown = grown or [each for each in old if permission.overlaps(each)]
    return (Change.WIDENED, str(grown[0])) if grown else (Change.NEW, "")


def _wider_permissions(old: Demands, new: Demands) -> Iterator[Widening]:
    for asked in new.permissions:
        change, before = _change(asked.permission, old.permissions)
        if change in (Change.NEW, Change.WIDENED):
            found = assess(asked.permission)
            instead = f" instead of {before}" if before else ""
            text = f"It asks for {asked.permission}{instead}."
            yield _widening(
                Subject.PERMISSION, str(asked.permission), before, found, text, asked.reason
            )


def _wider_level(old: Level, new: Level) -> Iterator[Widening]:
    strictness = tuple(Level)
    if strictness.index(new) < strictness.index(old):
        text = f"It asks for the level {new} instead of {old}."
        yield _widening(Subject.LEVEL, new.value, old.value, LEVEL_RISKS[new], text)


_SCOPES = {
    Subject.REQUIRED_SCOPE: (
        "required scope",
        Assessment(Risk.MEDIUM, "It does not work without it, so whoever uses it has to give it."),
    ),
    Subject.OAUTH_SCOPE: (
        "OAuth scope",
        Assessment(Risk.HIGH, "The tokens it uses open more of what its users have elsewhere."),
    ),
    Subject.WEBHOOK: (
        "webhook",
        Assessment(
            Risk.MEDIUM,
            "Whoever has the credential's key calls it, without an API key.",
        ),
    ),
}


def _more(subject: Subject, old: tuple[str, ...], new: tuple[str, ...]) -> Iterator[Widening]:
    noun, found = _SCOPES[subject]
    for scope in new:
        if scope not in old:
            yield _widening(subject, scope, "", found, f"It asks for the {noun} {scope}.")


def _widening(
    subject: Subject, wanted: str, before: str, found: Assessment, text: str, reason: str = ""
) -> Widening:
    return Widening(
        subject=subject,
        wanted=wanted,
        before=before,
        risk=found.risk,
        why=found.why,
        reason=reason,
        text=text,
    )


def _is_covered(permission: Permission, held: Iterable[Permission]) -> bool:
    return any(each.covers(permission) for each in held)


def _touching(permission: Permission, others: Iterable[Permission]) -> tuple[str, ...]:
    return tuple(str(each) for each in others if permission.overlaps(each))
