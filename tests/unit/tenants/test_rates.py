"""How many requests keys and tenants may make."""

from __future__ import annotations

import random
import time

import limits
import pytest
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from wardian.errors import InvalidArguments, RateLimited
from wardian.tenants import Bounds, Caller, RatePolicy, Rates
from wardian.tenants import rates as module
from wardian.tenants.rates import Rate, parse_rate

FAR = Rate(10**6, 60)


class Clock:
    def __init__(self) -> None:
        self.now = 600.0

    def __call__(self) -> float:
        return self.now


def caller(key: str = "k", tenant: str = "t", bounds: Bounds | None = None) -> Caller:
    return Caller(
        tenant=tenant,
        key_id=key,
        key_name=key,
        scopes=frozenset({"call"}),
        bounds=bounds or Bounds(),
    )


def taken(rates: Rates, who: Caller, times: int = 1, calls: int = 1) -> int:
    """How many of so many requests were taken."""
    count = 0
    for _ in range(times):
        try:
            rates.take(who, calls)
            count += 1
        except RateLimited:
            pass
    return count


def test_a_key_has_its_share_and_its_tenant_s_other_keys_have_theirs() -> None:
    rates = Rates(RatePolicy(key=Rate(5, 60), tenant=Rate(8, 60)), clock=Clock())

    assert taken(rates, caller("a"), 10) == 5
    assert taken(rates, caller("b"), 10) == 3
    assert taken(rates, caller("c", "elsewhere"), 10) == 5


def test_what_is_refused_to_one_key_costs_its_tenant_nothing() -> None:
    rates = Rates(RatePolicy(key=Rate(2, 60), tenant=Rate(4, 60)), clock=Clock())

    assert taken(rates, caller("a"), 1_000) == 2
    assert taken(rates, caller("b"), 2) == 2


def test_a_batch_is_so_many_calls_or_none() -> None:
    rates = Rates(RatePolicy(key=Rate(10, 60), tenant=FAR), clock=Clock())

    assert taken(rates, caller(), calls=8) == 1
    assert taken(rates, caller(), calls=3) == 0
    assert taken(rates, caller(), calls=2) == 1


def test_own_bounds_of_a_key_and_a_tenant_count_before_the_settings_and_hold_at_once() -> None:
    rates = Rates(RatePolicy(key=Rate(2, 60), tenant=Rate(100, 60)), clock=Clock())

    assert taken(rates, caller(bounds=Bounds("20/minute", None)), 30) == 20
    assert taken(rates, caller(bounds=Bounds("20/minute", "25/minute")), 30) == 0
    assert taken(rates, caller("b", bounds=Bounds("20/minute", "25/minute")), 30) == 5
    assert taken(rates, caller("b", bounds=Bounds("3/second", "1000/minute")), 30) == 3


def test_hosts_that_share_the_requests_share_the_rates() -> None:
    rates = Rates(RatePolicy(key=Rate(9, 60), tenant=FAR, hosts=4), clock=Clock())

    assert taken(rates, caller(), 30) == 2


def test_who_waits_as_long_as_it_is_told_is_taken_and_a_moment_before_is_not() -> None:
    clock = Clock()
    rates = Rates(RatePolicy(key=Rate(10, 60), tenant=FAR), clock=clock)
    random_moments = random.Random(7)

    for _ in range(300):
        calls = random_moments.randint(1, 4)
        clock.now += random_moments.random() * 20
        try:
            rates.take(caller(), calls)
        except RateLimited as error:
            seconds = error.retry_after_seconds
            assert 0 < seconds <= 120
            clock.now += seconds * 0.98
            assert taken(rates, caller(), calls=calls) == 0
            clock.now += seconds * 0.02 + 0.001
            assert taken(rates, caller(), calls=calls) == 1


def test_what_is_taken_is_what_the_library_s_own_counter_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    monkeypatch.setattr(time, "time", clock)
    monkeypatch.setattr(MemoryStorage, "_MemoryStorage__schedule_expiry", lambda self: None)
    storage = MemoryStorage()
    storage.timer.cancel()
    library = SlidingWindowCounterRateLimiter(storage)
    item = limits.parse("7/10 seconds")
    rates = Rates(RatePolicy(key=Rate(7, 10), tenant=FAR), clock=clock)
    chance = random.Random(1)

    for _ in range(3_000):
        clock.now += chance.choice([0, 0.25, 0.5, 1, 3, 25])
        calls = chance.randint(1, 3)
        assert taken(rates, caller(), calls=calls) == library.hit(item, "k", cost=calls)


def test_it_is_told_what_is_left_of_both() -> None:
    clock = Clock()
    rates = Rates(RatePolicy(key=Rate(5, 60), tenant=Rate(8, 3600)), clock=clock)
    clock.now += 10

    rates.take(caller("a"), 3)
    found = rates.take(caller("b"))

    assert found == (Rate(5, 60), 4, 51, Rate(8, 3600), 4, 2991)
    assert rates.standing(caller("b")) == found


def test_whoever_is_refused_is_counted_by_tenant_and_bound() -> None:
    seen: list[tuple[str, str]] = []
    policy = RatePolicy(key=Rate(2, 60), tenant=Rate(3, 60))
    rates = Rates(policy, clock=Clock(), refused=lambda *told: seen.append(told))

    taken(rates, caller("a"), 3)
    taken(rates, caller("b"), 2)

    assert seen == [("t", "key"), ("t", "tenant")]


def test_what_is_kept_of_keys_and_tenants_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WINDOWS_MAX", 50)
    clock = Clock()
    rates = Rates(RatePolicy(key=Rate(2, 60), tenant=FAR), clock=clock)

    for number in range(1_000):
        clock.now += 10
        rates.take(caller(f"k{number}", f"t{number}"))

    assert len(rates._accounts) <= 50
    assert len(rates._tenants) <= 60


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("600/minute", Rate(600, 60)),
        ("10 per second", Rate(10, 1)),
        ("5000/2 hours", Rate(5000, 7200)),
        ("1/day", Rate(1, 86_400)),
    ],
)
def test_rates_are_written_as_the_library_has_them(text: str, rate: Rate) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize(
    "text", ["", "many", "600", "600/fortnight", "0/minute", "-1/minute", "1/month", "9" * 70]
)
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(InvalidArguments, match="no rate"):
        parse_rate(text)
