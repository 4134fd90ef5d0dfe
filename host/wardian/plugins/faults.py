"""What is wrong with a manifest, said to its author: every fault, with its path and its line."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, get_args

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
    if error["type"] == "extra_forbidden":
        sentence = "is not a field of the manifest" + _suggestion(steps, model)
    else:
        sentence = _sentence(error["type"], error["msg"])
    message = f"{path} {sentence}".strip()
    return Fault(message, path or None, lines.at(steps))


def _sentence(kind: str, message: str) -> str:
    if kind == "missing":
        return "is missing."
    if kind == "tuple_type":
        return "must be a list."
    text = message.removeprefix("Value error, ").rstrip(".")
    return f"{text}." if kind == "value_error" else f"is wrong: {text[:1].lower()}{text[1:]}."


def _suggestion(steps: list[Any], model: type[BaseModel]) -> str:
    """Return the field that was meant, of the table that the steps lead to, if it is near."""
    names = [step for step in steps if isinstance(step, str)]
    for name in names[:-1]:
        model = _table_of(model.model_fields[name].annotation) or model
    close = difflib.get_close_matches(names[-1][:_SHOWN_CHARS], model.model_fields, n=1)
    return f"; did you mean {close[0]!r}?" if close else "."


def _table_of(annotation: Any) -> type[BaseModel] | None:
    """Return the model in an annotation such as ``tuple[Webhook, ...]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for each in get_args(annotation) if (found := _table_of(each))), None)


def _shown(step: str | int) -> str | int:
    if isinstance(step, int):
        return step
    plain = step if is_plain(step) else step.encode("unicode_escape").decode()
    return plain[:_SHOWN_CHARS]
