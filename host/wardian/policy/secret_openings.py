"""Where in the end of a text a secret may have begun that goes on behind it.

What may be said before the rest of a text is there is decided by this: nothing from which on it
could still become a secret, in any form and any layer of encoding.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ahocorasick_rs import BytesAhoCorasick, Implementation

from wardian.policy.secret_forms import ESCAPE_BYTES_MAX, SHORTEST_CHARS
from wardian.policy.secret_layers import Layer

# The beginnings of `wardian.policy.secret_forms.ESCAPE`, at the end of a text. An escaped surrogate
# is one as well: another may follow, and they are one character then.
_BEGUN = re.compile(
    rb"(?:%[0-9a-fA-F]?"
    rb"|\\(?:u[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u[0-9a-fA-F]{0,3})?)?|u[0-9a-fA-F]{0,3}"
    rb"|x[0-9a-fA-F]?)?"
    rb"|&(?:#[xX]?[0-9a-fA-F]{0,7}|[a-z]{0,4}))\Z"
)


COMPARED_BYTES = 64


class Openings:
    """Looks for the beginnings of patterns, none of which is shorter than `SHORTEST_CHARS`."""

    __slots__ = ("_automaton", "_beginnings", "_by_head", "_heads", "_longest")

    def __init__(self, patterns: Iterable[bytes]) -> None:
        self._by_head: dict[bytes, list[bytes]] = {}
        self._longest = 0
        for pattern in patterns:
            self._by_head.setdefault(pattern[:SHORTEST_CHARS], []).append(pattern)
            self._longest = max(self._longest, len(pattern))
        self._heads = list(self._by_head)
        self._beginnings = frozenset(
            head[:size] for head in self._heads for size in range(1, SHORTEST_CHARS)
        )
        self._automaton = BytesAhoCorasick(self._heads, implementation=Implementation.ContiguousNFA)

    def earliest(self, block: bytes) -> int:
        """Return where the first of what may become a secret begins; the block's length if there
        is nothing."""
        earliest = len(block)
        pending = [(Layer(block), True)]
        while pending:
            layer, is_whole = pending.pop()
            found = self._opening(layer.folded())
            if found is not None:
                earliest = min(earliest, layer.origin(found, found + 1)[0])
            inner = layer.inner()
            if inner is not None:
                pending.append((inner, True))
            # Because only the last escape can go on: what is before it is as it is.
            begun = _begun(layer.raw) if is_whole else None
            if begun is not None:
                earliest = min(earliest, layer.outside(begun))
                pending.append((layer.until(begun), False))
        return earliest

    def _opening(self, text: bytes) -> int | None:
        """Return where the longest end of a folded text begins that is the beginning of one."""
        base = max(0, len(text) - self._longest)
        tail = text[base:]
        last = tail[-COMPARED_BYTES:]
        for start in self._starts(tail):
            size = len(tail) - start
            known = self._by_head[tail[start : start + SHORTEST_CHARS]]
            if any(_may_go_on(pattern, size, last) for pattern in known):
                return base + start
        for size in range(min(SHORTEST_CHARS - 1, len(tail)), 0, -1):
            if tail[-size:] in self._beginnings:
                return len(text) - size
        return None

    def _starts(self, tail: bytes) -> Iterator[int]:
        # Heads are as long as each other, so they come in the order in which they begin.
        for _, start, _ in self._automaton.find_matches_as_indexes(tail, overlapping=True):
            yield start


def _may_go_on(pattern: bytes, size: int, last: bytes) -> bool:
    """Tell whether so many bytes at the end of a text may be the beginning of a pattern.

    That it begins alike is known, and how it ends is compared; the rest would take as long as the
    pattern is, at each place where a text repeats itself. More waits so than must, never less.
    """
    if size >= len(pattern):
        return False
    compared = last[-size:]
    return pattern.startswith(compared, size - len(compared))


def _begun(raw: bytes) -> int | None:
    found = _BEGUN.search(raw, max(0, len(raw) - ESCAPE_BYTES_MAX))
    return None if found is None else found.start()
