"""What counts for which version of a trial."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from routes import candidate
from trials import ROW
from wardian.agents.candidates import Candidate, Ending, Outcome
from wardian.agents.quality.running_trials import RunningTrial
from wardian.storage.agent_trials import ACTIVE, OTHER, ArmSums

NONE = ArmSums()


def outcome(ending: Ending, latency_ms: float = 4.0, **more: Any) -> Outcome:
    return Outcome(ending=ending, latency_ms=latency_ms, **more)


@pytest.fixture
def trial() -> RunningTrial:
    trial = RunningTrial("default", "lead", ROW, know=_tell_nobody)
    trial.offered = {"summarize": ("1.0.0",)}
    return trial


def _tell_nobody(tenant: str, known: Candidate) -> None: ...


def test_each_version_is_known_by_its_own_questions(trial: RunningTrial) -> None:
    active = candidate("lead", version=ROW.active_version)
    other = replace(active, version=ROW.other_version, is_trial=True)
    trial.ended(active, outcome(Ending.ANSWERED, cost_nanos=7))
    trial.ended(other, outcome(Ending.FAILED, latency_ms=9.0, cost_nanos=8))

    assert trial.pending[ACTIVE] == ArmSums(asked=1, answered=1, latency_ms=4.0, cost_nanos=7.0)
    assert trial.pending[OTHER] == ArmSums(asked=1)


@pytest.mark.parametrize(
    "ended",
    [
        outcome(Ending.CANCELLED, latency_ms=9_000.0, is_outrun=True),
        outcome(Ending.CANCELLED),
        outcome(Ending.NOT_BEGUN),
        outcome(Ending.ANSWERED, is_probe=True),
    ],
    ids=["another was faster", "nobody waited", "not begun", "a probe"],
)
def test_what_says_nothing_of_how_well_it_answers_counts_for_neither(
    trial: RunningTrial, ended: Outcome
) -> None:
    trial.ended(candidate("lead", version=ROW.active_version), ended)

    assert (trial.pending[ACTIVE], trial.pending[OTHER]) == (NONE, NONE)


def test_a_third_version_counts_for_neither(trial: RunningTrial) -> None:
    trial.ended(candidate("lead", version="3.0.0"), outcome(Ending.ANSWERED))
    trial.scored("3.0.0", "summarize", 1.0, 1.0)

    assert (trial.pending[ACTIVE], trial.pending[OTHER]) == (NONE, NONE)
