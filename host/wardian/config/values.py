"""Configurations as plain JSON objects: laid over one another, looked up, bounded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wardian.errors import InvalidArguments, NotFound
from wardian.policy.lookups import Missing, found_at
from wardian.storage.documents import check_json, dump_json, utf8_length

MAX_CONFIG_BYTES = 64 * 1024


def overlaid(defaults: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``defaults`` with ``values`` over them: objects merge, anything else replaces."""
    merged = dict(defaults)
    for name, value in values.items():
        below = merged.get(name)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            merged[name] = overlaid(below, value)
        else:
            merged[name] = value
    return merged


def lookup(values: Mapping[str, Any], key: str) -> Any:
    """Return what is at ``key``, which goes into nested objects with dots.

    Raises:
        NotFound: there is nothing.
    """
    try:
        return found_at(values, key)
    except Missing as missing:
        raise NotFound(str(missing)) from missing


def check_values(values: Mapping[str, Any]) -> None:
    """Check that ``values`` is a JSON object of at most `MAX_CONFIG_BYTES`.

    Raises:
        InvalidArguments: it is not; with the path of the fault.
    """
    check_json(values)
    if utf8_length(dump_json(values)) > MAX_CONFIG_BYTES:
        raise InvalidArguments(f"A configuration may have {MAX_CONFIG_BYTES} bytes as JSON.")
