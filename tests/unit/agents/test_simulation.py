"""Played agents: strategies come to what they promise, breakers stop and resume, budgets hold."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean
from xml.etree import ElementTree

import pytest

from simulation.plot import Chart, Line, svg
from simulation.scenarios import (
    BREAKER,
    BUDGET,
    DRIFT_AT,
    MANY,
    OUTAGE,
    PROMISES,
    QUESTIONS,
    SEEDS,
    drift,
    drift_of_many,
    drift_unaged,
    elsewhere,
    outage,
    promise,
    regret,
    share_right,
    spending,
)
from simulation.world import Step, World
from wardian.agents.candidates import Ending
from wardian.agents.routing.strategies import NAMES

FEW = list(SEEDS)[:5]
ELSEWHERE = range(100, 104)


def test_each_strategy_has_a_promise() -> None:
    assert sorted(PROMISES) == list(NAMES)


@pytest.mark.parametrize("strategy", NAMES)
def test_strategy_comes_to_what_its_name_promises(strategy: str) -> None:
    for seed in FEW:
        assert share_right(promise(strategy, seed), QUESTIONS // 2) > 0.9


@pytest.mark.parametrize("strategy", NAMES)
def test_strategy_comes_next_to_that_in_worlds_that_nobody_chose(strategy: str) -> None:
    shares = [share_right(elsewhere(strategy, seed), QUESTIONS // 2) for seed in ELSEWHERE]
    assert fmean(shares) > 0.85


def test_promises_are_of_different_agents() -> None:
    most = {
        strategy: promise(strategy, 1).chosen(QUESTIONS // 2).most_common(1)[0][0]
        for strategy in ("cheapest", "fastest", "best-quality", "thompson")
    }
    assert most == {
        "cheapest": "cheap",
        "fastest": "quick",
        "best-quality": "good",
        "thompson": "good",
    }


def test_round_robin_asks_all_the_same_number_of_times() -> None:
    assert set(promise("round-robin", 1).chosen().values()) == {QUESTIONS // 4}


def test_thompson_has_far_less_regret_than_round_robin_whatever_the_seed() -> None:
    pairs = [(regret("thompson", seed), regret("round-robin", seed)) for seed in SEEDS]
    assert all(ours[-1] < theirs[-1] for ours, theirs in pairs)
    assert fmean(ours[-1] for ours, _ in pairs) < 0.5 * fmean(theirs[-1] for _, theirs in pairs)


def test_regret_of_thompson_grows_ever_slower_and_that_of_round_robin_does_not() -> None:
    half = QUESTIONS // 2

    def later_share(strategy: str) -> float:
        runs = [regret(strategy, seed) for seed in SEEDS]
        return fmean(run[-1] - run[half] for run in runs) / fmean(run[half] for run in runs)

    assert later_share("thompson") < 0.6
    assert later_share("round-robin") == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("seed", FEW)
def test_breaker_stops_questions_to_one_that_fails_and_lets_them_come_back(seed: int) -> None:
    world = outage(seed)
    steps: dict[str, list[Step]] = {name: [] for name in ("before", "outage", "later")}
    resumes = OUTAGE[1] + BREAKER.open_seconds_max + 5
    for step in world.steps:
        if step.time < OUTAGE[0]:
            steps["before"].append(step)
        elif step.time < OUTAGE[1]:
            steps["outage"].append(step)
        elif step.time >= resumes:
            steps["later"].append(step)
    asked = {name: sum(step.chosen == "quick" for step in found) for name, found in steps.items()}
    assert asked["before"] > 0.9 * len(steps["before"])
    # Those in a row that open it, and a trial after each wait: 5, 10, 20, 40, 40, 40, 40 seconds.
    assert BREAKER.failures_in_row < asked["outage"] <= BREAKER.failures_in_row + 8
    assert asked["later"] > 0.9 * len(steps["later"])
    assert all(step.chosen for step in world.steps)
    failed = [step for step in world.steps if step.ending is Ending.FAILED]
    assert len(failed) == asked["outage"]


def _wrong(world: World, since: int) -> int:
    return sum(not step.was_right for step in world.steps[since:])


def test_drift_is_followed_because_what_was_seen_grows_old() -> None:
    after = int(DRIFT_AT / 60)
    aged = [_wrong(drift(seed), after) for seed in SEEDS]
    unaged = [_wrong(drift_unaged(seed), after) for seed in SEEDS]
    assert fmean(aged) < 0.6 * fmean(unaged)
    assert fmean(share_right(drift(seed), QUESTIONS - 100) for seed in SEEDS) > 0.8


def test_drift_of_one_whom_many_ask_is_noticed_after_some_questions_and_not_days() -> None:
    worlds = [drift_of_many(seed) for seed in FEW[:3]]
    assert fmean(_wrong(world, MANY) for world in worlds) < 300
    assert fmean(share_right(world, MANY + QUESTIONS - 100) for world in worlds) > 0.8


@pytest.mark.parametrize("strategy", NAMES)
def test_no_budget_is_ever_exceeded_and_what_is_left_is_too_little(strategy: str) -> None:
    for seed in FEW:
        world = spending(strategy, seed)
        assert all(step.spent + step.held <= BUDGET for step in world.steps)
        refused = [step for step in world.steps if not step.chosen]
        assert refused
        most = max(agent.most for agent in world.agents.values())
        assert BUDGET - most < world.purse.spent + world.purse.held <= BUDGET


def test_same_seed_plays_the_same() -> None:
    assert promise("thompson", 3).steps == promise("thompson", 3).steps


def test_plot_is_wellformed_and_has_a_line_for_each_of_what_is_drawn() -> None:
    drawn = [
        Chart("a & b", [Line("<one>", [0.0, 0.5, 2.0]), Line("two", [1.0, 1.0])], 1.0, (0.5,)),
        Chart("c", [Line("three", [3.0, 0.0])], 3.0),
    ]
    found = ElementTree.fromstring(svg(drawn))
    titles = [each.text for each in found.iter("{http://www.w3.org/2000/svg}title")]
    assert titles == ["<one>", "two", "three"]


def test_plot_in_the_docs_shows_every_strategy() -> None:
    text = (Path(__file__).parents[3] / "docs" / "images" / "agents.svg").read_text()
    assert all(f"<title>{name}</title>" in text for name in NAMES)
