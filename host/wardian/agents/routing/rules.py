"""The operator's rules: which strategy chooses, by conditions on the request, as data.

A value from outside is parsed once and strictly; what comes of it is asked with each question. The
first rule counts whose conditions all hold, and the default if there is none. See
`docs/operators.md` for what operators write.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, Literal

import msgspec

from wardian.agents.criteria import Share, Word, Words, fault_of
from wardian.agents.ports import Request
from wardian.agents.routing.shares import POINTS, By, Portion, point_of, portion
from wardian.agents.routing.strategies import DEFAULT, NAMES
from wardian.errors import InvalidArguments
from wardian.policy.wildcards import WILDCARD, matches

RULES_MAX = 32
WILDCARDS_MAX = 8
DAY_MINUTES = 24 * 60

ASKERS_MAX = 1_024
"""Of how many it is remembered which rules may be for them; anew when there are more."""

ASKER_CHARACTERS_MAX = 600

Patterns = Word | Annotated[tuple[Word, ...], msgspec.Meta(min_length=1, max_length=16)]
_TIME = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
Time = Annotated[str, msgspec.Meta(pattern=_TIME, max_length=5)]
Ceiling = Literal["cost", "latency_ms", "load", "quality_min", "priority_min"]
Bytes = Annotated[int, msgspec.Meta(ge=0, le=1 << 40)]


class Sizes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long an input is, as JSON text in bytes, both included."""

    min: Bytes = 0
    max: Bytes | None = None


class Hours(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A time of the day, UTC: from the first minute up to the other, over midnight if it must."""

    begin: Time = msgspec.field(name="from")
    end: Time = msgspec.field(name="to")


class Conditions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that a rule can ask of a request; what is left out holds for each.

    Attributes:
        capability, subject, tenant: patterns with `*`, of which one must fit.
        input_bytes: how long the input is.
        tags: each of which the request wants of its agent.
        ceilings: each of which the request sets.
        hedge: whether it hedges.
        hours: when it is asked.
        share: of the requests that all else holds for, 0 to 1.
        share_by: what falls into the share: each question by itself, or all of a subject's.
    """

    capability: Patterns | None = None
    subject: Patterns | None = None
    tenant: Patterns | None = None
    input_bytes: Sizes | None = None
    tags: Words = ()
    ceilings: Annotated[tuple[Ceiling, ...], msgspec.Meta(max_length=5)] = ()
    hedge: bool | None = None
    hours: Hours | None = None
    share: Share | None = None
    share_by: By = "question"


class _RuleShape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Word
    strategy: Word
    when: Conditions = Conditions()


class _RulesShape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    rules: Annotated[tuple[_RuleShape, ...], msgspec.Meta(max_length=RULES_MAX)] = ()
    default: Word = DEFAULT


Moment = Callable[[], datetime]
Check = Callable[[Request, Moment], bool]

_Asker = tuple[str, str, str]
"""A tenant, a capability and a subject."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: a strategy, and when it is the one.

    Attributes:
        when: as the operator wrote it.
        patterns: of the tenant, the capability and the subject, of which one each must fit; none
            where any does.
        portion: of the requests that all else holds for; None for all of them.
        checks: all else as functions; those that cost least come first.
    """

    name: str
    strategy: str
    when: Conditions
    patterns: tuple[tuple[str, ...], ...]
    portion: Portion | None
    checks: tuple[Check, ...]

    def fits(self, request: Request) -> bool:
        """Tell whether a request meets those conditions that are patterns."""
        texts = request.tenant, request.capability, request.subject
        for patterns, text in zip(self.patterns, texts, strict=True):
            if patterns and not _fits(patterns, text):
                return False
        return True

    def holds(self, request: Request, now: Moment) -> bool:
        """Tell whether a request that fits, and is in the share, meets all other conditions."""
        for check in self.checks:  # noqa: SIM110 -- a generator takes twice the time
            if not check(request, now):
                return False
        return True


_Fitting = tuple[tuple[Rule, Portion | None], ...]


@dataclass(frozen=True, slots=True)
class RuleSet:
    """A tenant's rules, in the order in which they count."""

    rules: tuple[Rule, ...] = ()
    default: str = DEFAULT
    _in_question: dict[_Asker, _Fitting] = field(default_factory=dict, compare=False, repr=False)

    def choose(self, request: Request, now: Moment) -> tuple[str, str | None]:
        """Return the name of the strategy for a request, and that of the rule that says so."""
        points: list[int | None] = [None, None]
        for rule, part in self._for(request) if self.rules else ():
            if part is not None:  # first of all, because it takes no more than a multiplication
                by, factor, more, below = part
                point = points[by]
                if point is None:
                    point = points[by] = point_of(request, by)
                if (point * factor + more) % POINTS >= below:
                    continue
            if rule.holds(request, now):
                return rule.strategy, rule.name
        return self.default, None

    def _for(self, request: Request) -> _Fitting:
        """Return the rules whose patterns fit; found out once for each who asks for something."""
        asker = request.tenant, request.capability, request.subject
        found = self._in_question.get(asker)
        if found is None:
            found = tuple([(rule, rule.portion) for rule in self.rules if rule.fits(request)])
            if sum(map(len, asker)) <= ASKER_CHARACTERS_MAX:
                if len(self._in_question) >= ASKERS_MAX:
                    self._in_question.clear()
                self._in_question[asker] = found
        return found


def utc_now() -> datetime:
    """Return what time it is, UTC."""
    return datetime.now(UTC)


def parse_rules(value: Any) -> RuleSet:
    """Return the rules that a JSON value says: ``{"rules": […], "default": STRATEGY}``.

    Raises:
        InvalidArguments: it says none; with the path of the fault.
    """
    try:
        shape = msgspec.convert(value, _RulesShape)
    except msgspec.ValidationError as exc:
        reason, path = fault_of(exc)
        raise _refused(f"{reason}.", path.lstrip(".")) from exc
    _check_strategy(shape.default, "default")
    names: set[str] = set()
    for number, rule in enumerate(shape.rules):
        path = f"rules[{number}]"
        if rule.name in names:
            raise _refused(f"There are two rules of the name {rule.name!r}.", f"{path}.name")
        names.add(rule.name)
        _check_strategy(rule.strategy, f"{path}.strategy")
        _check_conditions(rule.when, f"{path}.when")
    rules = tuple(
        Rule(
            rule.name,
            rule.strategy,
            rule.when,
            (
                _patterns(rule.when.tenant),
                _patterns(rule.when.capability),
                _patterns(rule.when.subject),
            ),
            portion(rule.name, rule.when.share, rule.when.share_by),
            _checks(rule.when),
        )
        for rule in shape.rules
    )
    return RuleSet(rules, shape.default)


def _check_strategy(name: str, path: str) -> None:
    if name not in NAMES:
        raise _refused(f"There is no strategy {name!r}; there are {', '.join(NAMES)}.", path)


def _check_conditions(when: Conditions, path: str) -> None:
    sizes = when.input_bytes
    if sizes is not None and sizes.max is not None and sizes.max < sizes.min:
        raise _refused("No input is so long: the most is below the least.", f"{path}.input_bytes")
    if when.hours is not None and when.hours.begin == when.hours.end:
        raise _refused("The hours end when they begin.", f"{path}.hours")
    for name in ("capability", "subject", "tenant"):
        for pattern in _patterns(getattr(when, name)):
            if pattern.count(WILDCARD) > WILDCARDS_MAX:
                raise _refused(f"A pattern has {WILDCARDS_MAX} `*` at most.", f"{path}.{name}")


def _refused(reason: str, path: str) -> InvalidArguments:
    path = path or "rules"
    return InvalidArguments(f"These rules cannot be set, because of {path}. {reason}", path=path)


def _checks(when: Conditions) -> tuple[Check, ...]:
    found: list[tuple[bool, Check]] = [
        (when.hedge is not None, partial(_hedges, bool(when.hedge))),
        (when.input_bytes is not None, partial(_is_long, when.input_bytes or Sizes())),
        (bool(when.ceilings), partial(_has_ceilings, when.ceilings)),
        (bool(when.tags), partial(_wants, frozenset(when.tags))),
        (when.hours is not None, partial(_is_within, *_minutes(when.hours))),
    ]
    return tuple(check for is_asked, check in found if is_asked)


def _patterns(text: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else text or ()


def _fits(patterns: Sequence[str], text: str) -> bool:
    for pattern in patterns:  # noqa: SIM110 -- a generator takes twice the time
        if matches(pattern, text):
            return True
    return False


def _hedges(wanted: bool, request: Request, now: Moment) -> bool:
    return request.criteria.hedge is wanted


def _is_long(sizes: Sizes, request: Request, now: Moment) -> bool:
    length = request.input_bytes
    return sizes.min <= length and (sizes.max is None or length <= sizes.max)


def _has_ceilings(names: Sequence[str], request: Request, now: Moment) -> bool:
    ceilings = request.criteria.ceilings
    return all(getattr(ceilings, name) is not None for name in names)


def _wants(tags: frozenset[str], request: Request, now: Moment) -> bool:
    return tags.issubset(request.criteria.tags)


def _minutes(hours: Hours | None) -> tuple[int, int]:
    return (0, DAY_MINUTES) if hours is None else (_minute(hours.begin), _minute(hours.end))


def _minute(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


def _is_within(begin: int, end: int, request: Request, now: Moment) -> bool:
    moment = now()
    minute = moment.hour * 60 + moment.minute
    if begin < end:
        return begin <= minute < end
    return minute >= begin or minute < end
