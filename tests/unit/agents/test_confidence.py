"""Which of two versions is better, however often one looks."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardian.agents.quality.confidence import (
    Arm,
    Comparison,
    Scores,
    compare,
    evidence,
    probability_better,
)

LOOKS = 40
MISSED = 0.1


def judged(present: Scores, other: Scores, confidence: float = 0.95) -> Comparison:
    return compare(Arm(judged=present), Arm(judged=other), confidence)


def answering(present: Scores, other: Scores, confidence: float = 0.95) -> Comparison:
    return compare(Arm(answers=present), Arm(answers=other), confidence)


def told_apart_at_some_look(mean: float) -> float:
    """How likely it is that two versions of one mean are ever told apart, found out exactly: of
    all ways in which their scores of 0 and 1 can come, by turns and looked at after each."""
    going, told = {(0, 0): 1.0}, 0.0
    for look in range(LOOKS):
        after: dict[tuple[int, int], float] = {}
        for (ours, theirs), chance in going.items():
            for good, share in ((1, mean), (0, 1.0 - mean)):
                goods = (ours + good, theirs) if look % 2 == 0 else (ours, theirs + good)
                first, second = Scores(look // 2 + 1, goods[0]), Scores((look + 1) // 2, goods[1])
                if evidence(first, second) >= -math.log(MISSED):
                    told += chance * share
                else:
                    after[goods] = after.get(goods, 0.0) + chance * share
        going = after
    return told


@pytest.mark.parametrize("mean", [0.02, 0.3, 0.5, 0.9])
def test_two_that_are_alike_are_told_apart_no_more_often_than_may_be(mean: float) -> None:
    assert told_apart_at_some_look(mean) <= MISSED


Both = tuple[Arm, Arm]


def trial(
    seed: int, present: tuple[float, float], other: tuple[float, float], *, is_judged: float
) -> Iterator[Both]:
    """Play a trial of versions that answer so often, and whose answers are so good."""
    chance = random.Random(seed)
    sums = [[0.0] * 4, [0.0] * 4]
    while True:
        number = int(chance.random() < 0.5)
        answers, good = (present, other)[number]
        arm = sums[number]
        arm[0] += 1.0
        if chance.random() < answers:
            arm[1] += 1.0
            if chance.random() < is_judged:
                arm[2] += 1.0
                arm[3] += chance.random() < good  # as far from their mean as scores can be
        yield _arm(sums[0]), _arm(sums[1])


def _arm(sums: list[float]) -> Arm:
    return Arm(Scores(sums[0], sums[1]), Scores(sums[2], sums[3]))


def first_verdict(of: Iterator[Both], confidence: float, looks: int) -> tuple[int, int]:
    """1 where the other is called better at some look, -1 where the present one is, 0 where none
    is; and after how many questions."""
    for look in range(1, looks + 1):
        found = compare(*next(of), confidence)
        if found.is_decided:
            return (1 if found.is_other else -1), look
    return 0, looks


def test_of_two_that_are_alike_none_is_called_better_though_one_looks_after_every_question() -> (
    None
):
    confidence, alike = 0.8, (0.9, 0.6)
    found = [
        first_verdict(trial(seed, alike, alike, is_judged=0.5), confidence, 200)[0]
        for seed in range(60)
    ]
    assert sum(verdict != 0 for verdict in found) <= (1.0 - confidence) * len(found)


@pytest.mark.parametrize(
    ("present", "other", "is_judged", "enough"),
    [
        ((1.0, 0.6), (1.0, 0.9), 1.0, 400),
        ((0.8, 0.6), (1.0, 0.6), 0.0, 500),
        # That most answers are judged by nobody does not drown what is said of the others.
        ((1.0, 0.4), (1.0, 0.9), 0.1, 1_500),
    ],
    ids=["by scores", "by answers", "by scores of every tenth answer"],
)
def test_the_better_one_is_found_before_long_and_never_the_worse(
    present: tuple[float, float], other: tuple[float, float], is_judged: float, enough: int
) -> None:
    for seed in range(8):
        of = trial(seed, present, other, is_judged=is_judged)
        assert first_verdict(of, 0.95, enough)[0] == 1


def test_one_that_answers_less_and_better_is_not_called_better_nor_worse() -> None:
    often = Arm(Scores(400.0, 400.0), Scores(200.0, 80.0))
    well = Arm(Scores(400.0, 300.0), Scores(200.0, 180.0))

    found = compare(often, well, 0.95)

    assert found.is_torn
    assert not found.is_decided


def test_nothing_is_decided_where_one_has_no_score() -> None:
    found = judged(Scores(), Scores(3.0, 3.0))

    assert not found.is_decided
    assert found.probability == pytest.approx(0.5)
    assert Scores().mean is None


def test_two_of_which_nothing_is_known_are_as_good() -> None:
    assert probability_better(Arm(), Arm()) == pytest.approx(0.5)
    assert evidence(Scores(), Scores()) == pytest.approx(0.0)


def test_what_is_likely_goes_by_answers_and_by_their_scores() -> None:
    asked = Scores(100.0, 50.0)
    assert probability_better(Arm(Scores(100.0, 90.0)), Arm(asked)) > 0.99
    well, badly = Scores(50.0, 45.0), Scores(50.0, 10.0)
    assert probability_better(Arm(asked, well), Arm(asked, badly)) > 0.99
    # Of scores that only one has nothing can be said beside the other.
    assert probability_better(Arm(asked, well), Arm(asked)) == pytest.approx(0.5)


@pytest.mark.parametrize("looked_at", [judged, answering])
def test_more_confidence_takes_more_scores(looked_at: Callable[..., Comparison]) -> None:
    present, other = Scores(60.0, 24.0), Scores(60.0, 48.0)

    assert looked_at(present, other, 0.95).is_decided
    assert not looked_at(present, other, 0.9999).is_decided


@given(
    st.lists(st.floats(0.0, 1.0), min_size=1, max_size=6),
    st.lists(st.floats(0.0, 1.0), min_size=1, max_size=6),
)
def test_nothing_is_told_apart_by_a_handful(ours: list[float], theirs: list[float]) -> None:
    first, second = Scores(len(ours), sum(ours)), Scores(len(theirs), sum(theirs))

    assert evidence(first, second) < -math.log(0.01)
    assert evidence(first, second) == pytest.approx(evidence(second, first))


def test_a_million_scores_are_borne() -> None:
    alike = Scores(1e6, 6e5)
    assert evidence(alike, alike) < 0.0
    assert evidence(alike, Scores(1e6, 6.1e5)) > 10.0


def test_what_rounding_and_taking_back_leave_is_borne() -> None:
    found = judged(Scores(-1e-12, 0.0), Scores(1e-300, 2.0))

    assert not found.is_decided
    assert 0.0 <= found.probability <= 1.0
