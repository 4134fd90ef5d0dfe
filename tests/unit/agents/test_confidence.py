"""Which of two versions is better, however often one looks."""

from __future__ import annotations

import random

import pytest

from wardian.agents.quality.confidence import Scores, around, compare, probability_better


def scores(*each: float) -> Scores:
    return Scores(float(len(each)), sum(each))


def drawn(chance: random.Random, mean: float) -> float:
    """A score that is as spread out as one can be."""
    return float(chance.random() < mean)


def first_verdict(seed: int, present: float, other: float, looks: int) -> int:
    """1 where the other is called better at some look, -1 where the present one is, else 0."""
    chance = random.Random(seed)
    sums = [[0.0, 0.0], [0.0, 0.0]]
    for _ in range(looks):
        for arm, mean in zip(sums, (present, other), strict=True):
            arm[0] += 1.0
            arm[1] += drawn(chance, mean)
        found = compare(Scores(*sums[0]), Scores(*sums[1]), 0.95)
        if found.is_decided:
            return 1 if found.is_other else -1
    return 0


def test_of_two_that_are_alike_none_is_called_better_though_one_looks_after_every_score() -> None:
    wrong = sum(first_verdict(seed, 0.6, 0.6, 600) != 0 for seed in range(200))

    assert wrong <= 10


def test_the_better_one_is_found_and_never_the_worse() -> None:
    found = [first_verdict(seed, 0.5, 0.8, 600) for seed in range(100)]

    assert found.count(1) >= 98
    assert -1 not in found


def test_nothing_is_decided_where_one_has_no_score() -> None:
    found = compare(Scores(), scores(1.0, 1.0, 1.0), 0.95)

    assert not found.is_decided
    assert found.probability > 0.5
    assert Scores().mean is None


def test_two_of_which_nothing_is_known_are_as_good() -> None:
    assert probability_better(Scores(), Scores()) == pytest.approx(0.5)


def test_more_confidence_takes_more_scores() -> None:
    present, other = Scores(60.0, 24.0), Scores(60.0, 54.0)

    assert compare(present, other, 0.95).is_decided
    assert not compare(present, other, 0.9999).is_decided


def test_bounds_become_closer_with_every_score() -> None:
    bounds = [around(float(count), 0.025) for count in range(1, 2_000)]

    assert bounds == sorted(bounds, reverse=True)
    assert bounds[-1] < 0.05


def test_what_rounding_and_taking_back_leave_is_borne() -> None:
    found = compare(Scores(-1e-12, 0.0), Scores(1e-300, 2.0), 0.95)

    assert not found.is_decided
    assert 0.0 <= found.probability <= 1.0
