"""The strategy `thompson`: each is asked as often as it is likely to be the best."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from random import Random

from wardian.agents.candidates import Candidate
from wardian.agents.ports import Request
from wardian.agents.routing.strategies.strategy import Turns

NORMALS = 1 << 14
"""How many draws from the normal distribution are kept; a power of two."""

STRIDES = 128

LESS = 0.25
"""Of good and bad evidence, each of which has a prior of 1 in it."""

_MIXED = 0x9E3779B97F4A7C15
"""2^64 by the golden ratio: multiples of it are spread evenly (Knuth, *TAOCP* 3, 6.4)."""


class Thompson:
    """Draws how good each might be from what is known of it, and asks the best draw.

    What is known is a Beta distribution with ``alpha`` and ``beta``. To draw from a hundred of
    them takes longer than a decision may. So the draw is made on the scale of ``asin(sqrt(x))``,
    on which a share of ``n`` outcomes is nearly normal with a variance of ``1 / 4n`` wherever it
    lies (Bartlett 1936; Anscombe 1948). That scale grows with ``x``, so the greatest draw on it
    is the greatest altogether, and no draw need be turned back. Where little is known a quarter
    less of good and of bad gives the means and variances that are nearest to the exact ones; each
    agent is then chosen as often as by exact draws, to within two in a hundred of all questions
    where most are known least, and far less where more is known. A test compares the two.

    The normal ones come from a table, filled at the first draw: a question reads it from a place
    and with a step that its turn determines, so a decision's draws are different places of the
    table, and two decisions share few. Whoever explains a turn sees the draws that the next
    question has.
    """

    name = "thompson"

    def __init__(self, random: Random) -> None:
        self._random = random

    @cached_property
    def _table(self) -> tuple[list[float], int]:
        """The draws, and where they are begun with; not made where nobody asks for any."""
        normal = self._random.gauss
        normals = [normal(0.0, 1.0) for _ in range(NORMALS)]
        # What a slice from anywhere needs to go on from the end to the beginning.
        return normals * 2, self._random.getrandbits(64)

    def scores(
        self, request: Request, candidates: Sequence[Candidate], turns: Turns
    ) -> Sequence[float]:
        """Return a draw for each, on the scale of the angle."""
        drawn = self._drawn(len(candidates), turns)
        atan2, sqrt = math.atan2, math.sqrt
        found: list[float] = []
        for each, normal in zip(candidates, drawn, strict=True):
            good, bad = each.alpha - LESS, each.beta - LESS
            found.append(atan2(sqrt(good), sqrt(bad)) + normal * 0.5 / sqrt(good + bad + LESS))
        return found

    def parts(
        self, request: Request, candidates: Sequence[Candidate], turns: Turns
    ) -> Sequence[Mapping[str, float]]:
        """Return what was drawn, as a quality."""
        angles = self.scores(request, candidates, turns)
        return [{"quality": math.sin(min(max(angle, 0.0), math.pi / 2)) ** 2} for angle in angles]

    def _drawn(self, count: int, turns: Turns) -> list[float]:
        normals, begin = self._table
        mixed = (begin + (turns.number + 1) * _MIXED) & 0xFFFF_FFFF_FFFF_FFFF
        mixed = (mixed ^ (mixed >> 31)) * 0xBF58476D1CE4E5B9 & 0xFFFF_FFFF_FFFF_FFFF
        start = mixed >> 50
        # An odd step comes to each place of a table whose length is a power of two.
        step = ((mixed >> 20) % STRIDES) * 2 + 1
        if count * step <= NORMALS:
            return normals[start : start + count * step : step]
        return [normals[(start + number * step) % NORMALS] for number in range(count)]
