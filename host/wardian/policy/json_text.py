"""JSON text as everybody here writes it, broker and workers alike."""

from __future__ import annotations

import json
from typing import Any


def dump_json(value: Any) -> str:
    """Return the shortest JSON text of a value that is one of JSON's."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
