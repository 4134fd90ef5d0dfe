"""JSON and NAME=VALUE pairs from the command line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec

from wardian.errors import InvalidArguments


def json_object(text: str, option: str) -> dict[str, Any]:
    """Read an object from JSON text, from ``@FILE``, or from standard input for ``-``.

    Raises:
        InvalidArguments: no such file, not JSON, or not an object.
    """
    content = _content(text, option)
    try:
        return msgspec.json.decode(content, type=dict[str, Any])
    except msgspec.ValidationError as error:
        raise InvalidArguments(f"{option} must be a JSON object: {error}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidArguments(f"{option} is not valid JSON: {error}.") from error
    except RecursionError as error:
        raise InvalidArguments(f"{option} nests too deep.") from error


def pairs(items: list[str], option: str) -> dict[str, Any]:
    """Read ``NAME=VALUE`` items; a value that is JSON counts as such, any other as text."""
    found: dict[str, Any] = {}
    for item in items:
        name, equals, value = item.partition("=")
        if not name or not equals:
            raise InvalidArguments(f"{option} takes NAME=VALUE, not {item!r}.")
        found[name] = json_or_text(value)
    return found


def json_or_text(text: str) -> Any:
    """Decode ``text`` if it is JSON, and return it as it is otherwise."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return text


def _content(text: str, option: str) -> bytes:
    if text == "-":
        return sys.stdin.buffer.read()
    if not text.startswith("@"):
        return text.encode(errors="surrogateescape")
    try:
        return Path(text[1:]).read_bytes()
    except OSError as error:
        raise InvalidArguments(f"{option} cannot read {text[1:]!r}: {error.strerror}.") from error
