"""JSON objects within a manifest, which are its author's own: a schema, a configuration."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator

from wardian.errors import InvalidArguments
from wardian.plugins.text import BREAKS, is_plain
from wardian.storage.documents import check_json, dump_json

MAX_BYTES = 64 * 1024
MAX_VALUES = 5_000
MAX_NAME_CHARS = 256


def _bounded(value: dict[str, Any]) -> dict[str, Any]:
    """Refuse what is no JSON, or too much of it.

    Raises:
        ValueError: it is; names the fault.
    """
    # First, because `check_json` writes a path: a long name above many values costs their product.
    _check_amount(value)
    try:
        check_json(value)
    except InvalidArguments as exc:
        raise ValueError(exc.message.rstrip(".")) from exc
    if len(dump_json(value)) > MAX_BYTES:
        raise ValueError(f"takes more than {MAX_BYTES} bytes as JSON")
    return value


def _check_amount(value: dict[str, Any]) -> None:
    pending: list[Any] = [value]
    count = 0
    while pending:
        current = pending.pop()
        count += 1
        if isinstance(current, dict):
            _check_names(current)
            pending += current.values()
        elif isinstance(current, list):
            pending += current
        elif isinstance(current, str) and not is_plain(current, allowed=f"{BREAKS}\r"):
            raise ValueError(
                "has a text with characters that are invisible or change its direction"
            )
    if count > MAX_VALUES:
        raise ValueError(f"has more than {MAX_VALUES} values")


def _check_names(current: dict[str, Any]) -> None:
    for name in current:
        if len(name) > MAX_NAME_CHARS:
            raise ValueError(f"has a name of more than {MAX_NAME_CHARS} characters")
        if not is_plain(name):
            raise ValueError(f"has a name that people could not read: {ascii(name)[:80]}")


JsonObject = Annotated[dict[str, Any], AfterValidator(_bounded)]
