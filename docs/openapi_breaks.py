"""What of an OpenAPI document breaks those who rely on an earlier one.

A client sends what the earlier document takes, and reads what it promises. So paths, parameters,
properties and statuses stay, nothing new is demanded, and no type gets narrower where it is sent or
wider where it is read. New paths, statuses, optional parameters and properties, and new words of an
enumeration that is read, may come.

What a schema says in other keywords than those below (prose, examples, defaults) is not compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Json = Mapping[str, Any]

_METHODS = ("get", "put", "post", "delete", "patch", "head", "options")
_LEAST = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_MOST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_EXACT = ("format", "pattern", "const", "contentEncoding")
_NUMBERS = frozenset({"integer", "number"})


def breaks(old: Json, new: Json) -> list[str]:
    """Return what breaks, a sentence each; empty if nothing does."""
    return sorted(set(_Comparison(old, new).paths()))


class _Comparison:
    """Two documents, looked at together."""

    def __init__(self, old: Json, new: Json) -> None:
        self._old = old
        self._new = new
        self._seen: set[tuple[str, str, bool]] = set()

    def paths(self) -> Iterator[str]:
        for path, item in self._old["paths"].items():
            there = self._new["paths"].get(path, {})
            for method in _METHODS:
                if method in item:
                    name = f"{method.upper()} {path}"
                    yield from self._operation(name, item[method], there.get(method))

    def _operation(self, name: str, old: Json, new: Json | None) -> Iterator[str]:
        if new is None:
            yield f"{name} is gone."
            return
        yield from self._parameters(name, old, new)
        yield from self._body(name, old.get("requestBody"), new.get("requestBody"))
        yield from self._responses(name, old["responses"], new["responses"])
        if new.get("security") and not old.get("security"):
            yield f"{name} takes a key now."

    # -- what is sent --

    def _parameters(self, name: str, old: Json, new: Json) -> Iterator[str]:
        before, after = self._by_place(self._old, old), self._by_place(self._new, new)
        for (place, parameter), was in before.items():
            what = f"{name}: the {place} parameter {parameter!r}"
            if (place, parameter) not in after:
                yield f"{what} is gone."
                continue
            now = after[place, parameter]
            if now.get("required") and not was.get("required"):
                yield f"{what} is required now."
            yield from self._schema(what, was.get("schema", {}), now.get("schema", {}), sent=True)
        for (place, parameter), now in after.items():
            if now.get("required") and (place, parameter) not in before:
                yield f"{name}: the {place} parameter {parameter!r} is new, and required."

    def _by_place(self, document: Json, operation: Json) -> dict[tuple[str, str], Json]:
        found = (_resolved(document, each) for each in operation.get("parameters", ()))
        return {(each["in"], each["name"].lower()): each for each in found}

    def _body(self, name: str, old: Json | None, new: Json | None) -> Iterator[str]:
        what = f"{name}: the body"
        if new is None:
            if old is not None:
                yield f"{what} is gone."
            return
        if new.get("required") and not (old or {}).get("required"):
            yield f"{what} is required now."
        if old is not None:
            yield from self._content(what, old["content"], new["content"], sent=True)

    # -- what is read --

    def _responses(self, name: str, old: Json, new: Json) -> Iterator[str]:
        for status, was in old.items():
            what = f"{name}: the answer {status}"
            if status not in new:
                yield f"{what} is gone."
                continue
            before, after = _resolved(self._old, was), _resolved(self._new, new[status])
            yield from self._content(
                what, before.get("content", {}), after.get("content", {}), sent=False
            )

    def _content(self, what: str, old: Json, new: Json, *, sent: bool) -> Iterator[str]:
        for kind, was in old.items():
            if kind not in new:
                yield f"{what} is not {kind} any more."
            else:
                schemas = was.get("schema", {}), new[kind].get("schema", {})
                yield from self._schema(what, *schemas, sent=sent)

    # -- schemas --

    def _schema(self, what: str, old: Json, new: Json, *, sent: bool) -> Iterator[str]:
        """Compare all that ``old`` may be with all that ``new`` may be."""
        names = old.get("$ref", ""), new.get("$ref", "")
        if all(names):
            if (*names, sent) in self._seen:
                return
            self._seen.add((*names, sent))
        before = list(_alternatives(self._old, old))
        after = list(_alternatives(self._new, new))
        # What is sent must all be taken; what is read must all be known.
        given, takers = (before, after) if sent else (after, before)
        if len(before) == len(after) == 1:
            yield from self._one(what, before[0], after[0], sent=sent)
            return
        for each in given:
            if not any(self._fits(each, other, sent=sent) for other in takers):
                verb = "is not taken any more" if sent else "may be read now"
                yield f"{what}: {_shown(each)} {verb}."

    def _fits(self, given: Json, taker: Json, *, sent: bool) -> bool:
        old, new = (given, taker) if sent else (taker, given)
        seen = set(self._seen)
        found = next(self._one("", old, new, sent=sent), None)
        self._seen = seen
        return found is None

    def _one(self, what: str, old: Json, new: Json, *, sent: bool) -> Iterator[str]:
        if not _is_type_kept(old.get("type"), new.get("type"), sent=sent):
            yield f"{what} was {_shown(old)}, and is {_shown(new)}."
            return
        yield from self._words(what, old.get("enum"), new.get("enum"), sent=sent)
        if sent:
            yield from _bounds(what, old, new)
        for keyword in _EXACT:
            is_free = sent and keyword not in new
            if old.get(keyword) != new.get(keyword) and not is_free:
                yield (
                    f"{what}: its {keyword} was {old.get(keyword)!r}, and is {new.get(keyword)!r}."
                )
        if "items" in old or "items" in new:
            yield from self._schema(
                f"{what}[]", old.get("items", {}), new.get("items", {}), sent=sent
            )
        yield from self._object(what, old, new, sent=sent)

    def _words(
        self, what: str, old: list[Any] | None, new: list[Any] | None, *, sent: bool
    ) -> Iterator[str]:
        if old is None:
            if new is not None and sent:
                yield f"{what} takes only {', '.join(map(repr, new))} now."
            return
        if new is None:
            if not sent:
                yield f"{what} may be any value now."
            return
        for word in old:
            if word not in new:
                yield f"{what}: the value {word!r} is gone."

    def _object(self, what: str, old: Json, new: Json, *, sent: bool) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        for name, was in before.items():
            if name not in after:
                yield f"{what}: the property {name!r} is gone."
            else:
                yield from self._schema(f"{what}.{name}", was, after[name], sent=sent)
        needed_before, needed_after = set(old.get("required", ())), set(new.get("required", ()))
        if sent:
            for name in sorted(needed_after - needed_before):
                yield f"{what}: the property {name!r} is required now."
        else:
            for name in sorted((needed_before - needed_after) & set(after)):
                yield f"{what}: the property {name!r} may be missing now."
        yield from self._further(what, old, new, sent=sent)

    def _further(self, what: str, old: Json, new: Json, *, sent: bool) -> Iterator[str]:
        """Compare what is said of properties without a name."""
        before = old.get("additionalProperties", True)
        after = new.get("additionalProperties", True)
        if sent and after is False and before is not False:
            yield f"{what} takes no further properties now."
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from self._schema(f"{what}.*", before, after, sent=sent)
        elif isinstance(before, Mapping) != isinstance(after, Mapping) and False not in (
            before,
            after,
        ):
            yield from self._schema(f"{what}.*", _of(before), _of(after), sent=sent)


def _of(further: Any) -> Json:
    return further if isinstance(further, Mapping) else {}


def _resolved(document: Json, value: Json) -> Json:
    while "$ref" in value:
        found: Any = document
        for step in value["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        value = found
    return value


def _alternatives(document: Json, schema: Json) -> Iterator[Json]:
    """Return all that a schema may be, one type each."""
    schema = _resolved(document, schema)
    for keyword in ("anyOf", "oneOf"):
        if keyword in schema:
            for each in schema[keyword]:
                yield from _alternatives(document, each)
            return
    kinds = schema.get("type")
    if isinstance(kinds, list):
        yield from ({**schema, "type": kind} for kind in kinds)
    else:
        yield schema


def _is_type_kept(old: Any, new: Any, *, sent: bool) -> bool:
    given, taker = (old, new) if sent else (new, old)
    return taker is None or given == taker or (given, taker) == ("integer", "number")


def _bounds(what: str, old: Json, new: Json) -> Iterator[str]:
    for keyword in _LEAST:
        if keyword in new and new[keyword] > old.get(keyword, float("-inf")):
            yield f"{what}: its {keyword} is {new[keyword]} now."
    for keyword in _MOST:
        if keyword in new and new[keyword] < old.get(keyword, float("inf")):
            yield f"{what}: its {keyword} is {new[keyword]} now."
    if new.get("uniqueItems") and not old.get("uniqueItems"):
        yield f"{what}: its items must differ now."


def _shown(schema: Json) -> str:
    if "enum" in schema:
        return f"one of {schema['enum']!r}"
    return str(schema.get("type", "any value"))
