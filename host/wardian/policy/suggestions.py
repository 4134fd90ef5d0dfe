"""The smallest grant that would have sufficed, worked out from what was used.

*Smallest* means: every permission that was used is covered, and nothing is granted that was not
used, with one concession. More than `FOLD_ABOVE` targets under one permission become one pattern:
what they begin with, up to the end of a word, and ``*``. It is never wider than the permission that
covered them, an address keeps its method and its host, and nothing is folded into a pattern whose
risk is critical; such targets are listed one by one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from wardian.policy.grants import Layer
from wardian.policy.permissions import Permission, tightest
from wardian.policy.risks import Risk, assess

FOLD_ABOVE = 5

UNSEEN = frozenset({"events:subscribe"})
"""Actions of which no host call tells: the host uses them for the plugin. They are kept as is."""

_WORD_ENDS = re.compile(r"[^A-Za-z0-9]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """How often and when one permission was needed.

    Attributes:
        permission: concrete; a pattern stands for further targets of it that were not kept apart.
        refused_by: None where it was allowed.
    """

    permission: Permission
    refused_by: Layer | None
    uses: int
    first_at: datetime
    last_at: datetime


class Mark(StrEnum):
    """What a line of the difference says."""

    KEEP = "="
    GRANT = "+"
    REVOKE = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One permission of the present grant or of the suggested one.

    Attributes:
        uses: how often it was needed, or would have been.
        why: in a few words.
    """

    mark: Mark
    permission: str
    uses: int
    last_at: datetime | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """A use that the present grant does not cover, and a wider one could."""

    permission: str
    uses: int
    last_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A grant to replace the present one with.

    Attributes:
        seen: how many uses and denials it rests on. With none, nothing is suggested, and
            ``granted`` is the present grant.
        lines: the difference to the present grant, by permission.
        denied: what the suggestion leaves denied.
    """

    seen: int
    granted: tuple[str, ...]
    lines: tuple[Line, ...]
    denied: tuple[Denied, ...]


def suggest(
    uses: Sequence[Use],
    granted: Sequence[Permission],
    asked: Sequence[Permission],
    *,
    include_denied: bool = False,
) -> Suggestion:
    """Suggest the smallest grant that covers what was used.

    What counts is what the present grant and the present manifest cover, because either may have
    changed since: a use that is granted now is needed, one that is only asked for is denied.

    Args:
        include_denied: cover what was denied, too.
    """
    seen = sum(use.uses for use in uses)
    if not seen:
        return Suggestion(seen=0, granted=_texts(granted), lines=tuple(_kept(granted)), denied=())
    needed, denied = _sorted_out(uses, granted, asked)
    wanted = {each for each in granted if each.action in UNSEEN and _covered(each, asked)}
    wanted |= _folded(needed, granted)
    if include_denied:
        wanted |= _folded(denied, asked)
    wanted = set(_without_covered(wanted))
    return Suggestion(
        seen=seen,
        granted=_texts(sorted(wanted)),
        lines=tuple(_difference(sorted(granted), sorted(wanted), uses)),
        denied=tuple(_left_denied(denied, wanted)),
    )


def _sorted_out(
    uses: Iterable[Use], granted: Sequence[Permission], asked: Sequence[Permission]
) -> tuple[list[Use], list[Use]]:
    """Part the uses that a grant decides into those that are granted now and the others."""
    needed: list[Use] = []
    denied: list[Use] = []
    for use in uses:
        if _is_decided_by_grant(use) and _covered(use.permission, asked):
            (needed if _covered(use.permission, granted) else denied).append(use)
    return needed, denied


def _folded(uses: Iterable[Use], held: Sequence[Permission]) -> set[Permission]:
    """Return few permissions that cover all uses, none of them wider than one of ``held``."""
    groups: dict[tuple[Permission, str], set[Permission]] = {}
    for use in uses:
        above = tightest(held, use.permission)
        if above is not None:
            groups.setdefault((above, _scope(use.permission)), set()).add(use.permission)
    found: set[Permission] = set()
    for (above, scope), targets in groups.items():
        found |= {_pattern(above, scope, targets)} if _folds(above, scope, targets) else targets
    return found


def _folds(above: Permission, scope: str, targets: set[Permission]) -> bool:
    many = len(targets) > FOLD_ABOVE
    return many and assess(_pattern(above, scope, targets)).risk is not Risk.CRITICAL


def _pattern(above: Permission, scope: str, targets: set[Permission]) -> Permission:
    """Return the tightest pattern of whole words for ``targets`` that ``above`` covers."""
    common = _common_start([each.target or "" for each in targets])
    tail = (above.target or "").rpartition("*")[2]
    for start in (_whole_words(common) or common, common):
        if not scope or start.startswith((f"{scope}/", f"{scope}?")):
            pattern = Permission(above.action, f"{start}*{tail}")
            if above.covers(pattern) and all(map(pattern.covers, targets)):
                return pattern
    return above


def _scope(permission: Permission) -> str:
    """Return what folding keeps whole: an address's method and host."""
    if permission.action != "http:request":
        return ""
    address = permission.address()
    return f"{address.method}:{address.scheme}://{address.authority}"


def _common_start(texts: Sequence[str]) -> str:
    first, last = min(texts), max(texts)  # what these two share, all between them share
    end = next((at for at, letter in enumerate(first) if letter != last[at]), len(first))
    return first[:end]


def _whole_words(text: str) -> str:
    ends = [found.end() for found in _WORD_ENDS.finditer(text)]
    return text[: ends[-1]] if ends else ""


def _without_covered(permissions: set[Permission]) -> Iterator[Permission]:
    for each in permissions:
        others = permissions - {each}
        if not _covered(each, others):
            yield each


def _difference(
    granted: Sequence[Permission], wanted: Sequence[Permission], uses: Sequence[Use]
) -> Iterator[Line]:
    for each in sorted({*granted, *wanted}):
        counted = [use for use in uses if _is_decided_by_grant(use) and each.covers(use.permission)]
        mark = _mark(each in granted, each in wanted)
        yield Line(
            mark=mark,
            permission=str(each),
            uses=sum(use.uses for use in counted),
            last_at=max((use.last_at for use in counted), default=None),
            why=_why(mark, each, granted, was_used=bool(counted)),
        )


def _mark(is_granted: bool, is_wanted: bool) -> Mark:
    if is_granted:
        return Mark.KEEP if is_wanted else Mark.REVOKE
    return Mark.GRANT


def _why(
    mark: Mark, permission: Permission, granted: Iterable[Permission], *, was_used: bool
) -> str:
    if mark is Mark.KEEP:
        return "not seen by monitoring" if permission.action in UNSEEN else "used"
    if mark is Mark.REVOKE:
        return "wider than what was used" if was_used else "never used"
    return "narrower" if _covered(permission, granted) else "was denied"


def _is_decided_by_grant(use: Use) -> bool:
    return use.refused_by in (None, Layer.GRANT)


def _left_denied(denied: Iterable[Use], wanted: Iterable[Permission]) -> Iterator[Denied]:
    covering = tuple(wanted)
    for use in sorted(denied, key=lambda use: use.permission):
        if not _covered(use.permission, covering):
            yield Denied(permission=str(use.permission), uses=use.uses, last_at=use.last_at)


def _kept(granted: Iterable[Permission]) -> Iterator[Line]:
    for each in sorted(granted):
        yield Line(mark=Mark.KEEP, permission=str(each), uses=0, last_at=None, why="")


def _covered(permission: Permission, held: Iterable[Permission]) -> bool:
    return any(each.covers(permission) for each in held)


def _texts(permissions: Iterable[Permission]) -> tuple[str, ...]:
    return tuple(map(str, permissions))
