"""What outcomes and scores say of an agent."""

from __future__ import annotations

import math
from typing import Any

import pytest

from wardian.agents.candidates import Candidate, Ending, Outcome
from wardian.agents.money import CostModel
from wardian.agents.registry.decay import Evidence, HalfLives
from wardian.agents.registry.quality import (
    INHERITED_MAX,
    LATENCY_MAX_MS,
    SCORE_WEIGHT_MAX,
    estimated,
    inherited,
    judged,
    seen,
    tell,
)
from wardian.plugins.agents import UNITS_MAX

LIVES = HalfLives()
NOW = 1_700_000_000.0
NAN, INFINITE = math.nan, math.inf


def candidate(**more: Any) -> Candidate:
    return Candidate(
        agent="a",
        version="1.0.0",
        plugin_id="1",
        capability="summarize",
        capability_version="1.0.0",
        **more,
    )


def outcome(ending: Ending = Ending.ANSWERED, latency_ms: float = 100.0, **more: Any) -> Outcome:
    return Outcome(ending=ending, latency_ms=latency_ms, **more)


def after(*pieces: Evidence | None) -> Evidence:
    total = Evidence(NOW)
    for piece in pieces:
        if piece is not None:
            total.add(piece, LIVES)
    return total


def test_of_an_agent_nobody_has_asked_all_is_as_the_priors_say() -> None:
    one = candidate(cost=CostModel(per_call=5, per_unit=2), units_max=700)
    tell(one, Evidence(NOW))

    assert (one.quality, one.alpha, one.beta, one.asked) == (0.5, 1.0, 1.0, 0)
    assert one.latency_ms == pytest.approx(1_000.0)
    assert one.cost_nanos == 5 + 2 * 700


def test_what_was_answered_says_what_is_to_be_expected() -> None:
    one = candidate(cost=CostModel(per_call=5, per_unit=2))
    tell(one, after(*(seen(outcome(units=units), NOW) for units in (10, 20, 30))))

    assert one.cost_nanos == pytest.approx(5 + 2 * 20)
    assert one.latency_ms == pytest.approx(100.0, rel=0.1)
    assert one.quality > 0.5
    assert one.asked == 3


@pytest.mark.parametrize("ending", [Ending.CANCELLED, Ending.NOT_BEGUN])
def test_what_the_agent_had_no_part_in_says_nothing(ending: Ending) -> None:
    assert seen(outcome(ending), NOW) is None


def test_one_that_another_was_faster_than_is_known_to_take_as_long_and_nothing_else() -> None:
    found = after(seen(outcome(Ending.CANCELLED, latency_ms=9_000.0, is_outrun=True), NOW))

    assert estimated(found).latency_ms == pytest.approx(9_000.0, rel=0.1)
    assert (estimated(found).quality, found.asked) == (0.5, 0)


@pytest.mark.parametrize("ending", [Ending.REFUSED, Ending.FAILED, Ending.TIMED_OUT])
def test_what_was_not_answered_speaks_against_it(ending: Ending) -> None:
    found = estimated(after(seen(outcome(ending), NOW)))

    assert found.quality < 0.5
    assert found.success_rate == 0.0


def test_an_agent_that_traps_at_once_is_not_a_fast_one() -> None:
    quick_trap = after(seen(outcome(Ending.FAILED, latency_ms=0.01), NOW))

    assert estimated(quick_trap).latency_ms == pytest.approx(1_000.0)


def test_one_that_is_fast_is_so_by_its_first_answer_and_after_a_night() -> None:
    quick = after(seen(outcome(latency_ms=2.0), NOW))
    assert estimated(quick).latency_ms == pytest.approx(2.0)

    quick.grow_old(NOW + 36 * 3_600.0, LIVES)
    assert estimated(quick).latency_ms == pytest.approx(2.0)


def test_one_that_was_slow_is_not_held_for_slow_for_ever() -> None:
    slow = after(seen(outcome(latency_ms=30_000.0), NOW))
    assert estimated(slow).latency_ms > 29_000.0

    slow.grow_old(NOW + 12 * 3_600.0, LIVES)
    assert estimated(slow).latency_ms == pytest.approx(1_000.0, rel=0.01)


def test_a_probe_says_how_fast_an_agent_is_and_not_how_good() -> None:
    found = after(seen(outcome(is_probe=True, units=7), NOW))

    assert estimated(found).quality == 0.5
    assert estimated(found).latency_ms == pytest.approx(100.0, rel=0.2)
    assert found.asked == 0


def test_a_score_counts_more_than_that_there_was_an_answer() -> None:
    answers = [seen(outcome(), NOW) for _ in range(20)]
    scores = [judged(0.1, 1.0, NOW) for _ in range(20)]

    assert estimated(after(*answers)).quality > 0.6
    assert estimated(after(*answers, *scores)).quality < 0.3


def test_a_score_that_is_taken_back_leaves_what_there_was() -> None:
    before = after(seen(outcome(), NOW))
    taken_back = after(before, judged(0.2, 1.0, NOW), judged(0.2, -1.0, NOW))

    assert estimated(taken_back).quality == pytest.approx(estimated(before).quality)


@pytest.mark.parametrize(
    ("score", "weight"),
    [(NAN, 1), (-0.1, 1), (1.1, 1), (INFINITE, 1), (0.5, NAN), (0.5, 0)],
)
def test_a_score_that_is_none_says_nothing(score: float, weight: float) -> None:
    assert judged(score, weight, NOW) is None


@pytest.mark.parametrize("weight", [1e300, INFINITE])
def test_no_judgement_counts_more_than_so_many_answers(weight: float) -> None:
    found = judged(1.0, weight, NOW)

    assert found is not None
    assert (found.good, found.bad) == (SCORE_WEIGHT_MAX, 0.0)


@pytest.mark.parametrize("latency", [NAN, -1.0, -INFINITE, INFINITE, 1e300])
@pytest.mark.parametrize("units", [-1, 10**30, NAN, INFINITE, -INFINITE])
def test_hostile_numbers_leave_numbers_that_can_be(latency: float, units: Any) -> None:
    one = candidate(cost=CostModel(per_call=1, per_unit=1), units_max=50)
    tell(one, after(seen(outcome(latency_ms=latency, units=units, confidence=NAN), NOW)))

    assert 0.0 < one.latency_ms <= LATENCY_MAX_MS
    assert 1.0 <= one.cost_nanos <= 51.0
    assert 0.0 < one.quality < 1.0


def test_no_number_of_units_is_above_the_most_that_a_manifest_can_say() -> None:
    found = seen(outcome(units=10**30), NOW)

    assert found is not None
    assert found.units == UNITS_MAX


def test_what_an_agent_says_of_its_own_answer_is_not_its_quality() -> None:
    assert seen(outcome(confidence=1.0), NOW) == seen(outcome(confidence=0.0), NOW)


def test_a_new_version_inherits_a_quarter_and_never_much() -> None:
    few = inherited(after(*(judged(1.0, 1.0, NOW) for _ in range(4))))
    many = inherited(after(*(judged(1.0, 1.0, NOW) for _ in range(4_000))))

    assert few.good == pytest.approx(1.0)
    assert many.good == pytest.approx(INHERITED_MAX)
    assert inherited(Evidence(NOW)) == Evidence(NOW)


def test_a_new_version_that_is_bad_is_known_to_be_after_a_few_dozen_scores() -> None:
    inheritance = inherited(after(*(judged(1.0, 1.0, NOW) for _ in range(4_000))))
    scores = [judged(0.1, 1.0, NOW) for _ in range(30)]

    assert estimated(after(inheritance, *scores)).quality < 0.4
