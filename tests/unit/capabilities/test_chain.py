"""Calls within calls: whose rights count, and whose budget pays."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callings import calling, refusing
from wardian.capabilities import Budget, CallContext
from wardian.policy.grants import Layer
from wardian.policy.levels import Level
from wardian.policy.limits import Limits
from wardian.policy.permissions import parse_permission

FETCH = "http:request:GET:https://api.example.org/x"


def named(name: str, call: CallContext, caller: CallContext | None = None) -> CallContext:
    call.facts = replace(call.facts, plugin=name)
    call.caller = caller
    return call


def test_a_call_may_do_what_all_that_led_to_it_may_do() -> None:
    first = named("first", calling("kv:read", "kv:write"))
    second = named("second", calling("kv:read", "kv:write", FETCH), first)
    third = named("third", calling("kv:read", FETCH), second)

    third.require("kv:read")
    with refusing("denied", r"kv:write is refused by the manifest.* third that lacks it"):
        third.require("kv:write")
    with refusing("denied", r"It is first that lacks it, in the chain first → second → third"):
        third.require(FETCH)


def test_a_denial_names_the_layer_that_refused_in_the_chain() -> None:
    low = named("low", calling(FETCH, "kv:read", "kv:write", level=Level.ISOLATED))
    high = named("high", calling(FETCH, "kv:read", "kv:write", level=Level.TRUSTED), low)
    low.authority = replace(
        low.authority,
        granted=(parse_permission("kv:write"), parse_permission(FETCH)),
        excluded=(parse_permission("kv:write"),),
    )

    for permission, layer in ((FETCH, "level"), ("kv:read", "grant"), ("kv:write", "operator")):
        with refusing("denied", f"refused by the {layer}.* low that lacks it"):
            high.require(permission)


def test_who_was_called_by_no_other_hears_nothing_of_chains() -> None:
    with refusing("denied", r"does not ask for it\.$"):
        calling().require("kv:read")


def test_a_grant_revoked_from_the_first_is_felt_by_the_last() -> None:
    first = named("first", calling("kv:read"))
    last = named("last", calling("kv:read"), named("middle", calling("kv:read"), first))
    last.require("kv:read")

    first.authority = replace(first.authority, granted=())

    with refusing("denied", "first that lacks it"):
        last.require("kv:read")


def test_each_monitored_plugin_of_a_chain_is_told_what_is_needed_of_it() -> None:
    told: list[tuple[str, str, Layer | None]] = []
    first = named("first", calling("kv:read"))
    last = named("last", calling("kv:read", "kv:write"), first)
    first.observer = lambda wanted, layer, _: told.append(("first", str(wanted), layer))
    last.observer = lambda wanted, layer, _: told.append(("last", str(wanted), layer))

    last.require("kv:read")
    with refusing("denied"):
        last.require("kv:write")
    with refusing("denied"):
        last.require("events:publish:x")

    assert told == [
        ("last", "kv:read", None),
        ("first", "kv:read", None),
        ("last", "kv:write", None),
        ("first", "kv:write", Layer.MANIFEST),
        ("last", "events:publish:x", Layer.MANIFEST),
    ]


def test_what_a_call_spends_every_budget_that_it_is_within_has_spent() -> None:
    outer = Budget(Limits(events=3))
    inner = Budget(Limits(events=50), within=outer)
    innermost = Budget(Limits(events=2), within=inner)

    innermost.spend("events")
    inner.spend("events")

    assert [budget.usage.events for budget in (outer, inner, innermost)] == [2, 2, 1]
    assert [budget.left("events") for budget in (outer, inner, innermost)] == [1, 1, 1]
    innermost.spend("events")
    with refusing("exhausted", "limit of 2 events is used up"):
        innermost.spend("events")
    with refusing("exhausted", "limit of 3 events, which it shares"):
        inner.spend("events")
    assert outer.usage.events == 3


def test_a_refused_unit_is_taken_from_nobody() -> None:
    outer = Budget(Limits(http_requests=0))
    inner = Budget(Limits(http_requests=5), within=outer)

    with refusing("exhausted"):
        inner.spend("http_requests")

    assert inner.usage.http_requests == outer.usage.http_requests == 0
    assert inner.is_starved()
    assert not Budget(Limits()).is_starved()


@pytest.mark.parametrize("what", ["host_calls", "http_requests", "events", "log_lines"])
def test_a_budget_within_another_has_no_more_left_than_that(what: str) -> None:
    outer = Budget(Limits(**{what: 1}))  # type: ignore[arg-type]
    inner = Budget(Limits(), within=outer)

    assert inner.left(what) == 1  # type: ignore[arg-type]


def test_the_deadline_of_the_first_is_the_last_ones_too() -> None:
    now = 100.0
    outer = Budget(Limits(wall_seconds=2.0), clock=lambda: now)
    now = 101.5
    inner = Budget(Limits(wall_seconds=60.0), within=outer, clock=lambda: now)

    assert inner.wall_left_ms() == 500
    now = 103.0
    assert inner.wall_left_ms() == 0
    with refusing("exhausted", "too little"):
        inner.limits_within(Limits(), exact=False)
