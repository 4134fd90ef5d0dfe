"""How a trial stands, in the operator's words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from trials import ROW
from wardian.agents.quality.trial_views import better_arm, trial_view
from wardian.agents.views import TrialView
from wardian.storage.agent_trials import ACTIVE, OTHER, ArmSums

NONE = ArmSums()
DECIDED = datetime(2026, 1, 2, tzinfo=UTC)


def sums(asked: int, answered: int, judged: int = 0, mean: float = 0.0) -> ArmSums:
    return ArmSums(asked=asked, answered=answered, weight=float(judged), total=judged * mean)


def view(active: ArmSums, other: ArmSums) -> TrialView:
    arms = {ACTIVE: active, OTHER: other}
    better = better_arm(ROW, arms)
    row = replace(ROW, better=better, decided_at=None if better is None else DECIDED)
    return trial_view("lead", row, arms)


@pytest.mark.parametrize(
    ("active", "other", "said"),
    [
        (NONE, sums(9, 9), "Nothing is known yet of one of them."),
        (
            sums(10, 10),
            sums(10, 9, 4, 0.5),
            "That is not enough to tell them apart with 0.95 confidence: 2.0.0 answered 9 of 10, "
            "with a mean score of 0.50; 1.0.0 answered 10 of 10.",
        ),
        (
            sums(100, 60),
            sums(100, 99),
            "2.0.0 is better than 1.0.0, with 0.95 confidence: 2.0.0 answered 99 of 100; "
            "1.0.0 answered 60 of 100.",
        ),
        (
            sums(100, 100, 100, 0.9),
            sums(100, 100, 100, 0.4),
            "1.0.0 is better than 2.0.0, with 0.95 confidence: 2.0.0 answered 100 of 100, with a "
            "mean score of 0.40; 1.0.0 answered 100 of 100, with a mean score of 0.90.",
        ),
        (
            sums(300, 300, 200, 0.4),
            sums(300, 200, 200, 0.9),
            "One of them answers more often, and the other's answers are judged better, with 0.95 "
            "confidence: 2.0.0 answered 200 of 300, with a mean score of 0.90; 1.0.0 answered 300 "
            "of 300, with a mean score of 0.40. Which counts more is yours to say.",
        ),
    ],
    ids=["nothing", "too little", "by answers", "by scores", "torn"],
)
def test_a_verdict_says_what_it_is_made_of(active: ArmSums, other: ArmSums, said: str) -> None:
    found = view(active, other)

    assert found.verdict == said
    assert found.decided == (" is better than " in said)


def test_what_was_decided_once_stays_so_whatever_comes_later() -> None:
    row = replace(ROW, better=OTHER, decided_at=DECIDED)
    since = {ACTIVE: sums(900, 900), OTHER: sums(900, 500)}
    found = trial_view("lead", row, since)

    assert better_arm(ROW, since) == ACTIVE
    assert (found.decided, found.decided_at, found.better) == (True, DECIDED, "2.0.0")
    assert found.verdict.startswith("2.0.0 is better than 1.0.0, with 0.95 confidence")


def test_of_what_nobody_has_judged_there_is_no_mean() -> None:
    found = view(sums(4, 3), NONE)

    assert (found.active.asked, found.active.answered, found.active.mean) == (4, 3, None)
    assert found.other_is_better == pytest.approx(0.5, abs=0.2)
