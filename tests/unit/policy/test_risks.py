"""Risks: complete, and higher for whatever reaches further."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardian.policy.levels import Level
from wardian.policy.permissions import DESCRIPTIONS, Permission, parse_permission
from wardian.policy.risks import LEVEL_RISKS, RISKS, Reach, Risk, assess


def actions() -> set[str]:
    return {":".join(name.split(":")[:2]) for name in DESCRIPTIONS}


def test_every_action_has_a_risk_for_every_reach_that_it_can_have() -> None:
    takes_target = {name.count(":") > 1: set[str]() for name in DESCRIPTIONS}
    for name in DESCRIPTIONS:
        takes_target[name.count(":") > 1].add(":".join(name.split(":")[:2]))

    assert set(RISKS) == {(action, Reach.ONE) for action in takes_target[False]} | {
        (action, reach) for action in takes_target[True] for reach in Reach
    }
    assert set(LEVEL_RISKS) == set(Level)


@pytest.mark.parametrize("action", sorted(actions()))
def test_a_wider_reach_is_never_less_risky(action: str) -> None:
    ranks = [RISKS[action, reach].risk.rank for reach in Reach if (action, reach) in RISKS]

    assert ranks == sorted(ranks)


@pytest.mark.parametrize(
    ("text", "risk"),
    [
        ("kv:read", Risk.LOW),
        ("kv:write", Risk.LOW),
        ("events:publish:orders.new", Risk.LOW),
        ("events:publish:orders.*", Risk.MEDIUM),
        ("events:publish:*", Risk.HIGH),
        ("events:publish:*.new", Risk.HIGH),
        ("events:subscribe:**", Risk.HIGH),
        ("http:request:GET:https://api.example.org/status", Risk.MEDIUM),
        ("http:request:GET:https://api.example.org/*", Risk.MEDIUM),
        ("http:request:POST:https://api.example.org/hook", Risk.MEDIUM),
        ("http:request:POST:https://api.example.org/*", Risk.HIGH),
        ("http:request:*:https://api.example.org/*", Risk.HIGH),
        ("http:request:GET:http://api.example.org/status", Risk.HIGH),
        ("http:request:GET:https://*.example.org/*", Risk.HIGH),
        ("http:request:GET:https://*.org/*", Risk.CRITICAL),
        ("http:request:*:https://*", Risk.CRITICAL),
        ("credentials:use:github", Risk.HIGH),
        ("credentials:use:git*", Risk.CRITICAL),
        ("credentials:reveal:github", Risk.CRITICAL),
        ("credentials:reveal:*", Risk.CRITICAL),
        ("plugins:call:markdown", Risk.MEDIUM),
        ("plugins:call:*", Risk.HIGH),
        ("agents:ask:summarise", Risk.MEDIUM),
        ("agents:ask:*", Risk.HIGH),
    ],
)
def test_a_permission_is_as_risky_as_what_it_reaches(text: str, risk: Risk) -> None:
    found = assess(parse_permission(text))

    assert found.risk is risk
    assert found.why.endswith(".")


@given(st.sampled_from(["events:publish", "credentials:use"]), st.text("ab*", min_size=1))
def test_narrowing_a_pattern_never_raises_its_risk(action: str, target: str) -> None:
    pattern = Permission(action, target)
    narrower = Permission(action, "a" + target)
    concrete = Permission(action, target.replace("*", "b"))

    if pattern.covers(narrower):
        assert assess(narrower).risk.rank <= assess(pattern).risk.rank
    assert assess(concrete).risk.rank <= assess(pattern).risk.rank
