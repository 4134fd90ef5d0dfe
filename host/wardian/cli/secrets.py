"""Reading secrets: from standard input, a file, a variable or a person, never from arguments."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import typer

from wardian.errors import InvalidArguments
from wardian.vault.held import Kind
from wardian.vault.kinds import FIELDS, PEM_CHARS_MAX, Field

SOURCES = "file:PATH, env:NAME, prompt or -"

_BYTES_MAX = 4 * PEM_CHARS_MAX


def read_fields(kind: Kind, items: list[str], sources: list[str]) -> dict[str, Any]:
    """Put a credential's fields together.

    Args:
        items: what is no secret, as ``NAME=VALUE``.
        sources: where secrets are, as ``[FIELD=]SOURCE``; without a field it is the kind's first.

    Raises:
        InvalidArguments: no such field or source, or a secret among ``items``; nothing is quoted.
    """
    fields: dict[str, Any] = dict(_public(kind, item) for item in items)
    secret = [field for field in FIELDS[kind] if field.is_secret]
    places = dict(_source(secret, text) for text in sources)
    main = secret[0]
    places.setdefault(main.name, "prompt" if sys.stdin.isatty() else "-")
    for field in secret:
        if field.name in places:
            text = _read(field, places[field.name])
            if text or field.is_required:
                fields[field.name] = text
    return fields


def _public(kind: Kind, item: str) -> tuple[str, Any]:
    name, equals, text = item.partition("=")
    field = next((field for field in FIELDS[kind] if field.name == name), None)
    if field is None or not equals:
        shown = ", ".join(field.name for field in FIELDS[kind] if not field.is_secret) or "none"
        raise InvalidArguments(f"--field takes NAME=VALUE; of the kind {kind} there is {shown}.")
    if field.is_secret:
        raise InvalidArguments(
            f"{name} is a secret, and arguments are seen by everybody on the machine: give it with "
            f"--from {name}=SOURCE, where SOURCE is {SOURCES}."
        )
    return name, text.split() if field.is_list else text


def _source(secret: list[Field], text: str) -> tuple[str, str]:
    known = [field.name for field in secret]
    name, equals, source = text.partition("=")
    if not equals or name.startswith(("file:", "env:")):
        name, source = known[0], text
    if name not in known or not _is_source(source):
        raise InvalidArguments(
            f"--from takes [FIELD=]SOURCE, where SOURCE is {SOURCES}; secret are "
            f"{', '.join(known)}."
        )
    return name, source


def _is_source(text: str) -> bool:
    return text in ("-", "prompt") or text.partition(":")[0] in ("file", "env")


def _read(field: Field, source: str) -> str:
    scheme, _, rest = source.partition(":")
    match scheme:
        case "prompt":
            what = field.name if field.is_required else f"{field.name} (may be empty)"
            return str(
                typer.prompt(what, default="", show_default=False, hide_input=True, err=True)
            )
        case "env":
            if rest not in os.environ:
                raise InvalidArguments(f"The variable {rest} is not set.")
            return os.environ[rest]
        case "file":
            return _decoded(field, _content(Path(rest)))
        case _:
            return _decoded(field, sys.stdin.buffer.read(_BYTES_MAX))


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(_BYTES_MAX)
    except OSError as error:
        raise InvalidArguments(f"{str(path)!r} cannot be read: {error.strerror}.") from error


def _decoded(field: Field, content: bytes) -> str:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        # From nothing, because that error has the content in it.
        raise InvalidArguments(f"What was given as {field.name} is not UTF-8.") from None
    return text.removesuffix("\n").removesuffix("\r")
