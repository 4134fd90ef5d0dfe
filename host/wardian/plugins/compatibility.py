"""What a new version of a component changes for those who call it.

Values are JSON, so names count and their order does not. What a caller gives may only become more
(``widened``), what it gets may only become less (``narrowed``); a record that is answered may gain
fields, as callers read those that they know. Everything else breaks callers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import TypeVar

import msgspec

from wardian.sandbox import Description
from wardian.sandbox.signatures import parse_signature
from wardian.sandbox.types import (
    BYTES,
    INTEGER_RANGES,
    EnumType,
    FlagsType,
    FunctionType,
    ListType,
    OptionType,
    Primitive,
    RecordType,
    ResultType,
    TupleType,
    VariantType,
    WitType,
    canonical,
    may_be_null,
)

T = TypeVar("T")


class Kind(StrEnum):
    """How something differs."""

    ADDED = "added"
    REMOVED = "removed"
    WIDENED = "widened"
    NARROWED = "narrowed"
    CHANGED = "changed"


class Advice(StrEnum):
    """The part of a semantic version that has to grow (https://semver.org, 2.0.0)."""

    MAJOR = "major"
    MINOR = "minor"
    PATCH = "patch"


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One difference.

    Attributes:
        subject: the function or import, by its full name.
        place: where in it: a parameter or the result, and the way to the part that differs; empty
            if it is the whole.
        kind: what happened to it.
        breaking: whether who called the old version may fail with the new one.
        text: the same as a sentence.
    """

    subject: str
    place: str
    kind: Kind
    breaking: bool
    text: str


class Compatibility(msgspec.Struct, frozen=True, kw_only=True):
    """The differences between two components, breaking ones first."""

    advice: Advice
    changes: tuple[Change, ...]

    @property
    def breaking(self) -> bool:
        """Whether any change is."""
        return self.advice is Advice.MAJOR


def compare(old: Description, new: Description) -> Compatibility:
    """Compare the exports and imports of two components."""
    changes = sorted(
        [*_imports(old, new), *_functions(old, new)],
        key=lambda change: (not change.breaking, change.subject, change.place),
    )
    if any(change.breaking for change in changes):
        advice = Advice.MAJOR
    elif changes:
        advice = Advice.MINOR
    else:
        advice = Advice.PATCH
    return Compatibility(advice=advice, changes=tuple(changes))


def next_version(version: str, advice: Advice) -> str:
    """Return the first version after ``version`` that says as much as ``advice``.

    Before 1.0.0 a minor version says that callers may break, as in Cargo's reading of the standard.
    """
    major, minor, patch = _numbers(version)
    if not major:
        advice = {Advice.MAJOR: Advice.MINOR}.get(advice, Advice.PATCH)
    match advice:
        case Advice.MAJOR:
            return f"{major + 1}.0.0"
        case Advice.MINOR:
            return f"{major}.{minor + 1}.0"
    return f"{major}.{minor}.{patch + 1}"


def reaches(version: str, wanted: str) -> bool:
    """Tell whether ``version``, or the release it is a candidate of, is ``wanted`` or later."""
    return bool(version) and _numbers(version) >= _numbers(wanted)


def _numbers(version: str) -> tuple[int, int, int]:
    core = version.partition("+")[0].partition("-")[0]
    major, minor, patch = map(int, core.split("."))
    return major, minor, patch


def _imports(old: Description, new: Description) -> Iterator[Change]:
    before, after = set(old.imports), set(new.imports)
    for name in after - before:
        text = "is imported now: the host has to offer it, and may have to grant it"
        yield Change(subject=name, place="", kind=Kind.ADDED, breaking=False, text=text)
    for name in before - after:
        text = "is not imported any more"
        yield Change(subject=name, place="", kind=Kind.REMOVED, breaking=False, text=text)


def _functions(old: Description, new: Description) -> Iterator[Change]:
    for name in new.functions.keys() - old.functions.keys():
        text = "is a new function"
        yield Change(subject=name, place="", kind=Kind.ADDED, breaking=False, text=text)
    for name in old.functions.keys() - new.functions.keys():
        text = "is gone: calls of it fail"
        yield Change(subject=name, place="", kind=Kind.REMOVED, breaking=True, text=text)
    for name in old.functions.keys() & new.functions.keys():
        before, after = old.functions[name].signature, new.functions[name].signature
        if before != after:
            yield from _Comparison(name).function(parse_signature(before), parse_signature(after))


class _Comparison:
    """Compares the types of one function. ``given``: callers give a value, and do not get it."""

    def __init__(self, subject: str) -> None:
        self._subject = subject

    def function(self, old: FunctionType, new: FunctionType) -> Iterator[Change]:
        yield from self._fields(old.parameters, new.parameters, "", True, "parameter")
        yield from self._result(old.result, new.result)

    def _result(self, old: WitType | None, new: WitType | None) -> Iterator[Change]:
        """A function's own ``result`` is no part of its value: an error of it is an error."""
        old_ok, old_err = (old.ok, old.err) if isinstance(old, ResultType) else (old, None)
        new_ok, new_err = (new.ok, new.err) if isinstance(new, ResultType) else (new, None)
        yield from self._payload(old_ok, new_ok, "result", False)
        fails, failed = isinstance(new, ResultType), isinstance(old, ResultType)
        if fails and not failed:
            yield self._change("error", Kind.WIDENED, False, "it can answer an error now")
        elif failed and not fails:
            yield self._change("error", Kind.NARROWED, False, "it answers no error any more")
        elif fails:
            yield from self._payload(old_err, new_err, "error", False)

    def _payload(
        self, old: WitType | None, new: WitType | None, place: str, given: bool
    ) -> Iterator[Change]:
        if old is not None and new is not None:
            yield from self._type(old, new, place, given)
        elif old is not new:
            text = f"it has {_name(new)} where it had {_name(old)}"
            # Nobody misses a value where there was none.
            breaking = given or old is not None
            yield self._change(place, Kind.CHANGED, breaking, text)

    def _type(self, old: WitType, new: WitType, place: str, given: bool) -> Iterator[Change]:
        if old == new:
            return
        match old, new:
            case RecordType(before), RecordType(after):
                yield from self._fields(before, after, place, given, "field")
            case VariantType(before), VariantType(after):
                yield from self._cases(dict(before), dict(after), place, given)
            case (EnumType(before), EnumType(after)) | (FlagsType(before), FlagsType(after)):
                pairs = dict.fromkeys(before), dict.fromkeys(after)
                yield from self._cases(*pairs, place, given)
            case ResultType(ok, err), ResultType(new_ok, new_err):
                yield from self._payload(ok, new_ok, f"{place}.ok", given)
                yield from self._payload(err, new_err, f"{place}.err", given)
            case _:
                yield from self._elements(old, new, place, given)

    def _elements(self, old: WitType, new: WitType, place: str, given: bool) -> Iterator[Change]:
        match old, new:
            case ListType(before), ListType(after) if BYTES not in (old, new):
                yield from self._type(before, after, f"{place}[]", given)
            case OptionType(before), OptionType(after) if may_be_null(before) == may_be_null(after):
                yield from self._type(before, after, place, given)
            case TupleType(before), TupleType(after) if len(before) == len(after):
                for index, pair in enumerate(zip(before, after, strict=True)):
                    yield from self._type(*pair, f"{place}[{index}]", given)
            case _:
                yield self._whole(old, new, place, given)

    def _whole(self, old: WitType, new: WitType, place: str, given: bool) -> Change:
        match old, new:
            case _, OptionType(payload) if not may_be_null(payload) and _takes(payload, old):
                return self._widened(old, new, place, given)
            case OptionType(payload), _ if not may_be_null(payload) and _takes(new, payload):
                return self._narrowed(old, new, place, given)
            case Primitive(), Primitive() if _takes(new, old):
                return self._widened(old, new, place, given)
            case Primitive(), Primitive() if _takes(old, new):
                return self._narrowed(old, new, place, given)
        text = f"it is {_name(new)} where it was {_name(old)}"
        return self._change(place, Kind.CHANGED, True, text)

    def _fields(
        self,
        old: tuple[tuple[str, WitType], ...],
        new: tuple[tuple[str, WitType], ...],
        place: str,
        given: bool,
        noun: str,
    ) -> Iterator[Change]:
        for name, before, after in _side_by_side(dict(old), dict(new)):
            there = f"{place}.{name}" if place else name
            if before is not None and after is not None:
                yield from self._type(before, after, there, given)
            elif after is not None:
                optional = isinstance(after, OptionType)
                tail = "" if not given else ", which may be left out" if optional else ", required"
                breaking = given and not optional
                yield self._change(there, Kind.ADDED, breaking, f"a new {noun}{tail}")
            else:
                tail = "refused if it is given" if given else "missing for who reads it"
                yield self._change(there, Kind.REMOVED, True, f"a {noun} is gone: {tail}")

    def _cases(
        self,
        old: Mapping[str, WitType | None],
        new: Mapping[str, WitType | None],
        place: str,
        given: bool,
    ) -> Iterator[Change]:
        for name in new.keys() - old.keys():
            text = f"it takes `{name}`, too" if given else f"it can be `{name}` now"
            yield self._change(place, Kind.WIDENED, not given, text)
        for name in old.keys() - new.keys():
            text = f"`{name}` is refused" if given else f"it is never `{name}` any more"
            yield self._change(place, Kind.NARROWED, given, text)
        for name in old.keys() & new.keys():
            before, after = old[name], new[name]
            if before is not None and after is not None:
                yield from self._type(before, after, f"{place}.{name}", given)
            elif before is not after:
                text = f"`{name}` has {_name(after)} where it had {_name(before)}"
                yield self._change(place, Kind.CHANGED, True, text)

    def _widened(self, old: WitType, new: WitType, place: str, given: bool) -> Change:
        verbs = ("takes", "took") if given else ("can be", "was")
        text = f"it {verbs[0]} {_name(new)} where it {verbs[1]} {_name(old)}"
        return self._change(place, Kind.WIDENED, not given, text)

    def _narrowed(self, old: WitType, new: WitType, place: str, given: bool) -> Change:
        verbs = ("takes only", "took") if given else ("is always", "could be")
        text = f"it {verbs[0]} {_name(new)} where it {verbs[1]} {_name(old)}"
        return self._change(place, Kind.NARROWED, given, text)

    def _change(self, place: str, kind: Kind, breaking: bool, text: str) -> Change:
        return Change(subject=self._subject, place=place, kind=kind, breaking=breaking, text=text)


def _takes(wide: WitType, narrow: WitType) -> bool:
    """Tell whether every value of ``narrow`` is one of ``wide``, for types that have no parts."""
    if wide == narrow:
        return True
    if not isinstance(wide, Primitive) or not isinstance(narrow, Primitive):
        return False
    if wide.name in INTEGER_RANGES and narrow.name in INTEGER_RANGES:
        (low, high), (least, most) = INTEGER_RANGES[wide.name], INTEGER_RANGES[narrow.name]
        return low <= least and most <= high
    return (wide.name, narrow.name) in {("f64", "f32"), ("string", "char")}


def _side_by_side(
    old: Mapping[str, T], new: Mapping[str, T]
) -> Iterable[tuple[str, T | None, T | None]]:
    return [(name, old.get(name), new.get(name)) for name in {**old, **new}]


def _name(wit: WitType | None) -> str:
    return "no value" if wit is None else f"`{canonical(wit)}`"
