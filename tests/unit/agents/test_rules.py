"""The operator's rules: what they mean, and what is refused."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from routes import Wanted, wanted
from wardian.agents.routing.rules import ASKERS_MAX, RULES_MAX, Conditions, RuleSet, parse_rules
from wardian.agents.routing.strategies import NAMES
from wardian.agents.routing.strategies.strategy import LOOK_EVERY
from wardian.errors import InvalidArguments

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def rules(**when: Any) -> RuleSet:
    return parse_rules({"rules": [{"name": "r", "strategy": "cheapest", "when": when}]})


def holds(request: Wanted, now: datetime = NOON, **when: Any) -> bool:
    strategy, rule = rules(**when).choose(request, lambda: now)
    assert (strategy, rule) in (("cheapest", "r"), ("weighted", None))
    return rule == "r"


def test_without_rules_the_default_is_weighted() -> None:
    assert parse_rules({}) == RuleSet()
    assert parse_rules({}).choose(Wanted(), lambda: NOON) == ("weighted", None)


def test_first_rule_that_holds_counts_and_then_the_default() -> None:
    found = parse_rules(
        {
            "rules": [
                {"name": "big", "strategy": "cheapest", "when": {"input_bytes": {"min": 1000}}},
                {"name": "chat", "strategy": "fastest", "when": {"capability": "chat"}},
                {"name": "rest of acme", "strategy": "thompson", "when": {"subject": "acme-*"}},
            ],
            "default": "round-robin",
        }
    )

    def chosen(**more: Any) -> tuple[str, str | None]:
        return found.choose(Wanted(**more), lambda: NOON)

    assert chosen(capability="chat", input_bytes=1000) == ("cheapest", "big")
    assert chosen(capability="chat", subject="acme-1") == ("fastest", "chat")
    assert chosen(subject="acme-1") == ("thompson", "rest of acme")
    assert chosen() == ("round-robin", None)


def test_rules_are_for_whom_they_say_however_many_ask() -> None:
    rules = parse_rules(
        {
            "rules": [
                {"name": "long", "strategy": "fastest", "when": {"subject": "*" + "9" * 150}},
                {"name": "odd", "strategy": "cheapest", "when": {"subject": ["*1", "*3"]}},
                {"name": "big", "strategy": "thompson", "when": {"input_bytes": {"min": 100}}},
            ]
        }
    )
    for number in [*range(3 * ASKERS_MAX), *range(20)]:
        chosen, _ = rules.choose(Wanted(subject=f"key:{number}", input_bytes=number), lambda: NOON)
        odd = number % 10 in (1, 3)
        assert chosen == ("cheapest" if odd else "thompson" if number >= 100 else "weighted")
    assert rules.choose(Wanted(subject="9" * 701), lambda: NOON) == ("fastest", "long")


def test_rule_without_conditions_always_holds() -> None:
    assert holds(Wanted())


def test_patterns_fit_capability_subject_and_tenant() -> None:
    request = Wanted(capability="summarize", subject="key:7", tenant="eu-1")
    assert holds(request, capability="summ*")
    assert holds(request, capability=["chat", "summarize"])
    assert not holds(request, capability="summ")
    assert holds(request, subject="key:*", tenant="eu-*")
    assert not holds(request, subject="key:*", tenant="us-*")


def test_input_is_within_its_range_with_both_ends() -> None:
    for length, expected in ((9, False), (10, True), (20, True), (21, False)):
        request = replace(Wanted(), input_bytes=length)
        assert holds(request, input_bytes={"min": 10, "max": 20}) is expected
    assert holds(Wanted(), input_bytes={"max": 100})


def test_tags_ceilings_and_hedging_of_the_request_are_seen() -> None:
    request = wanted(tags=["eu", "fast"], ceilings={"cost": 0}, hedge=True)
    assert holds(request, tags=["eu"], ceilings=["cost"], hedge=True)
    assert not holds(request, tags=["us"])
    assert not holds(request, ceilings=["cost", "latency_ms"])
    assert not holds(request, hedge=False)
    assert holds(Wanted(), hedge=False)


def test_hours_go_over_midnight_and_end_before_their_last_minute() -> None:
    def at(text: str, **hours: str) -> bool:
        now = NOON.replace(hour=int(text[:2]), minute=int(text[3:]))
        return holds(Wanted(), now, hours=hours)

    office = {"from": "09:00", "to": "17:30"}
    expected = {"08:59": False, "09:00": True, "17:29": True, "17:30": False}
    assert {text: at(text, **office) for text in expected} == expected
    night = {"from": "22:00", "to": "06:00"}
    expected = {"21:59": False, "22:00": True, "00:00": True, "05:59": True, "06:00": False}
    assert {text: at(text, **night) for text in expected} == expected


def test_share_takes_about_so_many_questions_and_always_the_same() -> None:
    requests = [Wanted(id=f"q{number}") for number in range(4_000)]
    first = [holds(each, share=0.25) for each in requests]
    assert first == [holds(each, share=0.25) for each in requests]
    assert 0.22 < sum(first) / len(first) < 0.28
    assert not any(holds(each, share=0.0) for each in requests)
    assert all(holds(each, share=1.0) for each in requests)


def test_share_by_subject_keeps_a_subject_on_one_side() -> None:
    seen = {
        subject: {
            holds(Wanted(id=f"q{number}", subject=subject), share=0.5, share_by="subject")
            for number in range(20)
        }
        for subject in (f"s{number}" for number in range(50))
    }
    assert all(len(found) == 1 for found in seen.values())
    assert set.union(*seen.values()) == {True, False}


def test_shares_of_rules_have_nothing_to_do_with_one_another() -> None:
    """Of any two or three of them, the second takes its share of what the first has left."""
    share, parts = 0.25, [0.25, 0.1875, 0.140625, 0.421875]
    names = ["a", "b", "r1", "r2", "r10", "long" * 20]
    for three in combinations(names, 3):
        rules = [{"name": name, "strategy": "cheapest", "when": {"share": share}} for name in three]
        found = parse_rules({"rules": rules})
        chosen = Counter(found.choose(Wanted(id=f"q{n}"), lambda: NOON)[1] for n in range(2_000))
        for name, part in zip([*three, None], parts, strict=True):
            assert chosen[name] / 2_000 == pytest.approx(part, abs=0.045), three


def test_hostile_names_of_who_asks_are_hashed_like_others() -> None:
    assert holds(Wanted(id="\ud800", subject="\udfff\0"), share=1.0, share_by="subject")


def one(**rule: Any) -> dict[str, Any]:
    return {"rules": [{"name": "r", "strategy": "cheapest", **rule}]}


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (None, "rules"),
        ([], "rules"),
        ({"rule": []}, "rules"),
        ({"default": "dearest"}, "default"),
        ({"rules": {}}, "rules"),
        ({"rules": [{"name": "r"}]}, "rules[0]"),
        (one(strategy="dearest"), "rules[0].strategy"),
        (one(name=""), "rules[0].name"),
        (one(name="x" * 201), "rules[0].name"),
        (one(surplus=1), "rules[0]"),
        (one(when={"capabilty": "x"}), "rules[0].when"),
        (one(when={"capability": []}), "rules[0].when.capability"),
        (one(when={"capability": "*a" * 9}), "rules[0].when.capability"),
        (one(when={"input_bytes": {"min": -1}}), "rules[0].when.input_bytes.min"),
        (one(when={"input_bytes": {"min": 2, "max": 1}}), "rules[0].when.input_bytes"),
        (one(when={"hours": {"from": "24:00", "to": "01:00"}}), "rules[0].when.hours.from"),
        (one(when={"hours": {"from": "1:00", "to": "01:00"}}), "rules[0].when.hours.from"),
        (one(when={"hours": {"from": "01:00", "to": "01:00"}}), "rules[0].when.hours"),
        (one(when={"hours": {"from": "01:00\n", "to": "02:00"}}), "rules[0].when.hours.from"),
        (one(when={"share": 1.5}), "rules[0].when.share"),
        (one(when={"share": float("nan")}), "rules[0].when.share"),
        (one(when={"share": True}), "rules[0].when.share"),
        (one(when={"ceilings": ["price"]}), "rules[0].when.ceilings[0]"),
        ({"rules": [{"name": "r", "strategy": "cheapest"}] * 2}, "rules[1].name"),
        ({"rules": [{"name": "r", "strategy": "cheapest"}] * (RULES_MAX + 1)}, "rules"),
    ],
    ids=lambda value: None if isinstance(value, str) else "rules",
)
def test_what_is_no_rule_is_refused_with_its_path(value: Any, path: str) -> None:
    with pytest.raises(InvalidArguments) as refused:
        parse_rules(value)
    assert refused.value.path == path


def test_rules_that_the_docs_show_can_be_set_and_all_that_can_be_said_is_in_the_docs() -> None:
    text = (Path(__file__).parents[3] / "docs" / "operators.md").read_text(encoding="utf-8")
    section = text.partition("## Which agent is asked")[2].partition("\n## ")[0]
    shown = parse_rules(json.loads(section.partition("```json")[2].partition("```")[0]))
    assert len(shown.rules) == 3
    assert all(f"| `{name}` |" in section for name in NAMES)
    assert all(
        f"`{name}`" in section for name in Conditions.__struct_fields__ if name != "share_by"
    )
    assert "share_by" in section
    assert f"There are {RULES_MAX} rules at most" in section
    assert f"one question in {LOOK_EVERY} " in section


def test_refusal_of_a_strategy_names_those_that_there_are() -> None:
    with pytest.raises(InvalidArguments, match=r"of default\. .* best-quality, cheapest, fastest"):
        parse_rules({"default": "dearest"})
    assert len(NAMES) == 7
