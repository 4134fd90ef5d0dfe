"""Text from strangers on its way to a terminal: what could steer the terminal is made visible.

Names, messages and results come from plugins. An escape sequence in one could rewrite lines
that are already shown, a bidirectional override could turn a permission's text around.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec


def visible(text: str) -> str:
    """Return ``text`` with every character that does not print (newlines too) as its escape."""
    return text if text.isprintable() else "".join(map(_shown, text))


def visible_lines(text: str) -> str:
    """Like ``visible``, but keep line breaks."""
    return "\n".join(visible(line) for line in text.split("\n"))


def as_json(value: Any, *, indent: int = 0) -> str:
    """Encode ``value`` as JSON in which only printing characters stand for themselves."""
    encoded = msgspec.json.encode(value)
    if indent:
        encoded = msgspec.json.format(encoded, indent=indent)
    return "\n".join(
        line if line.isprintable() else "".join(map(_json_shown, line))
        for line in encoded.decode().split("\n")
    )


def size(count: int) -> str:
    """Say a number of bytes as people do: ``1.5 MiB``."""
    amount = float(count)
    for unit in ("bytes", "KiB", "MiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB"


def moment(text: str | None) -> str:
    """Return a moment of the API's to the second; they are all in UTC."""
    return "" if text is None else f"{text[:10]} {text[11:19]}"


def _shown(character: str) -> str:
    return character if character.isprintable() else repr(character)[1:-1]


def _json_shown(character: str) -> str:
    return character if character.isprintable() else json.dumps(character)[1:-1]
