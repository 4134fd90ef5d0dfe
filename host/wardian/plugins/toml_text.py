"""TOML from strangers: bounded before Python's parser sees it, and refused with the line."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from typing import Any

from wardian.errors import Fault, InvalidManifest

MAX_KEY_PARTS = 16
"""How many parts a dotted key may have: ``[a.b.c]`` has three."""

_SHOWN_CHARS = 200
_LONG_INTEGER = re.compile(r"[0-9_]{4000,}")
_TURNING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")

# A string that does not end runs to the end of its line or of the text: it is no TOML, and what
# would follow is never read. Nothing here goes back, so the time is linear in the text. Groups are
# atomic, because Python 3.11.2 gets repetitions of them wrong that are possessive and look ahead.
_PART = r"""(?:
    \"{3}(?>(?:[^\\"]|\\.|"(?!""))*)(?>(?:"{3,5})?)
  | '{3}(?>(?:[^']|'(?!''))*)(?>(?:'{3,5})?)
  | "(?>(?:[^"\\\n]|\\[^\n])*)"?+
  | '[^'\n]*+'?+
  | [A-Za-z0-9_-]++
)"""
_DOT = r"[ \t]*+\.[ \t]*+"
_TOKEN = re.compile(
    rf"\#[^\n]*+|{_PART}(?>(?:{_DOT}{_PART}){{0,{MAX_KEY_PARTS - 1}}})"
    rf"(?>(?P<beyond>{_DOT}{_PART})?)",
    re.VERBOSE | re.DOTALL,
)


def parse_toml(source: bytes, *, max_bytes: int) -> tuple[str, dict[str, Any]]:
    """Return the text of a TOML document, and what it says.

    Raises:
        InvalidManifest: it is larger than ``max_bytes``, not UTF-8, not TOML, nested too deeply,
            or holds what this host does not read: keys of too many parts, numbers of thousands of
            digits, characters that change the direction of text; with the line.
    """
    if len(source) > max_bytes:
        raise InvalidManifest(f"plugin.toml has {len(source)} bytes; it may have {max_bytes}.")
    try:
        text = source.decode()
    except UnicodeDecodeError as exc:
        raise _refused("This is not UTF-8 text.", source[: exc.start].count(10) + 1) from exc
    _check_direction(text)
    _check_keys(text)
    return text, _document(text)


def _document(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except RecursionError as exc:
        raise InvalidManifest("This is nested too deeply.") from exc
    except tomllib.TOMLDecodeError as exc:
        raise _syntax_fault(str(exc), text) from exc
    except ValueError as exc:
        # Python refuses to read integers of more than 4,300 digits, and says it in its own way.
        found = _LONG_INTEGER.search(text)
        line = _line_at(text, found.start()) if found else None
        raise _refused("This number is too long.", line) from exc


def _check_direction(text: str) -> None:
    """Refuse what shows in another order than it is read in, comments included (CVE-2021-42574)."""
    found = _TURNING.search(text)
    if found:
        name = unicodedata.name(found[0])
        raise _refused(
            f"Here is a {name}, which changes the direction of text.",
            _line_at(text, found.start()),
        )


def _check_keys(text: str) -> None:
    """Refuse long dotted keys before the parser, which takes quadratic time and memory for them."""
    for token in _TOKEN.finditer(text):
        if token["beyond"] is not None:
            line = _line_at(text, token.start())
            raise _refused(f"This key has more than {MAX_KEY_PARTS} parts.", line)


def _line_at(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def _syntax_fault(told: str, text: str) -> InvalidManifest:
    """Return the error for what the parser told: a reason, and where."""
    # It quotes whole keys, which are as long as their author likes.
    reason = _PLACE.sub("", told)[:_SHOWN_CHARS]
    found = _PLACE.search(told)
    if found is None or found[1] is None:
        return _refused(f"This is not TOML: {reason}.", _line_at(text, len(text.rstrip())))
    return _refused(f"This is not TOML: {reason}, at column {found[2]}.", int(found[1]))


def _refused(message: str, line: int | None) -> InvalidManifest:
    return InvalidManifest(faults=[Fault(message, line=line)])
