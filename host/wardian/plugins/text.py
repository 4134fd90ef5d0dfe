"""The text types of manifests: names, versions, sentences for people.

Each says what it takes twice: to the host, with a sentence for whoever got it wrong, and in the
JSON Schema that editors use, as a pattern.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, StringConstraints
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

SEMVER = (
    r"(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)"
    r"(?:-(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?"
    r"(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?"
)
"""Semantic Versioning 2.0.0, the expression of semver.org without its groups."""

_KEBAB = r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*"
_DOTTED = rf"{_KEBAB}(?:\.{_KEBAB})*"
_CAPABILITY = re.compile(_DOTTED)
_CAPABILITY_CHARACTERS_MAX = 200

BREAKS = "\n\t"
# Control, format (among them what changes the direction of text, and what has no width),
# surrogates, and the separators of lines and paragraphs.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS = "\u200c\u200d"
"""Of format characters, these two are part of how Persian, Hindi and others are written."""


def is_plain(text: str, *, allowed: str = "") -> bool:
    """Tell whether ``text`` shows as what it is, in one line.

    It may hold no character that does not print, changes the direction of text or begins another
    line, but for those in ``allowed``.
    """
    if text.isascii() and text.isprintable():
        return True
    return not any(_is_hidden(character) for character in text if character not in allowed)


def is_capability(text: str) -> bool:
    """Tell whether a plugin could offer a capability of this name; it has no version."""
    return len(text) <= _CAPABILITY_CHARACTERS_MAX and _CAPABILITY.fullmatch(text) is not None


def escaped(text: str, characters: int) -> str:
    """Return a stranger's text for a sentence of the host's: bounded, and every character prints.

    What does not (control characters, newlines, what changes the direction) is shown as its escape.
    """
    kept = text[: characters + 1]
    if not kept.isprintable():
        kept = "".join(each if each.isprintable() else repr(each)[1:-1] for each in kept)
    return kept if len(kept) <= characters else f"{kept[: characters - 1]}…"


def _is_hidden(character: str) -> bool:
    return unicodedata.category(character) in _HIDDEN and character not in _JOINERS


@dataclass(frozen=True, slots=True)
class Like:
    """Text that ``expression``, one that JSON Schema has too, matches as a whole.

    ``described`` ends the sentence "must be …".
    """

    expression: str
    described: str

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        pattern = re.compile(self.expression, re.ASCII)

        def checked(text: str) -> str:
            if not pattern.fullmatch(text):
                raise ValueError(f"must be {self.described}")
            return text

        return core_schema.no_info_after_validator_function(checked, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        # In JSON Schema, `\d` may be the digits of every script.
        expression = self.expression.replace(r"\d", "[0-9]")
        return handler(schema) | {"pattern": f"^(?:{expression})$"}


@dataclass(frozen=True, slots=True)
class Plain:
    """Text that `is_plain`, for ``described``."""

    described: str
    allowed: str = ""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        def checked(text: str) -> str:
            if not is_plain(text, allowed=self.allowed):
                raise ValueError(f"must be {self.described}")
            return text

        return core_schema.no_info_after_validator_function(checked, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        allowed = "".join(f"\\u{ord(character):04x}" for character in _JOINERS + self.allowed)
        expression = rf"^(?:[^\p{{Cc}}\p{{Cf}}\p{{Zl}}\p{{Zp}}]|[{allowed}])*$"
        return handler(schema) | {"pattern": expression}


Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=64),
    Like(_KEBAB, "lower-case words with dashes between them, such as 'my-plugin'"),
]
Version = Annotated[
    str,
    StringConstraints(max_length=128),
    Like(SEMVER, "a semantic version such as '1.0.0'"),
]
ApiVersion = Annotated[
    str,
    StringConstraints(max_length=32),
    Like(r"[1-9]\d{0,3}(?:\.\d{1,4}){0,2}", "a version such as '1.0'"),
]
VersionRange = Annotated[
    str,
    StringConstraints(max_length=128),
    Like(
        r"\*|[\^~]?\d+(?:\.\d+){0,2}|(?:[<>]=?|=)\d+(?:\.\d+){0,2}"
        r"(?:, ?(?:[<>]=?|=)\d+(?:\.\d+){0,2})*",
        "a range of versions such as '^1.2', '>=1.0, <2' or '*'",
    ),
]
CapabilityName = Annotated[
    str,
    StringConstraints(max_length=_CAPABILITY_CHARACTERS_MAX),
    Like(rf"{_DOTTED}(?:@{SEMVER})?", "a name such as 'markdown@1.0.0'"),
]
AssetPath = Annotated[
    str,
    StringConstraints(max_length=256),
    Like(r"ui/[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*", "a file below 'ui/'"),
]
UrlPath = Annotated[
    str,
    StringConstraints(max_length=200),
    Like(r"/[A-Za-z0-9._~{}/-]*", "a path that starts with '/'"),
]
Address = Annotated[
    str,
    StringConstraints(max_length=200),
    Like(r"https?://[!-~]+", "an address that starts with 'https://'"),
]
CredentialName = Annotated[
    str,
    StringConstraints(max_length=59),  # with `.next` behind it, it is one still
    Like(
        r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?",
        "the name of a credential: lower-case letters, digits, dots, dashes and underscores",
    ),
]
HeaderName = Annotated[
    str,
    StringConstraints(max_length=64),
    Like(r"[a-z0-9]+(?:-[a-z0-9]+)*", "the name of a header in lower case, such as 'x-signature'"),
]
Topic = Annotated[
    str,
    StringConstraints(max_length=200),
    Like(
        r"[a-z0-9]+(?:[_-][a-z0-9]+)*(?:\.[a-z0-9]+(?:[_-][a-z0-9]+)*)*",
        "a topic such as 'orders.created'",
    ),
]
Visible = Annotated[
    str,
    StringConstraints(max_length=200),
    Like(r"[!-~]*", "visible ASCII characters without spaces"),
]
JsonPointer = Annotated[
    str,
    StringConstraints(max_length=200),
    Like(r"(?:/[!-~]+)*", "a JSON pointer such as '/id'"),
]
Line = Annotated[
    str,
    StringConstraints(max_length=200),
    Plain("one line, without characters that are invisible or change the direction of text"),
]
Prose = Annotated[
    str,
    StringConstraints(max_length=4000),
    Plain("without characters that are invisible or change the direction of text", BREAKS),
]
