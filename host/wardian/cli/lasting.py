"""How long something lasts, as people write it."""

from __future__ import annotations

import re
from typing import overload

from wardian.cli.failures import failure

Lasting = str
"""A number and a unit: `90d`, `12h`, `30m`, `45s`."""

_LASTING = re.compile(r"(\d{1,9})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


@overload
def seconds_of(text: Lasting) -> int: ...
@overload
def seconds_of(text: None) -> None: ...
def seconds_of(text: Lasting | None) -> int | None:
    """Return so many seconds; None stays.

    Raises:
        Failure: it is no number with a unit.
    """
    if text is None:
        return None
    found = _LASTING.fullmatch(text)
    if found is None:
        raise failure(
            "invalid-arguments",
            "The time cannot be used.",
            f"{text!r} is no time; write a number and a unit, such as 90d, 12h, 30m or 45s.",
        )
    return int(found[1]) * _SECONDS[found[2]]
