"""The circuit breaker as a value: what opens it, who is let through, and when it closes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardian.agents.candidates import Ending
from wardian.agents.health.breaker import Breaker, BreakerLimits, State, admit, ended, opened

LIMITS = BreakerLimits(
    failures_in_row=3, rate_least=10, open_seconds=10, open_seconds_max=60, trial_seconds=30
)
ANSWERED, REFUSED, FAILED = Ending.ANSWERED, Ending.REFUSED, Ending.FAILED
TIMED_OUT, CANCELLED, NOT_BEGUN = Ending.TIMED_OUT, Ending.CANCELLED, Ending.NOT_BEGUN


def after(breaker: Breaker, *endings: Ending, now: float = 100.0) -> Breaker:
    for ending in endings:
        breaker = ended(breaker, LIMITS, now, ending, begun=now)
    return breaker


def tried(breaker: Breaker, now: float) -> Breaker:
    trial, is_let = admit(breaker, LIMITS, now)
    assert is_let
    assert trial.state is State.HALF_OPEN
    return trial


OPEN = after(Breaker(), FAILED, FAILED, FAILED)


def test_closed_one_lets_all_through_and_is_the_same_object() -> None:
    breaker = Breaker()
    assert admit(breaker, LIMITS, 1.0) == (breaker, True)
    assert admit(breaker, LIMITS, 1.0)[0] is breaker


def test_failures_in_a_row_open_it_with_a_reason() -> None:
    assert after(Breaker(), FAILED, TIMED_OUT).state is State.CLOSED
    found = after(Breaker(), FAILED, FAILED, TIMED_OUT)
    assert found.state is State.OPEN
    assert found.reason == "3 questions in a row failed; the last one took too long."


@pytest.mark.parametrize("between", [ANSWERED, REFUSED])
def test_an_answer_of_any_kind_ends_the_row(between: Ending) -> None:
    assert after(Breaker(), FAILED, FAILED, between, FAILED, FAILED).state is State.CLOSED


@pytest.mark.parametrize("between", [CANCELLED, NOT_BEGUN])
def test_what_says_nothing_of_it_does_not_end_the_row(between: Ending) -> None:
    assert after(Breaker(), FAILED, FAILED, between, FAILED).state is State.OPEN
    assert after(Breaker(), *[between] * 100) == Breaker()


def test_most_of_many_failing_opens_it_though_none_fail_in_a_row() -> None:
    breaker = after(Breaker(), *[FAILED, ANSWERED] * 4)
    assert breaker.state is State.CLOSED
    breaker = after(breaker, FAILED, ANSWERED, FAILED)
    assert breaker.state is State.OPEN
    assert "of what it was asked lately failed" in breaker.reason


def test_failures_of_long_ago_do_not_count_for_the_rate() -> None:
    breaker = after(Breaker(), *[FAILED, ANSWERED] * 4)
    later = 100.0 + 20 * LIMITS.half_life_seconds
    assert after(breaker, FAILED, ANSWERED, FAILED, ANSWERED, now=later).state is State.CLOSED


def test_open_one_lets_nothing_through_before_its_time() -> None:
    assert OPEN.open_until == 110.0
    assert admit(OPEN, LIMITS, 109.9) == (OPEN, False)
    assert not OPEN.may_be_tried(109.9)
    assert OPEN.may_be_tried(110.0)


def test_exactly_one_is_let_through_as_a_trial() -> None:
    trial = tried(OPEN, 110.0)
    assert [admit(trial, LIMITS, now)[1] for now in (110.0, 111.0, 139.9)] == [False] * 3


@pytest.mark.parametrize("ending", [ANSWERED, REFUSED])
def test_trial_that_is_answered_closes_it(ending: Ending) -> None:
    breaker = ended(tried(OPEN, 110.0), LIMITS, 111.0, ending, begun=110.0)
    assert breaker.state is State.CLOSED
    assert breaker.reason == ""
    assert breaker.failures == 0
    assert admit(breaker, LIMITS, 111.0)[1]


def test_trials_that_fail_double_the_wait_up_to_the_bound() -> None:
    breaker, now, waits = OPEN, 110.0, []
    for _ in range(5):
        breaker = ended(tried(breaker, now), LIMITS, now, FAILED, begun=now)
        waits.append(breaker.open_until - now)
        now = breaker.open_until
    assert waits == [20, 40, 60, 60, 60]


@pytest.mark.parametrize("ending", [CANCELLED, NOT_BEGUN])
def test_trial_that_says_nothing_leaves_the_next_one_to_be_it(ending: Ending) -> None:
    breaker = ended(tried(OPEN, 110.0), LIMITS, 111.0, ending, begun=110.0)
    assert tried(breaker, 111.0).state is State.HALF_OPEN


def test_trial_of_a_lost_host_is_given_up() -> None:
    trial = tried(OPEN, 110.0)
    assert not admit(trial, LIMITS, 139.9)[1]
    assert admit(trial, LIMITS, 140.0)[1]


def test_question_of_before_it_opened_neither_closes_nor_opens_it() -> None:
    trial = tried(OPEN, 110.0)
    assert ended(trial, LIMITS, 111.0, ANSWERED, begun=99.0) is trial
    assert ended(trial, LIMITS, 111.0, FAILED, begun=99.0) is trial
    closed = ended(trial, LIMITS, 111.0, ANSWERED, begun=110.0)
    assert ended(closed, LIMITS, 112.0, FAILED, begun=99.0) is closed


def test_open_one_learns_nothing_of_what_was_already_under_way() -> None:
    assert ended(OPEN, LIMITS, 101.0, FAILED, begun=100.5) is OPEN


def test_one_that_opens_again_soon_waits_longer_and_after_a_good_while_does_not() -> None:
    closed = ended(tried(OPEN, 110.0), LIMITS, 111.0, ANSWERED, begun=110.0)
    soon = after(closed, FAILED, FAILED, FAILED, now=112.0)
    assert soon.open_until - 112.0 == 20
    later = after(closed, FAILED, FAILED, FAILED, now=200.0)
    assert later.open_until - 200.0 == 10


def test_waits_stay_finite_however_often_it_opened() -> None:
    breaker = OPEN
    for _ in range(2_000):
        breaker = opened(breaker, LIMITS, 100.0, "again")
    assert breaker.open_until == 160.0


@given(st.lists(st.tuples(st.sampled_from(Ending), st.floats(0, 200)), max_size=60))
def test_whatever_ends_when_no_second_trial_is_let_through_beside_one(
    steps: list[tuple[Ending, float]],
) -> None:
    breaker, now = Breaker(), 0.0
    for ending, wait in steps:
        now += wait
        before, (breaker, is_let) = breaker, admit(breaker, LIMITS, now)
        assert is_let or before.state is not State.CLOSED
        if breaker.state is State.HALF_OPEN:
            assert not admit(breaker, LIMITS, now)[1]
        if is_let:
            breaker = ended(breaker, LIMITS, now, ending, begun=now)
            assert breaker.state is not State.HALF_OPEN
        assert breaker.open_until - now <= LIMITS.open_seconds_max


def test_clock_that_goes_back_makes_no_evidence_grow() -> None:
    breaker = replace(after(Breaker(), FAILED, ANSWERED), as_of=1_000.0)
    found = ended(breaker, LIMITS, 500.0, ANSWERED, begun=500.0)
    assert (found.good, found.bad, found.as_of) == (2.0, 1.0, 1_000.0)
