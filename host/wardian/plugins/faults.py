"""What is wrong with a manifest, said to its author: every fault, with its path and its line."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ValidationError

from wardian.errors import Fault, InvalidManifest
from wardian.plugins.lines import Lines
from wardian.plugins.text import is_plain
from wardian.storage.documents import path_of

MAX_FAULTS = 20
"""How many faults are told at once; whoever mends these hears of the others."""

_SHOWN_CHARS = 80


def refusal(exc: ValidationError, text: str, model: type[BaseModel]) -> InvalidManifest:
    """Return the error for a ``text`` that does not fit ``model``, as pydantic saw it."""
    found = exc.errors(include_url=False, include_context=False, include_input=False)[:MAX_FAULTS]
    lines = Lines(text)
    faults = [_fault(error, lines, model) for error in found]
    return InvalidManifest(faults=sorted(faults, key=lambda fault: fault.line or 0))


@contextmanager
def located(source: bytes) -> Iterator[None]:
    """Add the lines to the faults that the block finds in a manifest of this text.

    Raises:
        InvalidManifest: what the block raised.
    """
    try:
        yield
    except InvalidManifest as exc:
        lines = Lines(source.decode())
        faults = [_with_line(fault, lines) for fault in exc.faults]
        raise InvalidManifest(faults=faults) from exc


def _with_line(fault: Fault, lines: Lines) -> Fault:
    if fault.line is not None or fault.path is None:
        return fault
    return replace(fault, line=lines.of(fault.path))


def _fault(error: Any, lines: Lines, model: type[BaseModel]) -> Fault:
    steps = [step for step in error["loc"] if step != "[key]"]
    path = path_of([_shown(step) for step in steps])
    message = f"{path} {_sentence(error['type'], error['msg'], path, model)}."
    return Fault(message, path, lines.at(steps))


def _sentence(kind: str, message: str, path: str, model: type[BaseModel]) -> str:
    if kind == "missing":
        return "is missing"
    if kind == "extra_forbidden":
        close = difflib.get_close_matches(path, model.model_fields, n=1)
        return "is not a field of the manifest" + (f"; did you mean {close[0]!r}?" if close else "")
    text = message.removeprefix("Value error, ").rstrip(".")
    return text if kind == "value_error" else f"is wrong: {text[:1].lower()}{text[1:]}"


def _shown(step: str | int) -> str | int:
    if isinstance(step, int):
        return step
    plain = step if is_plain(step) else step.encode("unicode_escape").decode()
    return plain[:_SHOWN_CHARS]
