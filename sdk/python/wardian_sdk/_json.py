"""JSON text, as it travels between the plugin and the host."""

import json
import re
from itertools import accumulate
from typing import Any

from wardian_sdk._errors import Invalid

DEEPEST = 500
"""Levels of nesting that are read. Beyond twice as many, reading would end the call."""

_ESCAPED, _QUOTED, _OTHER = (
    re.compile(pattern, re.DOTALL) for pattern in (r"\\.", r'"[^"]*(?:"|\Z)', r"[^][{}]+")
)
_STEP = {"[": 1, "{": 1, "]": -1, "}": -1}


def to_text(value: object) -> str:
    """Write ``value`` as compact JSON text. Raises ``Invalid`` for what JSON cannot hold."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise Invalid(f"not representable as JSON: {error}") from None


def from_text(text: str) -> Any:
    """Read JSON text. Raises ``ValueError`` when it is none, or nested too deeply to be read."""
    # A guest's stack is small, and the parser written in C does not see its end.
    if text.count("[") + text.count("{") > DEEPEST and _depth(text) > DEEPEST:
        raise ValueError(f"JSON that is nested deeper than {DEEPEST} levels is not read")
    return json.loads(text)


def _depth(text: str) -> int:
    brackets = _OTHER.sub("", _QUOTED.sub("", _ESCAPED.sub("", text)))
    return max(accumulate(map(_STEP.__getitem__, brackets)), default=0)


def as_word(value: object) -> str:
    """Write ``value`` as a log field or label: text as it is, anything else as JSON or ``str``."""
    if isinstance(value, str):
        return value
    try:
        return to_text(value)
    except Invalid:
        return str(value)
