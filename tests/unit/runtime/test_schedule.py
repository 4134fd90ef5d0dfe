"""Due times, and each tenant's share of the checks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from wardian.runtime.schedule import REST_RATIO, Schedule

START = datetime(2030, 1, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_what_is_due_the_longest_comes_first() -> None:
    schedule = Schedule()
    for name, due in (("c", 3), ("a", 1), ("b", 2)):
        schedule.put((name, name), at(due))

    assert schedule.take(at(0)) is None
    assert [schedule.take(at(2)) for _ in range(3)] == [("a", "a"), ("b", "b"), None]
    assert schedule.next_due(START) == at(3)


def test_a_tenant_s_plugins_are_taken_one_after_the_other() -> None:
    schedule = Schedule()
    for name in ("first", "second"):
        schedule.put(("greedy", name), at(0))
    schedule.put(("modest", "only"), at(1))

    assert schedule.take(at(1)) == ("greedy", "first")
    assert schedule.take(at(1)) == ("modest", "only")
    assert schedule.take(at(1)) is None
    assert schedule.next_due(START) is None


def test_a_tenant_rests_in_proportion_to_what_its_check_took() -> None:
    schedule = Schedule()
    for name in ("first", "second"):
        schedule.put(("greedy", name), at(0))
    taken = schedule.take(at(0))
    assert taken is not None
    schedule.done(taken, at(0), at(5))

    rested = at(5 + 5 * REST_RATIO)
    assert schedule.take(at(5)) is None
    assert schedule.next_due(at(5)) == rested
    assert schedule.take(rested) == ("greedy", "second")


def test_a_clock_that_was_set_back_makes_nobody_rest() -> None:
    schedule = Schedule()
    schedule.put(("tenant", "first"), at(0))
    taken = schedule.take(at(0))
    assert taken is not None
    schedule.done(taken, at(0), at(-100))
    schedule.put(("tenant", "first"), at(-99))

    assert schedule.take(at(-99)) == ("tenant", "first")


def test_a_plugin_has_one_due_time_and_none_once_it_is_removed() -> None:
    schedule = Schedule()
    for due in (5, 1, 3):
        schedule.put(("tenant", "name"), at(due))

    assert schedule.take(at(2)) is None
    assert schedule.next_due(START) == at(3)
    schedule.remove(("tenant", "name"))
    schedule.remove(("tenant", "name"))
    assert schedule.next_due(START) is None
    assert schedule.take(at(9)) is None


def test_outdated_due_times_take_no_room() -> None:
    schedule = Schedule()
    for number in range(10_000):
        schedule.put(("tenant", "name"), at(number))

    assert sum(len(queue.heap) for queue in schedule._tenants.values()) < 100
