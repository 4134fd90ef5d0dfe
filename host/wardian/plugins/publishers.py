"""What may be said of a publisher: its name, the plugins that it may sign, a reason."""

from __future__ import annotations

import re
from collections.abc import Sequence

from wardian.errors import InvalidArguments

PATTERNS_MAX = 64
KEYS_MAX = 32
"""How many keys a publisher may have, those that are good for nothing any more too."""

_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*", re.ASCII)
_PATTERN = re.compile(r"\*|[a-z][a-z0-9-]*\*?", re.ASCII)
_NAME_CHARS = 64
_REASON_CHARS = 200


def check_publisher(name: str, plugins: Sequence[str]) -> None:
    """Check a publisher's name, and what it may sign.

    Raises:
        InvalidArguments: one of them cannot be; with its path.
    """
    if len(name) > _NAME_CHARS or not _NAME.fullmatch(name):
        raise InvalidArguments(
            f"{name[:80]!r} cannot name a publisher: use lower-case words with dashes between "
            f"them, up to {_NAME_CHARS} characters.",
            path="name",
        )
    if not 1 <= len(plugins) <= PATTERNS_MAX:
        raise InvalidArguments(
            f"Say which plugins {name!r} may sign: 1 to {PATTERNS_MAX} names, or beginnings of "
            "names such as 'acme-*'.",
            path="plugins",
        )
    for index, pattern in enumerate(plugins):
        if len(pattern) > _NAME_CHARS or not _PATTERN.fullmatch(pattern):
            raise InvalidArguments(
                f"{pattern[:80]!r} is no plugin's name, nor the beginning of one with '*' behind.",
                path=f"plugins[{index}]",
            )


def check_reason(reason: str, *, required: bool = False) -> None:
    """Check why somebody does something.

    Raises:
        InvalidArguments: it is too long, not printable, or missing.
    """
    if len(reason) > _REASON_CHARS or not (reason or not required) or not _is_printable(reason):
        raise InvalidArguments(
            f"A reason takes {1 if required else 0} to {_REASON_CHARS} printable characters.",
            path="reason",
        )


def _is_printable(text: str) -> bool:
    return text == "" or text.isprintable()
