"""Which limit stopped a call, what it used of it, and who gives more: for people and programs."""

from __future__ import annotations

import msgspec

from wardian.errors import CallError, StackOverflow, Trap
from wardian.policy.levels import LEVELS, Level
from wardian.policy.limits import Limits
from wardian.policy.meanings import EXHAUSTED, MEANINGS, amount
from wardian.policy.usage import Usage

_BY_TYPE = {
    meaning.answer: name
    for name, meaning in reversed(MEANINGS.items())
    if meaning.answer != EXHAUSTED
}
"""The limit that an error's type means, if the error does not say which: the first of its type."""


class LimitMet(msgspec.Struct, frozen=True, kw_only=True):
    """A limit that a call met.

    Attributes:
        name: the field of ``Limits``.
        value: what the call had; None is no limit.
        used: how much of it the call used, where that is counted.
        level: at which the call ran.
        level_value: what the level gives; ``value`` is less where the call was given less.
        more: what the levels that give more give; None is no limit.
    """

    name: str
    value: float | None
    used: float | None
    level: Level
    level_value: float | None
    more: dict[str, float | None]


def limits_met(error: CallError, usage: Usage, limits: Limits, level: Level) -> list[LimitMet]:
    """Name the limits that ``error`` answers to, and those that are used up beside it."""
    named = error.limit or _BY_TYPE.get(error.type)
    names = [named] if named else []
    names += [name for name in MEANINGS if name != named and _is_used_up(name, usage, limits)]
    return [_met(name, usage, limits, level) for name in names]


def sentences(error: CallError, met: list[LimitMet]) -> list[str]:
    """Say for people what stopped a call, and what they can do about it."""
    if met:
        return [line for each in met for line in (_amounts(each), f"       {_who(each)}")]
    if isinstance(error, StackOverflow):
        return ["limit: the stack, which is the same at every level and for every plugin"]
    if isinstance(error, Trap):
        return ["limit: none was met; the plugin's own code ended the call", *_notes(error)]
    return []


def _is_used_up(name: str, usage: Usage, limits: Limits) -> bool:
    """Tell whether host functions began to answer ``exhausted`` for want of it."""
    spent = _spent(name, usage)
    return MEANINGS[name].answer == EXHAUSTED and bool(spent) and spent >= getattr(limits, name)


def _spent(name: str, usage: Usage) -> float:
    field = MEANINGS[name].spent
    return getattr(usage, field) if field else 0


def _met(name: str, usage: Usage, limits: Limits, level: Level) -> LimitMet:
    value = getattr(limits, name)
    given = {each: getattr(LEVELS[each].limits, name) for each in Level}
    return LimitMet(
        name=name,
        value=value,
        used=_spent(name, usage) or None,
        level=level,
        level_value=given[level],
        more={each: other for each, other in given.items() if _is_more(other, given[level])},
    )


def _is_more(other: float | None, than: float | None) -> bool:
    return than is not None and (other is None or other > than)


def _notes(error: CallError) -> list[str]:
    return [f"       {note}" for note in getattr(error, "__notes__", ())]


def _amounts(met: LimitMet) -> str:
    used = f"; used {amount(met.name, met.used)}" if met.used is not None else ""
    return f"limit: {met.name}, {amount(met.name, met.value)} ({MEANINGS[met.name].bounds}){used}"


def _who(met: LimitMet) -> str:
    level = f"The level `{met.level}`"
    if met.value != met.level_value:
        return f"--limit lowered it. {level} gives {amount(met.name, met.level_value)}."
    if not met.more:
        return f"{level} sets it; no level gives more."
    # From the least to the most.
    more = reversed(met.more.items())
    others = ", ".join(f"`{name}` gives {amount(met.name, value)}" for name, value in more)
    return f"{level} sets it; {others} (--level, or sandbox_level in plugin.toml)."
