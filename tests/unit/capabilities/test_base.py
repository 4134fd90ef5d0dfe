"""Budgets and refusals."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callings import calling, refusing
from wardian.policy.levels import Level
from wardian.policy.limits import Limits


def test_a_budget_is_spent_one_by_one_and_then_exhausted() -> None:
    budget = calling(limits=Limits(events=2)).budget

    budget.spend("events")
    budget.spend("events")

    assert budget.left("events") == 0
    with refusing("exhausted", "limit of 2 events"):
        budget.spend("events")
    assert budget.usage.events == 2


def test_what_is_left_of_the_wall_clock_never_goes_below_zero() -> None:
    times = iter([0.0, 1.5, 99.0])
    budget = calling(limits=Limits(wall_seconds=2.0), clock=lambda: next(times)).budget

    assert budget.wall_left_ms() == 500
    assert budget.wall_left_ms() == 0


@pytest.mark.parametrize(
    ("granted", "wanted", "layer"),
    [
        ((), "kv:read", "manifest"),
        (("events:publish:a.*",), "events:publish:b.c", "manifest"),
        (("http:request:GET:https://a/*",), "http:request:GET:https://a/b", "level"),
    ],
)
def test_a_denial_names_the_layer(granted: tuple[str, ...], wanted: str, layer: str) -> None:
    call = calling(*granted, level=Level.ISOLATED)

    with refusing("denied", f"refused by the {layer}"):
        call.require(wanted)


def test_a_permission_not_granted_is_denied_by_the_grant() -> None:
    call = calling("kv:read")
    call.authority = replace(call.authority, granted=())

    with refusing("denied", "refused by the grant"):
        call.require("kv:read")


@pytest.mark.parametrize("text", ["", "nonsense", "credentials:use:A B", "plugins:call:\x00"])
def test_what_is_no_permission_is_invalid(text: str) -> None:
    with refusing("invalid"):
        calling().require(text)
