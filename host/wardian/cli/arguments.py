"""JSON and NAME=VALUE pairs from the command line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from wardian.api.strict import repeated_member
from wardian.errors import InvalidArguments


def json_object(text: str, option: str) -> dict[str, Any]:
    """Read an object from JSON text, from ``@FILE``, or from standard input for ``-``.

    Raises:
        InvalidArguments: no such file, not JSON, not an object, a name that stands twice, or an
            integer of more than 64 bits; with the path of the last two.
    """
    found: dict[str, Any] = _decoded(text, option, dict[str, Any])
    return found


def json_value(text: str, option: str) -> Any:
    """Read any JSON value, otherwise as `json_object`."""
    return _decoded(text, option, Any)


def text_value(text: str, option: str) -> str:
    """Read text as it is, from ``@FILE``, or from standard input for ``-``.

    Raises:
        InvalidArguments: no such file, or it is not text in UTF-8.
    """
    try:
        return _content(text, option).decode()
    except UnicodeDecodeError as error:
        raise InvalidArguments(f"{option} is not text in UTF-8: {error}.") from error


def _decoded(text: str, option: str, kind: Any) -> Any:
    content = _content(text, option)
    try:
        found = msgspec.json.decode(content, type=kind)
        twice = repeated_member(content, found)
    except msgspec.ValidationError as error:
        raise InvalidArguments(f"{option} must be a JSON object: {error}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidArguments(f"{option} is not valid JSON: {error}.") from error
    except RecursionError as error:
        raise InvalidArguments(f"{option} nests too deep.") from error
    if twice is not None:
        raise InvalidArguments(f"{option} has the member {twice!r} twice.", path=twice)
    return _of_64_bits(found, option)


def pairs(items: list[str], option: str) -> dict[str, Any]:
    """Read ``NAME=VALUE`` items; a value that is JSON counts as such, any other as text."""
    found: dict[str, Any] = {}
    for item in items:
        name, equals, value = item.partition("=")
        if not name or not equals:
            raise InvalidArguments(f"{option} takes NAME=VALUE, not {item!r}.")
        found[name] = json_or_text(value)
    checked: dict[str, Any] = _of_64_bits(found, option)
    return checked


def json_or_text(text: str) -> Any:
    """Decode ``text`` if it is JSON, and return it as it is otherwise."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return text


def _of_64_bits(members: Any, option: str) -> Any:
    """Refuse an integer that neither a component nor a host could be handed."""
    pending: list[tuple[str, Any]] = [("", members)]
    while pending:
        path, value = pending.pop()
        if isinstance(value, int) and not -(2**63) <= value < 2**64:
            raise InvalidArguments(
                f"{option} has an integer of more than 64 bits, at {path!r}.", path=path
            )
        pending.extend(_inside(path, value))
    return members


def _inside(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield f"{path}.{name}" if path else name, inner
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield f"{path}[{index}]", inner


def _content(text: str, option: str) -> bytes:
    if text == "-":
        return sys.stdin.buffer.read()
    if not text.startswith("@"):
        return text.encode(errors="surrogateescape")
    try:
        return Path(text[1:]).read_bytes()
    except OSError as error:
        raise InvalidArguments(f"{option} cannot read {text[1:]!r}: {error.strerror}.") from error
