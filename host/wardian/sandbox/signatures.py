"""Reads the types of functions back from the text that ``types.canonical`` writes."""

from __future__ import annotations

import re

from wardian.sandbox.types import (
    PRIMITIVES,
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
)

_TOKEN = re.compile(r"\s*(->|[A-Za-z0-9-]+|.)")


def parse_signature(text: str) -> FunctionType:
    """Read a function's type.

    Raises:
        ValueError: it is not what ``canonical`` writes of a function.
    """
    reader = _Reader(text)
    found = reader.function()
    reader.end()
    return found


class _Reader:
    """Descends into one text; the depth of types is bounded by what admission lets pass."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _TOKEN.findall(text)
        self._at = 0

    def function(self) -> FunctionType:
        self._take("func")
        parameters = self._parts("(", ")", payloads=True)
        result = None
        if self._next() == "->":
            self._take("->")
            result = self._type()
        return FunctionType(_typed(parameters), result)

    def end(self) -> None:
        if self._at < len(self._tokens):
            raise self._wrong()

    def _type(self) -> WitType:
        word = self._take()
        if word in PRIMITIVES:
            return Primitive(word)
        return self._named(word) if self._next() == "{" else self._unnamed(word)

    def _named(self, word: str) -> WitType:
        parts = self._parts("{", "}", payloads=word in ("record", "variant"))
        match word:
            case "record":
                return RecordType(_typed(parts))
            case "variant":
                return VariantType(parts)
            case "enum":
                return EnumType(tuple(name for name, _ in parts))
            case "flags":
                return FlagsType(tuple(name for name, _ in parts))
        raise self._wrong()

    def _unnamed(self, word: str) -> WitType:
        match word, self._inner():
            case "tuple", elements if None not in elements:
                return TupleType(tuple(each for each in elements if each is not None))
            case "list", (WitType() as element,):
                return ListType(element)
            case "option", (WitType() as payload,):
                return OptionType(payload)
            case "result", (ok, err):
                return ResultType(ok, err)
        raise self._wrong()

    def _inner(self) -> tuple[WitType | None, ...]:
        self._take("<")
        found: list[WitType | None] = []
        while self._next() != ">":
            if found:
                self._take(",")
            if self._next() == "_":
                self._take("_")
                found.append(None)
            else:
                found.append(self._type())
        self._take(">")
        return tuple(found)

    def _parts(
        self, opening: str, closing: str, *, payloads: bool
    ) -> tuple[tuple[str, WitType | None], ...]:
        self._take(opening)
        found: list[tuple[str, WitType | None]] = []
        while self._next() != closing:
            if found:
                self._take(",")
            name, payload = self._take(), None
            if payloads and self._next() == ":":
                self._take(":")
                payload = self._type()
            found.append((name, payload))
        self._take(closing)
        return tuple(found)

    def _next(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self, wanted: str | None = None) -> str:
        token = self._next()
        if not token or (wanted is not None and token != wanted):
            raise self._wrong()
        self._at += 1
        return token

    def _wrong(self) -> ValueError:
        return ValueError(f"{self._text[:200]!r} is not a function's type (at token {self._at})")


def _typed(parts: tuple[tuple[str, WitType | None], ...]) -> tuple[tuple[str, WitType], ...]:
    typed = tuple((name, wit) for name, wit in parts if wit is not None)
    if len(typed) < len(parts):
        raise ValueError("a field or parameter has no type")
    return typed
