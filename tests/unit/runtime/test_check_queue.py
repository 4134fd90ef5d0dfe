"""Due times, and each tenant's share of the checks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from wardian.runtime.check_queue import REST_RATIO, CheckQueue

START = datetime(2030, 1, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_what_is_due_the_longest_comes_first() -> None:
    queue = CheckQueue()
    for name, due in (("c", 3), ("a", 1), ("b", 2)):
        queue.put((name, name), at(due))

    assert queue.take(at(0)) is None
    assert [queue.take(at(2)) for _ in range(3)] == [("a", "a"), ("b", "b"), None]
    assert queue.next_due(START) == at(3)


def test_a_tenant_s_plugins_are_taken_one_after_the_other() -> None:
    queue = CheckQueue()
    for name in ("first", "second"):
        queue.put(("greedy", name), at(0))
    queue.put(("modest", "only"), at(1))

    assert queue.take(at(1)) == ("greedy", "first")
    assert queue.take(at(1)) == ("modest", "only")
    assert queue.take(at(1)) is None
    assert queue.next_due(START) is None


def test_a_tenant_rests_in_proportion_to_what_its_check_took() -> None:
    queue = CheckQueue()
    for name in ("first", "second"):
        queue.put(("greedy", name), at(0))
    taken = queue.take(at(0))
    assert taken is not None
    queue.done(taken, at(0), at(5))

    rested = at(5 + 5 * REST_RATIO)
    assert queue.take(at(5)) is None
    assert queue.next_due(at(5)) == rested
    assert queue.take(rested) == ("greedy", "second")


def test_a_clock_that_was_set_back_makes_nobody_rest() -> None:
    queue = CheckQueue()
    queue.put(("tenant", "first"), at(0))
    taken = queue.take(at(0))
    assert taken is not None
    queue.done(taken, at(0), at(-100))
    queue.put(("tenant", "first"), at(-99))

    assert queue.take(at(-99)) == ("tenant", "first")


def test_a_plugin_has_one_due_time_and_none_once_it_is_removed() -> None:
    queue = CheckQueue()
    for due in (5, 1, 3):
        queue.put(("tenant", "name"), at(due))

    assert queue.take(at(2)) is None
    assert queue.next_due(START) == at(3)
    queue.remove(("tenant", "name"))
    queue.remove(("tenant", "name"))
    assert queue.next_due(START) is None
    assert queue.take(at(9)) is None


def test_outdated_due_times_take_no_room() -> None:
    queue = CheckQueue()
    for number in range(10_000):
        queue.put(("tenant", "name"), at(number))

    assert sum(len(queue.heap) for queue in queue._tenants.values()) < 100
