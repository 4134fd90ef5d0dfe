"""JSON text, as it travels between the plugin and the host."""

import json
from typing import Any

from wardian_sdk._errors import Invalid


def to_text(value: object) -> str:
    """Write ``value`` as compact JSON text. Raises ``Invalid`` for what JSON cannot hold."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise Invalid(f"not representable as JSON: {error}") from None


def from_text(text: str) -> Any:
    """Read the JSON text that the host answered."""
    return json.loads(text)


def as_word(value: object) -> str:
    """Write ``value`` as a log field or label: text as it is, anything else as JSON or ``str``."""
    if isinstance(value, str):
        return value
    try:
        return to_text(value)
    except Invalid:
        return str(value)
