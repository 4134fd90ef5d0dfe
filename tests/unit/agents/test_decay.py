"""How what was seen of agents grows old."""

from __future__ import annotations

import itertools
import math
import random
from dataclasses import astuple

import pytest

from wardian.agents.registry.decay import (
    WEIGHT_MAX,
    Evidence,
    HalfLives,
    halved,
    share_left,
)

LIVES = HalfLives(quality=100.0, latency=10.0)
NOW = 1_700_000_000.0


def near(found: Evidence, wanted: Evidence) -> bool:
    return all(
        math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)
        for a, b in zip(astuple(found), astuple(wanted), strict=True)
    )


def some(random_: random.Random) -> Evidence:
    good, timed = random_.random(), random_.random()
    return Evidence(
        as_of=NOW + random_.uniform(-500.0, 50.0),
        good=good,
        bad=1.0 - good,
        answered=good,
        failed=1.0 - good,
        units=random_.uniform(0.0, 1e6),
        timed=timed,
        latency_ms=timed * random_.uniform(1.0, 1e5),
        asked=random_.randrange(10),
    )


@pytest.mark.parametrize(("age", "left"), [(0.0, 1.0), (100.0, 0.5), (300.0, 0.125), (-5.0, 1.0)])
def test_half_is_left_after_each_half_life(age: float, left: float) -> None:
    assert share_left(age, 100.0) == pytest.approx(left)


def test_what_is_older_than_anything_counts_nothing_and_breaks_nothing() -> None:
    assert 0.0 <= share_left(1e300, 1e-300) < 1e-300
    assert share_left(math.inf, 1.0) < 1e-300


def test_quality_and_latency_grow_old_by_their_own_half_lives_and_counts_do_not() -> None:
    evidence = Evidence(NOW, good=8, bad=4, answered=8, failed=4, units=80, timed=8, latency_ms=800)
    evidence.asked = 12

    evidence.grow_old(NOW + 20.0, LIVES)

    left = 2 ** (-0.2)
    assert evidence.good == pytest.approx(8 * left)
    assert evidence.units / evidence.answered == pytest.approx(10.0)
    assert evidence.timed == pytest.approx(2.0)
    assert evidence.latency_ms / evidence.timed == pytest.approx(100.0)
    assert evidence.asked == 12


@pytest.mark.parametrize("seed", range(20))
def test_in_whatever_order_and_pieces_two_hosts_sums_come_the_total_is_the_same(seed: int) -> None:
    random_ = random.Random(seed)
    pieces = [some(random_) for _ in range(5)]
    totals = []
    for order in itertools.permutations(pieces):
        total, other = Evidence(), Evidence()
        for piece in order[:3]:
            total.add(piece, LIVES)
        for piece in order[3:]:
            other.add(piece, LIVES)
        total.add(other, LIVES)
        total.grow_old(NOW + 60.0, LIVES)
        totals.append(total)

    assert all(near(each, totals[0]) for each in totals)


def test_growing_old_in_steps_is_growing_old_at_once() -> None:
    at_once, in_steps = some(random.Random(1)), some(random.Random(1))
    at_once.grow_old(NOW + 1_000.0, LIVES)
    for second in range(1_001):
        in_steps.grow_old(NOW + second, LIVES)

    assert near(in_steps, at_once)


def test_adding_leaves_what_is_added_as_it_was() -> None:
    total, piece = Evidence(NOW, good=1.0), Evidence(NOW - 50.0, good=1.0)
    total.add(piece, LIVES)

    assert piece == Evidence(NOW - 50.0, good=1.0)
    assert total.good == pytest.approx(1.0 + 2**-0.5)


def test_a_clock_that_goes_back_a_little_takes_nothing_and_adds_nothing() -> None:
    evidence = Evidence(NOW, good=1.0)
    evidence.grow_old(NOW - 10.0, LIVES)

    assert evidence == Evidence(NOW, good=1.0)


def test_what_says_that_it_is_of_a_later_moment_can_be_taken_as_of_an_earlier_one() -> None:
    ahead = Evidence(NOW + 1e9, good=1.0)

    assert ahead.no_later_than(NOW) == Evidence(NOW, good=1.0)
    assert ahead.no_later_than(NOW + 2e9) is ahead


def score(value: float, weight: float = 1.0) -> Evidence:
    return Evidence(NOW, good=value * weight, bad=(1.0 - value) * weight)


def scored(value: float, times: int, total: Evidence) -> Evidence:
    for _ in range(times):
        total.add(score(value), LIVES)
    return total


def test_no_more_is_known_than_so_much_and_what_is_newest_counts_whole() -> None:
    total = scored(1.0, 1_000, Evidence(NOW))
    assert (total.good, total.bad) == (pytest.approx(WEIGHT_MAX), 0.0)

    total.add(score(0.0), LIVES)
    assert (total.good, total.bad) == (pytest.approx(WEIGHT_MAX - 1.0), 1.0)
    assert scored(0.0, 139, total).bad / WEIGHT_MAX == pytest.approx(0.5, abs=0.01)


def test_what_makes_room_is_all_but_the_times() -> None:
    total = Evidence(NOW, 100, 100, 80, 20, 800, 10, 1_000, 7)
    total.add(score(1.0, 100.0), LIVES)

    assert total == Evidence(NOW, 150, 50, 40, 10, 400, 10, 1_000, 7, 1.0)


def test_of_a_score_that_is_taken_back_goes_as_much_as_is_left_of_it() -> None:
    total = scored(0.5, 300, Evidence(NOW))
    then = total.halvings
    total.add(score(1.0), LIVES)
    scored(0.5, 300, total)
    total.add(score(1.0, -halved(total.halvings - then)), LIVES)

    assert total.good == pytest.approx(total.bad, rel=1e-4)


def test_two_hosts_that_add_little_at_a_time_come_to_nearly_the_same_in_any_order() -> None:
    shares = []
    for order in ((0.9, 0.3), (0.3, 0.9)):
        total = Evidence(NOW)
        for _ in range(200):
            for value in order:
                total.add(scored(value, 3, Evidence(NOW)), LIVES)
        shares.append(total.good / WEIGHT_MAX)

    assert shares == [pytest.approx(0.6, abs=0.01)] * 2


def test_more_than_may_be_known_that_was_written_before_makes_room_at_once() -> None:
    total = Evidence(NOW, good=5_000.0)
    total.add(score(0.0), LIVES)

    assert (total.good, total.bad) == (pytest.approx(WEIGHT_MAX - 1.0), 1.0)


def test_a_part_is_of_all_sums_and_nothing_was_asked() -> None:
    whole = Evidence(NOW, 8.0, 4.0, 8.0, 4.0, 80.0, 8.0, 800.0, 12)

    assert whole.part(0.25) == Evidence(NOW, 2.0, 1.0, 2.0, 1.0, 20.0, 2.0, 200.0, 0)
    assert whole.asked == 12
