"""What a call that succeeded answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wardian.policy.usage import Usage


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a call as a plain Python value (see ``values``), and what it spent."""

    result: Any
    usage: Usage
