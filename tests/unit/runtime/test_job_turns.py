"""How the places of a host are shared by the tenants whose jobs wait."""

from __future__ import annotations

from wardian.runtime.jobs.orders import JobPolicy
from wardian.runtime.jobs.sharing import Turns


def turns(at_once: int = 4, of_each: int = 2) -> Turns:
    return Turns(JobPolicy(at_once=at_once, tenant_at_once=of_each))


def test_none_has_more_than_its_share_and_all_no_more_than_there_are() -> None:
    assert turns().shares([("a", 100)], {}) == {"a": 2}
    assert turns().shares([("a", 100), ("b", 1), ("c", 100)], {}) == {"a": 2, "b": 1, "c": 1}
    assert turns().shares([("a", 100), ("b", 100)], {"a": 2, "c": 1}) == {"b": 1}
    assert turns().shares([("a", 100)], {"b": 2, "c": 2}) == {}


def test_who_has_the_fewest_running_is_first() -> None:
    assert turns(at_once=3).shares([("a", 9), ("b", 9)], {"a": 1, "c": 1}) == {"b": 1}


def test_of_equal_ones_the_one_that_was_served_longest_ago_is_first() -> None:
    shared = turns(at_once=1)
    served = [next(iter(shared.shares([("a", 99), ("b", 99), ("c", 99)], {}))) for _ in range(6)]

    assert sorted(served[:3]) == sorted(served[3:]) == ["a", "b", "c"]
