"""``wardian:plugin/config``: the plugin's own configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from wardian.capabilities.base import CallContext, Refused
from wardian.config import lookup
from wardian.errors import NotFound
from wardian.storage.documents import dump_json

MAX_ANSWERS_AHEAD = 100
MAX_BYTES_AHEAD = 16 * 1024
"""Of a larger configuration nothing is answered ahead."""


class Config:
    """The resolved values of the call's plugin, as JSON text. Needs no permission."""

    async def get(self, call: CallContext, key: str) -> str:
        """Return the value at ``key``, which may go into nested objects with dots."""
        try:
            return dump_json(lookup(call.configuration, key))
        except NotFound as exc:
            raise Refused("not-found", exc.message) from exc

    async def get_all(self, call: CallContext) -> str:
        """Return the whole configuration."""
        return dump_json(call.configuration)


def answers_ahead(configuration: Mapping[str, Any]) -> list[tuple[str, list[Any], Any]]:
    """Return what a plugin with this configuration is answered, whichever call of it asks.

    Each is a function, its arguments and the result: the answers of ``Config``, for whoever can
    pass them on before they are asked for.
    """
    everything = dump_json(configuration)
    if len(everything) > MAX_BYTES_AHEAD:
        return []
    answers: list[tuple[str, list[Any], Any]] = [("get-all", [], {"tag": "ok", "val": everything})]
    for key in _keys(configuration, ""):
        if len(answers) == MAX_ANSWERS_AHEAD:
            break
        text = dump_json(lookup(configuration, key))
        answers.append(("get", [key], {"tag": "ok", "val": text}))
    return answers


def _keys(values: Mapping[str, Any], before: str) -> Iterator[str]:
    for name, value in values.items():
        yield before + name
        if isinstance(value, Mapping):
            yield from _keys(value, f"{before}{name}.")
