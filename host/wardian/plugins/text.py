"""The text types of manifests: names, versions, sentences for people."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

SEMVER = (
    r"(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)"
    r"(?:-(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?"
    r"(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?"
)
"""Semantic Versioning 2.0.0, the expression of semver.org without its groups."""

_KEBAB = r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*"
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def is_plain(text: str) -> bool:
    """Tell whether ``text`` shows as what it is: no control or direction-changing characters."""
    if text.isascii() and text.isprintable():
        return True
    return not any(
        character in _BIDI
        or (unicodedata.category(character) in ("Cc", "Cs") and character not in "\n\t")
        for character in text
    )


def escaped(text: str, characters: int) -> str:
    """Return a stranger's text for a sentence of the host's: bounded, and every character prints.

    What does not (control characters, newlines, what changes the direction) is shown as its escape.
    """
    kept = text[: characters + 1]
    if not kept.isprintable():
        kept = "".join(each if each.isprintable() else repr(each)[1:-1] for each in kept)
    return kept if len(kept) <= characters else f"{kept[: characters - 1]}…"


def _plain(text: str) -> str:
    if not is_plain(text):
        raise ValueError("must not hold control characters or ones that change the direction")
    return text


def _like(expression: str, described: str) -> Callable[[str], str]:
    pattern = re.compile(expression, re.ASCII)

    def checked(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(f"must be {described}")
        return text

    return checked


Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=64),
    AfterValidator(_like(_KEBAB, "lower-case words with dashes between them, such as 'my-plugin'")),
]
Version = Annotated[
    str,
    StringConstraints(max_length=128),
    AfterValidator(_like(SEMVER, "a semantic version such as '1.0.0'")),
]
ApiVersion = Annotated[
    str,
    StringConstraints(max_length=32),
    AfterValidator(_like(r"[1-9]\d{0,3}(?:\.\d{1,4}){0,2}", "a version such as '1.0'")),
]
VersionRange = Annotated[
    str,
    StringConstraints(max_length=128),
    AfterValidator(
        _like(
            r"\*|[\^~]?\d+(?:\.\d+){0,2}|(?:[<>]=?|=)\d+(?:\.\d+){0,2}"
            r"(?:, ?(?:[<>]=?|=)\d+(?:\.\d+){0,2})*",
            "a range of versions such as '^1.2', '>=1.0, <2' or '*'",
        )
    ),
]
CapabilityName = Annotated[
    str,
    StringConstraints(max_length=200),
    AfterValidator(
        _like(rf"{_KEBAB}(?:\.{_KEBAB})*(?:@{SEMVER})?", "a name such as 'markdown@1.0.0'")
    ),
]
AssetPath = Annotated[
    str,
    StringConstraints(max_length=256),
    AfterValidator(_like(r"ui/[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*", "a file below 'ui/'")),
]
Line = Annotated[str, StringConstraints(max_length=200), AfterValidator(_plain)]
Prose = Annotated[str, StringConstraints(max_length=4000), AfterValidator(_plain)]
