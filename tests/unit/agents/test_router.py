"""The router: who can be asked, who is, and what is said of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routes import Wanted, candidate, wanted
from wardian.agents.candidates import Candidate
from wardian.agents.criteria import Criteria
from wardian.agents.money import CostModel, nanos
from wardian.agents.routing.filtering import NARROWED_MAX, Field, why_not
from wardian.agents.routing.router import FIELDS_MAX, AIStrategyRouter
from wardian.agents.routing.rules import RuleSet, parse_rules
from wardian.agents.routing.strategies import NAMES
from wardian.errors import AgentUnavailable, InvalidArguments, NotFound


def router(rules: RuleSet | None = None, seed: int = 1) -> AIStrategyRouter:
    found = rules or RuleSet()
    return AIStrategyRouter(lambda tenant: found, random=Random(seed))


def reasons(request: Wanted, *candidates: Candidate) -> dict[str, str]:
    found = router().explain(request, candidates)
    return {each.candidate.agent: each.lost for each in found.judged}


def test_ranked_are_all_that_can_be_asked_the_best_first() -> None:
    agents = [candidate(f"a{n}", cost_nanos=9.0 - n) for n in range(5)]
    agents[4].is_available = False
    decision = router().decide(wanted(strategy="cheapest"), agents)
    assert [each.agent for each in decision.ranked] == ["a3", "a2", "a1", "a0"]
    assert decision.chosen is agents[3]


def test_request_names_the_strategy_before_the_rules_do() -> None:
    rules = parse_rules(
        {"rules": [{"name": "all cheap", "strategy": "cheapest"}], "default": "fastest"}
    )
    choosing, agents = router(rules), [candidate("a")]
    found = choosing.decide(Wanted(), agents)
    assert (found.strategy, found.rule) == ("cheapest", "all cheap")
    found = choosing.decide(wanted(strategy="thompson"), agents)
    assert (found.strategy, found.rule) == ("thompson", None)


def test_rules_are_those_of_the_tenant_that_asks() -> None:
    by_tenant = {"a": parse_rules({"default": "cheapest"}), "b": parse_rules({})}
    choosing = AIStrategyRouter(by_tenant.__getitem__)
    found = [choosing.decide(Wanted(tenant=each), [candidate("x")]).strategy for each in "ab"]
    assert found == ["cheapest", "weighted"]


@pytest.mark.parametrize(
    ("criteria", "path"),
    [({"strategy": "dearest"}, "criteria.strategy"), ({"version": "new"}, "criteria.version")],
    ids=["strategy", "version"],
)
@pytest.mark.parametrize("agents", [(), (candidate("a"),)], ids=["none", "one"])
def test_what_is_no_strategy_or_range_is_refused(
    criteria: dict[str, Any], path: str, agents: Sequence[Candidate]
) -> None:
    for ask in (router().decide, router().explain):
        with pytest.raises(InvalidArguments) as refused:
            ask(wanted(**criteria), agents)
        assert refused.value.path == path


def test_nobody_who_offers_it_is_not_found() -> None:
    with pytest.raises(NotFound, match="offers 'summarize'"):
        router().decide(Wanted(), ())


@pytest.mark.parametrize(
    ("criteria", "reason"),
    [
        ({"version": ">=2.0.0"}, "offers 1.0.0, which is not in >=2.0.0"),
        ({"tags": ["eu"]}, "has no tag 'eu'"),
        ({"agents": ["b"]}, "not among the agents asked for"),
        ({"exclude": ["a"]}, "excluded by the request"),
    ],
    ids=["version", "tags", "agents", "exclude"],
)
def test_nobody_as_it_is_wanted_is_not_found_and_says_why(
    criteria: dict[str, Any], reason: str
) -> None:
    with pytest.raises(NotFound, match=reason):
        router().decide(wanted(**criteria), [candidate("a")])


@pytest.mark.parametrize(
    ("agent", "request_", "reason"),
    [
        ({"is_available": False, "unavailable": "It is paused."}, {}, "It is paused"),
        ({"is_available": False}, {}, "It is not available"),
        ({"in_flight": 16}, {}, "It answers 16 questions, and takes 16 at once"),
        ({"input_bytes_max": 99}, {}, "The input has 100 bytes, and it takes 99"),
        (
            {"cost": CostModel(per_call=nanos(0.5), per_unit=nanos(0.001)), "units_max": 1_000},
            {"cost": 0.00001},
            "It may cost up to 1.5, and the ceiling is 0.00001",
        ),
        ({"latency_ms": 500.0}, {"latency_ms": 499}, "It takes 500 ms, and the ceiling is 499"),
        ({"in_flight": 8}, {"load": 0.4}, "Its load is 0.50, and the ceiling is 0.4"),
        ({"quality": 0.4}, {"quality_min": 0.5}, "Its quality is 0.40"),
        ({"priority": 4}, {"priority_min": 5}, "Its priority is 4"),
    ],
    ids=["paused", "away", "busy", "long", "cost", "latency", "load", "quality", "priority"],
)
def test_nobody_who_can_be_asked_now_is_unavailable_and_says_why(
    agent: dict[str, Any], request_: dict[str, Any], reason: str
) -> None:
    with pytest.raises(AgentUnavailable, match=reason):
        router().decide(wanted(ceilings=request_), [candidate("a", **agent)])


def test_a_ceiling_of_latency_does_not_keep_away_who_was_never_asked() -> None:
    new = candidate("new", asked=0, latency_ms=1_000.0)
    request = wanted(ceilings={"latency_ms": 100})

    assert router().decide(request, [candidate("slow", latency_ms=500.0), new]).chosen is new
    explained = router().explain(request, [new])
    assert explained.decision is not None


def test_ceilings_let_through_what_they_name() -> None:
    agent = candidate(
        "a",
        cost=CostModel(per_call=nanos(0.5), per_unit=nanos(0.001)),
        units_max=1_000,
        in_flight=8,
        quality=0.5,
    )
    ceilings = {
        "cost": 1.5,
        "latency_ms": 100,
        "load": 0.5,
        "quality_min": 0.5,
        "priority_min": 50,
    }
    assert router().decide(wanted(ceilings=ceilings), [agent]).chosen is agent


def test_refusals_name_five_and_count_the_others() -> None:
    agents = [candidate(f"a{n}", is_available=False) for n in range(8)]
    with pytest.raises(AgentUnavailable) as refused:
        router().decide(Wanted(), agents)
    assert str(refused.value).count("It is not available") == 5
    assert str(refused.value).endswith("And 3 more.")


def test_version_of_a_trial_is_never_chosen() -> None:
    agents = [candidate("a", is_trial=True, priority=100), candidate("a", priority=1)]
    assert router().decide(Wanted(), agents).ranked == (agents[1],)
    assert "only tried" in router().explain(Wanted(), agents[:1]).why_none


def test_newest_version_that_one_agent_offers_comes_first() -> None:
    agents = [candidate("a", capability_version=version) for version in ("1.9.0", "1.10.0")]
    ranked = router().decide(wanted(strategy="cheapest"), agents).ranked
    assert [each.capability_version for each in ranked] == ["1.10.0"]


@pytest.mark.parametrize(
    ("criteria", "asked", "shown", "lost"),
    [
        ({}, ["2.0.0"], "2.0.0", ""),
        ({"version": "<2"}, ["1.1.0"], "1.1.0", ""),
        ({"version": ">=3"}, [], "2.0.0", "It offers 2.0.0, which is not in >=3."),
        ({"version": "<2", "ceilings": {"load": 0.1}}, [], "1.1.0", "Its load is 0.50"),
    ],
    ids=["newest", "newest that fits", "none fits", "none can be asked"],
)
def test_agent_that_offers_several_versions_is_one_candidate_and_explained_once(
    criteria: dict[str, Any], asked: list[str], shown: str, lost: str
) -> None:
    load = 8 if "ceilings" in criteria else 0
    versions = ("1.0.0", "2.0.0", "1.1.0")
    agents = [candidate("a", capability_version=each, in_flight=load) for each in versions]
    found = router().explain(wanted(**criteria), agents)
    ranked = () if found.decision is None else found.decision.ranked
    (judged,) = found.judged

    assert [each.capability_version for each in ranked] == asked
    assert judged.candidate.capability_version == shown
    assert judged.lost.startswith(lost) if lost else not judged.lost


def test_explanation_says_why_each_of_the_others_lost() -> None:
    found = reasons(
        wanted(strategy="cheapest", ceilings={"priority_min": 2}),
        candidate("best", cost_nanos=1e9),
        candidate("twin", cost_nanos=1e9),
        candidate("low", cost_nanos=1e9, priority=7),
        candidate("dear", cost_nanos=2e9),
        candidate("away", is_available=False),
        candidate("last", priority=1),
    )
    assert found == {
        "best": "",
        "twin": "It is as good as best, which comes first by its name and version.",
        "low": "It is as good as best, which has the priority 50 and not 7.",
        "dear": "Its score is -2, and that of best -1.",
        "away": "It is not available.",
        "last": "Its priority is 1, and no less than 2 is wanted.",
    }


def test_explanation_of_nobody_says_why() -> None:
    found = router().explain(Wanted(), [candidate("a", is_available=False)])
    assert found.decision is None
    assert "a 1.0.0: It is not available." in found.why_none
    assert [each.score for each in found.judged] == [None]
    assert "No agent that may be asked here offers" in router().explain(Wanted(), ()).why_none


@pytest.mark.parametrize("strategy", NAMES)
def test_explaining_changes_nothing_and_foretells_the_next_decision(strategy: str) -> None:
    random = Random(4)
    agents = [
        candidate(f"a{n}", alpha=1 + random.random(), cost_nanos=n, latency_ms=n + 1.0)
        for n in range(20)
    ]
    request = wanted(strategy=strategy)
    asked_only, explained = router(seed=9), router(seed=9)
    for _ in range(70):
        foretold = [explained.explain(request, agents) for _ in range(3)]
        decision = explained.decide(request, agents)
        assert [each.decision for each in foretold] == [decision] * 3
        assert decision == asked_only.decide(request, agents)


@given(st.data())
def test_who_is_left_is_whoever_nothing_is_said_against(data: st.DataObject) -> None:
    def of(*values: Any) -> Any:
        return data.draw(st.sampled_from(values))

    agents = [
        candidate(
            f"a{number}",
            capability_version=of("1.0.0", "2.1.0", "2.0.0-rc.1"),
            tags=of(frozenset(), frozenset({"x"}), frozenset({"x", "y"})),
            is_available=of(True, True, False),
            is_trial=of(False, False, True),
            in_flight=of(0, 8, 16, 20),
            input_bytes_max=of(99, 100, 101),
            latency_ms=of(1.0, 100.0),
            quality=of(0.2, 0.8),
            priority=of(0, 50),
            cost=CostModel(per_unit=of(0, 1, 1_000_000)),
        )
        for number in range(data.draw(st.integers(0, 6)))
    ]
    criteria = {
        "version": of("*", ">=2.0.0", "<2"),
        "tags": of([], ["x"], ["y", "x"]),
        "agents": of([], ["a0", "a1", "a2"]),
        "exclude": of([], ["a1"]),
        "ceilings": {
            "cost": of(None, 0, 1.0, 100),
            "latency_ms": of(None, 50),
            "load": of(None, 0.4),
            "quality_min": of(None, 0.5),
            "priority_min": of(None, 10),
        },
    }
    request = replace(wanted(**criteria), input_bytes=of(1, 100))
    left = Field(agents).eligible(request)
    assert set(left) == {each for each in agents if why_not(each, request) is None}


def test_what_changes_of_a_candidate_is_seen_by_the_next_decision() -> None:
    agents = (candidate("a", cost_nanos=1.0), candidate("b", cost_nanos=2.0))
    choosing, request = router(), wanted(strategy="cheapest")
    assert choosing.decide(request, agents).chosen.agent == "a"
    agents[0].cost_nanos = 3.0
    assert choosing.decide(request, agents).chosen.agent == "b"
    agents[1].is_available = False
    assert choosing.decide(request, agents).chosen.agent == "a"


def test_lists_made_anew_of_the_same_agents_share_their_turns() -> None:
    agents = [candidate(f"a{n}") for n in range(3)]
    choosing, request = router(), wanted(strategy="round-robin")
    found = [choosing.decide(request, list(agents)).chosen.agent for _ in range(6)]
    assert found == ["a0", "a1", "a2"] * 2


def test_memory_of_lists_and_criteria_is_bounded() -> None:
    choosing = router()
    for number in range(FIELDS_MAX + 50):
        choosing.decide(Wanted(), [candidate(f"a{number}")])
    assert len(choosing._fields) == FIELDS_MAX
    field = Field([candidate("a")])
    for number in range(NARROWED_MAX * 3):
        field.eligible(wanted(exclude=[f"x{number}"]))
    assert len(field._narrowed) <= NARROWED_MAX


def test_what_is_wanted_by_long_names_takes_no_memory() -> None:
    one = candidate("one", tags=frozenset({"short"}))
    field = Field([one])
    for names in (["t" * 200] * 4, ["short", *(f"{number}" * 200 for number in range(4))]):
        assert not field.eligible(wanted(tags=names))
        assert not field.eligible(wanted(agents=names))
        assert field.eligible(wanted(exclude=names)) == [one]

    assert not field._narrowed
    assert field.eligible(wanted(tags=["short"])) == [one]
    assert len(field._narrowed) == 1


@pytest.mark.parametrize("strategy", NAMES)
def test_greatest_numbers_that_criteria_and_candidates_can_have_give_scores(strategy: str) -> None:
    agents = [
        candidate("a", cost_nanos=1e24, latency_ms=8.64e7, alpha=1e12, beta=1.0),
        candidate("b", cost_nanos=0.0, latency_ms=0.0, alpha=1.0, beta=1e12),
        candidate("c", cost_nanos=1e-300, latency_ms=1e-300, in_flight=15),
    ]
    weights = {"cost": 1e12, "latency": 5e-324, "quality": 1e-300, "load": 0, "priority": 1e12}
    found = router().explain(wanted(strategy=strategy, weights=weights), agents)
    text = msgspec.json.encode([(each.score, each.parts) for each in found.judged])
    assert b"null" not in text


def test_criteria_that_ask_for_nothing_are_the_default() -> None:
    assert wanted().criteria == Criteria()
