"""How much plugins may publish."""

from __future__ import annotations

from wardian.events import DropReason, PublishLimits, PublishPolicy


class Clock:
    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


def reasons(limits: PublishLimits, plugin: str, count: int, hops: int = 0) -> list[object]:
    found = [limits.refusal(plugin, hops) for _ in range(count)]
    return [None if each is None else each[0] for each in found]


def test_a_plugin_publishes_at_once_what_it_may_in_ten_seconds_and_then_at_its_rate() -> None:
    clock = Clock()
    limits = PublishLimits(PublishPolicy(per_second=2.0), clock)

    assert reasons(limits, "a", 21) == [None] * 20 + [DropReason.RATE]
    clock.at += 1.0
    assert reasons(limits, "a", 3) == [None, None, DropReason.RATE]
    clock.at += 1_000.0
    assert reasons(limits, "a", 21) == [None] * 20 + [DropReason.RATE]


def test_what_one_plugin_publishes_is_taken_from_no_other() -> None:
    limits = PublishLimits(PublishPolicy(per_second=1.0), Clock())
    reasons(limits, "a", 20)

    assert reasons(limits, "b", 10) == [None] * 10


def test_an_event_too_far_from_its_origin_is_refused_and_costs_no_rate() -> None:
    limits = PublishLimits(PublishPolicy(hops_max=3, per_second=0.1), Clock())

    assert reasons(limits, "a", 5, hops=4) == [DropReason.HOPS] * 5
    assert reasons(limits, "a", 1, hops=3) == [None]
