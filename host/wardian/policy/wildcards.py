"""What ``*`` means in a pattern: any run of characters, also none, dots among them.

It may stand anywhere and more than once: ``orders.*.created`` fits ``orders.eu.created`` and
``orders.eu.north.created``. Nothing else is special. Permissions and topics are matched by this,
and whoever asks a database the same (``storage.deliveries``) is compared with it by a test.
"""

from __future__ import annotations

import re

WILDCARD = "*"

NAMES = re.compile(r"[a-z0-9*][a-z0-9.*_-]*")
"""A pattern of lower-case words with dots, such as topics and the names of credentials."""


def matches(pattern: str, text: str) -> bool:
    """Tell whether ``text`` fits ``pattern``; in linear time, because leftmost is enough."""
    first, *rest = pattern.split(WILDCARD)
    if not rest:
        return pattern == text
    if not text.startswith(first):
        return False
    position = len(first)
    for part in rest[:-1]:
        found = text.find(part, position)
        if found < 0:
            return False
        position = found + len(part)
    last = rest[-1]
    return len(text) - len(last) >= position and text.endswith(last)


def meet(ours: str, theirs: str) -> bool:
    """Tell whether some text matches both patterns.

    Two with a wildcard each need only agree in how they begin and in how they end: what either
    wants in the middle fits between.
    """
    if WILDCARD not in ours:
        return matches(theirs, ours)
    if WILDCARD not in theirs:
        return matches(ours, theirs)
    (ours_first, *_, ours_last), (first, *_, last) = ours.split(WILDCARD), theirs.split(WILDCARD)
    begins = ours_first.startswith(first) or first.startswith(ours_first)
    return begins and (ours_last.endswith(last) or last.endswith(ours_last))
