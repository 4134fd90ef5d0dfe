"""Each strategy by itself: what it goes by."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routes import candidate, wanted
from wardian.agents.candidates import Candidate
from wardian.agents.routing.router import AIStrategyRouter
from wardian.agents.routing.rules import RuleSet
from wardian.agents.routing.strategies import NAMES, Turns, strategies
from wardian.agents.routing.strategies.strategy import LOOK_EVERY

ALL = strategies(Random(7))


def router(seed: int = 1) -> AIStrategyRouter:
    return AIStrategyRouter(lambda tenant: RuleSet(), random=Random(seed))


def order(strategy: str, *candidates: Candidate, **criteria: Any) -> list[str]:
    decision = router().decide(wanted(strategy=strategy, **criteria), candidates)
    assert decision.strategy == strategy
    return [each.agent for each in decision.ranked]


def taken(strategy: str, candidates: list[Candidate], times: int) -> Counter[str]:
    choosing, request = router(), wanted(strategy=strategy)
    return Counter(choosing.decide(request, candidates).chosen.agent for _ in range(times))


def test_there_are_seven_each_by_its_name() -> None:
    assert sorted(ALL) == list(NAMES)
    assert all(strategy.name == name for name, strategy in ALL.items())


def test_cheapest_goes_by_what_a_question_costs() -> None:
    found = order(
        "cheapest",
        candidate("dear", cost_nanos=9.0, quality=1.0),
        candidate("free", cost_nanos=0.0),
        candidate("cheap", cost_nanos=1.0),
    )
    assert found == ["free", "cheap", "dear"]


def test_fastest_goes_by_latency_and_tries_who_was_never_asked_first() -> None:
    found = order(
        "fastest",
        candidate("slow", latency_ms=900.0),
        candidate("quick", latency_ms=5.0),
        candidate("new", latency_ms=1_000.0, asked=0),
    )
    assert found == ["new", "quick", "slow"]


def test_fastest_looks_now_and_then_at_who_was_not_asked_for_longest() -> None:
    agents = [candidate(f"a{n}", latency_ms=10.0 + n) for n in range(3)]
    assert taken("fastest", agents, LOOK_EVERY - 1) == {"a0": LOOK_EVERY - 1}
    found = taken("fastest", agents, LOOK_EVERY * 6)
    assert found == {"a0": LOOK_EVERY * 6 - 6, "a1": 3, "a2": 3}


def test_best_quality_prefers_known_quality_and_gives_the_unknown_a_chance() -> None:
    good = candidate("good", alpha=80.0, beta=20.0)
    poor = candidate("poor", alpha=50.0, beta=50.0)
    new = candidate("new", alpha=1.0, beta=1.0, asked=0)
    assert order("best-quality", poor, new, good) == ["good", "new", "poor"]


def test_least_loaded_goes_by_the_share_that_is_taken() -> None:
    found = order(
        "least-loaded",
        candidate("small", in_flight=1, concurrent_max=2),
        candidate("large", in_flight=10, concurrent_max=100),
        candidate("idle", priority=1),
    )
    assert found == ["idle", "large", "small"]


def test_round_robin_asks_each_the_same_number_of_times() -> None:
    agents = [candidate(f"a{n}", quality=n / 10, cost_nanos=n) for n in range(7)]
    assert set(taken("round-robin", agents, 700).values()) == {100}


def test_round_robin_stays_fair_among_the_others_while_one_is_away() -> None:
    agents = [candidate(f"a{n}") for n in range(4)]
    choosing, request = router(), wanted(strategy="round-robin")
    found: Counter[str] = Counter()
    for turn in range(600):
        agents[1].is_available = turn % 2 == 0
        found[choosing.decide(request, agents).chosen.agent] += 1
    others = [found[name] for name in ("a0", "a2", "a3")]
    assert max(others) - min(others) <= 2
    assert found["a1"] > 0


def test_weighted_goes_by_its_weights() -> None:
    cheap = candidate("cheap", cost_nanos=1.0, latency_ms=900.0, alpha=5.0, beta=5.0)
    quick = candidate("quick", cost_nanos=9.0, latency_ms=10.0, alpha=5.0, beta=5.0)
    good = candidate("good", cost_nanos=9.0, latency_ms=900.0, alpha=90.0, beta=1.0)
    first = candidate("first", cost_nanos=9.0, latency_ms=900.0, alpha=5, beta=5, priority=90)
    idle = candidate("idle", cost_nanos=9.0, latency_ms=900.0, alpha=5.0, beta=5.0)
    agents = (cheap, quick, good, first, idle)
    for agent in agents[:-1]:
        agent.carry(8)
    nothing = dict.fromkeys(("cost", "latency", "quality", "load", "priority"), 0)
    chosen = {name: order("weighted", *agents, weights={**nothing, name: 1})[0] for name in nothing}
    assert chosen == {
        "cost": "cheap",
        "latency": "quick",
        "quality": "good",
        "load": "idle",
        "priority": "first",
    }


def test_weights_of_nothing_leave_it_to_priority_and_name() -> None:
    nothing = dict.fromkeys(("cost", "latency", "quality", "load", "priority"), 0)
    agents = (candidate("c", priority=60), candidate("b"), candidate("a"))
    assert order("weighted", *agents, weights=nothing) == ["c", "a", "b"]


def test_only_the_ratios_of_weights_matter() -> None:
    random = Random(3)
    agents = [_drawn(f"a{n}", random) for n in range(30)]
    small = {"cost": 1e-6, "latency": 2e-6, "quality": 3e-6, "load": 0, "priority": 1e-6}
    large = {name: weight * 1e9 for name, weight in small.items()}
    found = order("weighted", *agents, weights=small)
    assert found == order("weighted", *agents, weights=large)


@pytest.mark.parametrize(
    "odd",
    [
        candidate("odd", cost_nanos=0.0, latency_ms=200.0, alpha=1.0, beta=9.0),
        candidate("odd", cost_nanos=1.0, latency_ms=200.0, alpha=1.0, beta=9.0),
        candidate("odd", cost_nanos=1e13, latency_ms=200.0, alpha=1.0, beta=9.0),
        candidate("odd", cost_nanos=1e7, latency_ms=0.0, alpha=1.0, beta=9.0),
        candidate("odd", cost_nanos=1e7, latency_ms=2e8, alpha=1.0, beta=9.0),
        candidate("odd", cost_nanos=1e7, latency_ms=1_000.0, asked=0),
    ],
    ids=["free", "all but free", "far too dear", "in no time", "for ever", "not known"],
)
@pytest.mark.parametrize("quality", ["cost", "latency"])
def test_others_do_not_become_alike_beside_one_out_of_all_proportion(
    odd: Candidate, quality: str
) -> None:
    known = {"alpha": 80.0, "beta": 20.0}
    less = candidate("less", cost_nanos=1e7, latency_ms=200.0, **known)
    # Hardly better, and four times as dear or as slow.
    more = {"cost": {"cost_nanos": 4e7}, "latency": {"latency_ms": 800.0}}[quality]
    much = candidate(
        "much", **{"cost_nanos": 1e7, "latency_ms": 200.0, **known, **more, "alpha": 84.0}
    )
    parts = ALL["weighted"].parts(wanted(), [odd, less, much], Turns())

    assert parts[1][quality] > parts[2][quality] + 0.1
    assert next(each for each in order("weighted", odd, less, much) if each != "odd") == "less"


def test_of_two_the_parts_are_about_in_proportion() -> None:
    agents = [candidate("a", cost_nanos=1e6), candidate("b", cost_nanos=2e6)]
    first, second = ALL["weighted"].parts(wanted(), agents, Turns())
    assert first["cost"] == 1.0
    assert second["cost"] == pytest.approx(0.5, abs=0.1)


def test_of_those_that_are_free_none_is_cheaper() -> None:
    agents = [candidate(f"a{n}", cost_nanos=0.0, latency_ms=0.0) for n in range(3)]
    parts = ALL["weighted"].parts(wanted(), agents, Turns())
    assert {(each["cost"], each["latency"]) for each in parts} == {(1.0, 1.0)}


def test_one_of_whom_little_is_known_is_looked_at_by_default() -> None:
    known = candidate("known", alpha=91.0, beta=11.0)
    new = candidate("new", asked=0)
    assert taken("weighted", [known, new], LOOK_EVERY * 4) == {
        "known": LOOK_EVERY * 4 - 4,
        "new": 4,
    }


@pytest.mark.parametrize(
    "other",
    [
        candidate("other", asked=0, cost_nanos=1e15),
        candidate("other", alpha=70.0, beta=30.0, cost_nanos=1e6),
    ],
    ids=["could not be the best", "is known"],
)
def test_nobody_else_is_looked_at_by_default(other: Candidate) -> None:
    known = candidate("known", alpha=91.0, beta=11.0, cost_nanos=1e6)
    weights = {"cost": 3.0}
    choosing, request = router(), wanted(strategy="weighted", weights=weights)
    found = {choosing.decide(request, [known, other]).chosen.agent for _ in range(LOOK_EVERY * 4)}
    assert found == {"known"}


def test_best_quality_comes_back_to_one_whose_first_answers_were_judged_badly() -> None:
    known, unlucky = (
        candidate("known", alpha=80.0, beta=20.0),
        candidate("unlucky", alpha=1.2, beta=2.0),
    )
    first, later = (
        ALL["best-quality"].scores(wanted(), [known, unlucky], Turns(number))
        for number in (0, 1_000_000)
    )
    assert first[0] > first[1]
    assert later[0] < later[1]


@pytest.mark.parametrize("name", sorted({*NAMES} - {"cheapest", "least-loaded"}))
def test_one_that_is_new_is_asked_before_long(name: str) -> None:
    agents = [candidate(f"a{n}", alpha=60.0, beta=20.0, latency_ms=10.0) for n in range(3)]
    agents.append(candidate("new", asked=0, latency_ms=1_000.0, priority=1))
    assert taken(name, agents, LOOK_EVERY * 2)["new"] > 0


def test_one_never_asked_is_tried_by_default_beside_one_that_only_answers() -> None:
    known = candidate("known", alpha=40.0, beta=14.0, latency_ms=50.0)
    new = candidate("new", asked=0, latency_ms=1_000.0, priority=51)
    assert order("weighted", known, new)[0] == "new"


def _drawn(name: str, random: Random) -> Candidate:
    return candidate(
        name,
        priority=random.randrange(101),
        cost_nanos=random.choice([0.0, random.random() * 1e9]),
        latency_ms=random.choice([0.0, random.random() * 1e3]),
        alpha=1 + random.random() * 20,
        beta=1 + random.random() * 20,
        in_flight=random.randrange(16),
        asked=random.randrange(3),
    )


@given(st.integers(0, 2**32), st.integers(1, 12))
def test_weighted_scores_are_the_weighted_means_of_the_parts_shown(seed: int, count: int) -> None:
    random = Random(seed)
    agents = [_drawn(f"a{n}", random) for n in range(count)]
    weights = {name: random.random() for name in ("cost", "latency", "quality", "load", "priority")}
    request = wanted(weights=weights)
    scores = ALL["weighted"].scores(request, agents, Turns())
    parts = ALL["weighted"].parts(request, agents, Turns())
    total = sum(weights.values())
    for score, each in zip(scores, parts, strict=True):
        assert all(0.0 <= part <= 1.0 for part in each.values())
        expected = sum(weights[name] * part for name, part in each.items()) / total
        assert score == pytest.approx(expected)


@pytest.mark.parametrize("name", sorted({*NAMES} - {"thompson"}))
def test_equal_ones_go_by_priority_and_then_by_name(name: str) -> None:
    agents = [candidate("b"), candidate("c", priority=50), candidate("a")]
    expected = ["a", "b", "c"]
    if name != "weighted":  # which takes priority for a quality
        agents.append(candidate("z", priority=60))
        expected = ["z", *expected]
    assert order(name, *agents) == expected


@pytest.mark.parametrize(
    "beliefs",
    [
        [(1.0, 1.0), (9.0, 3.0), (3.0, 9.0), (60.0, 30.0), (2.0, 1.0)],
        [(1.0, 1.0), (1.0, 1.0), (1.0, 1.0), (100.0, 20.0)],
        [(30.0, 10.0), (80.0, 30.0), (200.0, 90.0)],
    ],
    ids=["of all kinds", "one known well", "all known well"],
)
def test_thompson_asks_each_as_often_as_exact_draws_say_that_it_is_best(
    beliefs: list[tuple[float, float]],
) -> None:
    agents = [candidate(f"a{n}", alpha=a, beta=b) for n, (a, b) in enumerate(beliefs)]
    times = 20_000
    found = taken("thompson", agents, times)
    exact, random = Counter[str](), Random(5)
    for _ in range(times):
        draws = [random.betavariate(a, b) for a, b in beliefs]
        exact[f"a{draws.index(max(draws))}"] += 1
    for agent in agents:
        assert abs(found[agent.agent] - exact[agent.agent]) < 0.03 * times


def test_draws_of_a_decision_and_of_the_next_are_independent() -> None:
    agents = [candidate(f"a{n}") for n in range(2)]
    turns, pairs = Turns(), []
    for number in range(5_000):
        turns.number = number
        first, second = ALL["thompson"].scores(wanted(), agents, turns)
        pairs.append((first, second))
    columns = [list(column) for column in zip(*pairs, strict=True)]
    for one, other in (
        (columns[0], columns[1]),
        (columns[0][1:], columns[0][:-1]),
        (columns[0][1:], columns[1][:-1]),
    ):
        assert abs(_correlation(one, other)) < 0.05


def _correlation(one: list[float], other: list[float]) -> float:
    ours, theirs = sum(one) / len(one), sum(other) / len(other)
    both = sum((a - ours) * (b - theirs) for a, b in zip(one, other, strict=True))
    squares = sum((a - ours) ** 2 for a in one) * sum((b - theirs) ** 2 for b in other)
    return float(both / squares**0.5)


def test_thompson_has_a_draw_for_each_of_more_than_fit_its_table_at_once() -> None:
    agents = [candidate(f"a{n}") for n in range(3_000)]
    for number in range(40):
        scores = ALL["thompson"].scores(wanted(), agents, Turns(number))
        assert len(set(scores)) == len(agents)
