"""The configuration in a worker: sent with the plan, and read without a word to the broker."""

from __future__ import annotations

import json
from typing import Any

from wardian.policy.json_text import dump_json
from wardian.policy.lookups import Missing, found_at

INTERFACE = "config"

REMEMBERED_CHARS_MAX = 64 * 1024
"""Of keys and answers that are kept ready; a guest makes up as many keys as it likes."""


class Configuration:
    """Answers for one configuration, the same that ``capabilities.config`` would give."""

    def __init__(self, text: str) -> None:
        """``text`` is the JSON text of the object; nothing of it is read before it is needed."""
        self._text = text
        self._values: dict[str, Any] | None = None
        self._ready: dict[str, Any] = {}
        self._left = REMEMBERED_CHARS_MAX

    def answer(self, function: str, arguments: tuple[Any, ...]) -> Any:
        """Return the WIT result of a function of the interface."""
        if function == "get-all":
            return {"tag": "ok", "val": self._text}
        (key,) = arguments
        if len(key) > len(self._text):  # it is not there, and takes memory to take apart
            return _not_found(str(Missing(key)))
        return self._ready.get(key) or self._found(key)

    def _found(self, key: str) -> Any:
        if self._values is None:
            self._values = json.loads(self._text)
        try:
            text = dump_json(found_at(self._values, key))
            answer = {"tag": "ok", "val": text}
        except Missing as missing:
            text = str(missing)
            answer = _not_found(text)
        self._left -= len(key) + len(text)
        if self._left >= 0:
            self._ready[key] = answer
        return answer


def _not_found(text: str) -> Any:
    return {"tag": "err", "val": {"tag": "not-found", "val": text}}
