"""A text as it stands and decoded again and again, with where each byte came from."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

from wardian.policy.secret_forms import ESCAPE, ROUNDS, decoded, escaped_value, folded

_BREAKS = re.compile(rb"[\r\n]+")


class Layer:
    """A block that was decoded some times.

    Attributes:
        raw: as it is then.
    """

    __slots__ = ("_breaks", "_depth", "_escapes", "_outer", "raw")

    def __init__(self, raw: bytes, outer: Layer | None = None) -> None:
        self.raw = raw
        self._outer = outer
        self._depth: int = 0 if outer is None else outer._depth + 1
        # Made when a secret was found only: nearly every text has none.
        self._breaks: _Origins | None = None
        self._escapes: _Origins | None = None

    @property
    def outermost(self) -> bytes:
        """The block as it came."""
        return self.raw if self._outer is None else self._outer.outermost

    def folded(self) -> bytes:
        """Return it as it is compared with forms of secrets."""
        return folded(self.raw)

    def inner(self) -> Layer | None:
        """Return it decoded once more, if there is anything to decode."""
        found = decoded(self.raw) if self._depth < ROUNDS else None
        return None if found is None else Layer(found, self)

    def until(self, end: int) -> Layer:
        """Return its beginning, as a part of the same block."""
        return Layer(self.raw[:end], self._outer)

    def outside(self, at: int) -> int:
        """Return where a place in ``raw`` stands in the block as it came."""
        return self._in_outermost(at, at + 1)[0]

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """Return where a part of the folded text stands in the block as it came."""
        if self._breaks is None:
            self._breaks = _Origins.of(self.raw, _BREAKS, lambda _: b"")
        return self._in_outermost(*self._breaks.of_part(start, end))

    def _in_outermost(self, start: int, end: int) -> tuple[int, int]:
        if self._outer is None:
            return start, end
        if self._escapes is None:
            self._escapes = _Origins.of(self._outer.raw, ESCAPE, escaped_value)
        return self._outer._in_outermost(*self._escapes.of_part(start, end))


@dataclass(frozen=True, slots=True)
class _Origins:
    """Where what came out of a substitution stood before.

    Attributes:
        outs, ins: where each stretch begins after and before. Of two stretches the first is as it
            was and the second was substituted, in turn.
    """

    outs: array[int]
    ins: array[int]

    @classmethod
    def of(
        cls, raw: bytes, pattern: re.Pattern[bytes], value: Callable[[re.Match[bytes]], bytes]
    ) -> _Origins:
        outs, ins = array("q", [0]), array("q", [0])
        for found in pattern.finditer(raw):
            start, end = found.span()
            out = outs[-1] + start - ins[-1]
            outs.extend((out, out + len(value(found))))
            ins.extend((start, end))
        return cls(outs, ins)

    def of_part(self, start: int, end: int) -> tuple[int, int]:
        """Return where a part that is not empty came from; a substitution counts as a whole."""
        return self._before(start, 0), self._before(end - 1, 1)

    def _before(self, at: int, more: int) -> int:
        stretch = bisect_right(self.outs, at) - 1
        if stretch % 2:
            return self.ins[stretch + more]
        return self.ins[stretch] + at - self.outs[stretch] + more
