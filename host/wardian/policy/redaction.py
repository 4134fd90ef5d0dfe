"""Secrets taken out of values before these are kept.

What is secret is known by its name, by the schema of a configuration, or by its looks. Wherever it
was found, it is taken out everywhere else too, as a part of longer texts as well: a plugin that
reads a password may log it, store it and return it under any name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from wardian.policy.leaks import Leaks
from wardian.policy.secret_forms import SHORTEST_CHARS
from wardian.policy.secret_names import counts, is_secret_name
from wardian.policy.secret_schema import SecretSchema
from wardian.policy.secret_texts import secret_spans

MARKER = "wardian/redacted"
"""Stands where a secret was. It is base64 text too, because bytes are passed so in JSON."""

MARKED_CHARACTER = "*"
"""Stands for a secret of one character, which may have to be a `char`."""

VALUES_MAX = 100_000
"""Texts, and members of lists and objects, that are looked at; more are not worth the time."""

SECRETS_MAX = 200
"""Different secrets that are looked for everywhere."""

SPREADS_FROM_CHARS = SHORTEST_CHARS
"""A shorter secret is taken out where it is named only: elsewhere it would be found by chance."""

_SPREADS_FROM_NUMBER = 10 ** (SPREADS_FROM_CHARS - 1)

_LABELS = ("tag", "name", "key", "header", "field")
_LABELLED = frozenset(("val", "value", "values", "expected"))
"""Members that are named by another member beside them, as in ``{"name": …, "value": …}``."""


class TooMuch(Exception):
    """There is more to look at than is worth the time; nothing of it is to be kept."""


class Redaction:
    """Takes the secrets out of the values of one record.

    First give it every value by `clean`, `named`, `hide` or `by_schema`, then what these returned
    to `scrub`. None of them changes what it is given. A text becomes `MARKER`, bytes its bytes, a
    number 0; truth values, names and cases of variants stay, so that the shape does.
    """

    def __init__(
        self,
        kept: Iterable[str] = (),
        *,
        known: Leaks | None = None,
        values_max: int = VALUES_MAX,
    ) -> None:
        """``kept`` are texts that are no secrets, whatever their name: cases of an enumeration.

        What ``known`` looks for is taken out too.
        """
        self._known = known or Leaks()
        self._kept = frozenset(kept)
        self._left = values_max
        self._texts: set[str] = set()
        self._binaries: set[bytes] = set()
        self._numbers: set[int | float] = set()
        self._made: Leaks | None = None

    def clean(self, value: Any) -> Any:
        """Return ``value`` without what is a secret by its name or its looks.

        Raises:
            TooMuch, RecursionError
        """
        kind = type(value)
        if kind is str:
            return self._clean_text(value)
        if kind is bytes:
            return self._clean_bytes(value)
        if kind is dict:
            return self._clean_members(value)
        if kind is list or kind is tuple:
            return self._clean_items(value)
        return value

    def named(self, name: str, value: Any) -> Any:
        """Return a ``value`` that has this name, without its secrets.

        Raises:
            TooMuch, RecursionError
        """
        if not is_secret_name(name) or (type(value) in (int, float) and counts(name)):
            return self.clean(value)
        return self.hide(value)

    def hide(self, value: Any) -> Any:
        """Return what has the shape of ``value``, all of which is secret.

        Raises:
            TooMuch, RecursionError
        """
        kind = type(value)
        if kind is str:
            return self._hide_text(value)
        if kind is bytes:
            return self._hide_bytes(value)
        if kind is int or kind is float:
            self._remember_number(value)
            return kind(0)
        if kind is dict:
            self._look(len(value))
            return {name: self._hide_member(name, inner) for name, inner in value.items()}
        if kind is list or kind is tuple:
            self._look(len(value))
            return [self.hide(inner) for inner in value]
        return value

    def by_schema(self, schema: Mapping[str, Any] | None, value: Any) -> Any:
        """Return ``value`` without what its JSON Schema calls a password, or only to be written.

        Raises:
            TooMuch, RecursionError
        """
        return (
            value if schema is None else SecretSchema(schema, self.hide, self._look).applied(value)
        )

    def spreads(self, encoded: bytes) -> bool:
        """Tell whether a secret that was found is somewhere in ``encoded``, so that `scrub` is due.

        ``encoded`` has texts as their UTF-8, and bytes as they are. A number that was found always
        makes it due.
        """
        return bool(self._numbers) or self._leaks().found(encoded) or self._known.found(encoded)

    def scrub(self, value: Any) -> Any:
        """Return ``value`` without the secrets that were found, wherever they stand in it.

        Raises:
            RecursionError
        """
        kind = type(value)
        if kind is str or kind is bytes:
            return self._known.redacted(self._leaks().redacted(value, mark=MARKER), mark=MARKER)
        if kind is dict:
            return {name: self.scrub(inner) for name, inner in value.items()}
        if kind is list:
            return [self.scrub(inner) for inner in value]
        if (kind is int or kind is float) and value in self._numbers:
            return kind(0)
        return value

    def _clean_members(self, value: dict[str, Any]) -> dict[str, Any]:
        self._look(len(value))
        labelled = _LABELLED if _has_secret_label(value) else ()
        return {
            name: self.hide(inner) if name in labelled else self.named(name, inner)
            for name, inner in value.items()
        }

    def _clean_items(self, value: list[Any] | tuple[Any, ...]) -> list[Any]:
        self._look(len(value))
        if value and all(map(_is_pair, value)):
            return [[name, self.named(name, inner)] for name, inner in value]
        return [self.clean(inner) for inner in value]

    def _clean_bytes(self, value: bytes) -> bytes:
        text = _text_of(value)
        if text is None:
            return value
        cleaned = self._clean_text(text)
        return value if cleaned is text else cleaned.encode()

    def _clean_text(self, text: str) -> str:
        self._look(1)
        if text.lstrip(" \t\r\n")[:1] not in ("{", "["):
            return self._clean_prose(text)
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            return self._clean_prose(text)
        cleaned = self.clean(document)
        if cleaned == document:
            return text
        return json.dumps(cleaned, separators=(",", ":"))

    def _clean_prose(self, text: str) -> str:
        parts: list[str] = []
        done = 0
        for start, end in sorted(secret_spans(text)):
            if start >= done:
                self._remember(text[start:end])
                parts += text[done:start], MARKER
                done = end
        return "".join((*parts, text[done:])) if parts else text

    def _hide_member(self, name: str, value: Any) -> Any:
        # Which case a variant has is a part of its type, as the name of a field is.
        return value if name == "tag" and type(value) is str else self.hide(value)

    def _hide_text(self, text: str) -> str:
        if not text or text in self._kept:
            return text
        self._remember(text)
        return MARKER if len(text) > 1 else MARKED_CHARACTER

    def _hide_bytes(self, value: bytes) -> bytes:
        text = _text_of(value)
        if text is not None:
            self._remember(text)
        elif len(value) >= SPREADS_FROM_CHARS:
            self._binaries.add(value)
            self._found()
        return MARKER.encode() if value else value

    def _look(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise TooMuch

    def _remember(self, text: str) -> None:
        # What already holds a marker was taken out before, when a record is made of a replay.
        if len(text) >= SPREADS_FROM_CHARS and MARKER not in text and text not in self._kept:
            self._texts.add(text)
            self._found()

    def _remember_number(self, number: int | float) -> None:
        if abs(number) >= _SPREADS_FROM_NUMBER:
            self._numbers.add(number)
            self._remember(str(number))

    def _found(self) -> None:
        self._made = None
        if len(self._texts) + len(self._binaries) > SECRETS_MAX:
            raise TooMuch

    def _leaks(self) -> Leaks:
        if self._made is None:
            self._made = Leaks((*self._texts, *self._binaries))
        return self._made


def _text_of(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def _is_pair(value: Any) -> bool:
    return type(value) in (list, tuple) and len(value) == 2 and type(value[0]) is str


def _has_secret_label(value: Mapping[str, Any]) -> bool:
    labels = (value.get(label) for label in _LABELS)
    return any(type(label) is str and is_secret_name(label) for label in labels)
