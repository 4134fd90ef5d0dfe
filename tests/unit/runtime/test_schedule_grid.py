"""Which ticks are run, made up for or missed; and when runs begin."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardian.plugins.schedules import Missed
from wardian.plugins.timing import Timing
from wardian.runtime.schedules.grid import AT_ONCE, Cause, Decision, Grid, SchedulePolicy, decide

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
POLICY = SchedulePolicy(jitter=timedelta(), made_up_max=3)


def grid(timing: Timing, **values: object) -> Grid:
    found = Grid(
        timing=timing, anchor=START, apart=timedelta(seconds=60), jitter=timedelta(), seed="a"
    )
    return replace(found, **values)  # type: ignore[arg-type]


HOURLY = grid(Timing(every="1h"))


def at(hours: float) -> datetime:
    return START + hours * HOUR


def decided(missed: Missed, hours: float, first: float = 1) -> tuple[float | None, float, int, str]:
    made = decide(HOURLY, at(first), at(hours), missed, POLICY)
    assert made.next_tick is not None
    run = None if made.run is None else (made.run - START) / HOUR
    return run, (made.next_tick - START) / HOUR, made.missed, made.cause.value


@pytest.mark.parametrize("missed", list(Missed))
def test_a_tick_that_has_just_come_is_run(missed: Missed) -> None:
    assert decided(missed, 1) == (1, 2, 0, "tick")
    assert decided(missed, 1 + 60 / 3600) == (1, 2, 0, "tick")


def test_one_that_is_late_is_missed_or_made_up_for() -> None:
    late = 1 + 61 / 3600

    assert decided(Missed.SKIP, late) == (None, 2, 1, "missed")
    assert decided(Missed.RUN_ONCE, late) == (1, 2, 0, "missed")
    assert decided(Missed.RUN_ALL, late) == (1, 2, 0, "missed")


def test_after_hours_of_silence_the_policy_says_what_is_run() -> None:
    assert decided(Missed.SKIP, 5.5) == (None, 6, 5, "missed")
    assert decided(Missed.RUN_ONCE, 5.5) == (5, 6, 4, "missed")
    # The last three, the oldest of them first; the others stay due.
    assert decided(Missed.RUN_ALL, 5.5) == (3, 4, 2, "missed")
    assert decided(Missed.RUN_ALL, 5.5, first=4) == (4, 5, 0, "missed")


def test_the_newest_is_run_as_what_it_is_where_it_has_just_come() -> None:
    assert decided(Missed.SKIP, 5) == (5, 6, 4, "tick")
    assert decided(Missed.RUN_ONCE, 5) == (5, 6, 4, "tick")
    assert decided(Missed.RUN_ALL, 5) == (3, 4, 2, "missed")
    assert decided(Missed.RUN_ALL, 5, first=5) == (5, 6, 0, "tick")


@pytest.mark.parametrize("missed", list(Missed))
def test_a_year_of_silence_is_looked_through_in_pieces(missed: Missed) -> None:
    minutely = grid(Timing(cron="* * * * *"))
    first: datetime | None = START + timedelta(minutes=1)
    now = START + timedelta(days=10, seconds=90)
    runs, skipped, looks = [], 0, 0

    while first is not None and first <= now:
        made = decide(minutely, first, now, missed, POLICY)
        assert made.next_tick is not None
        assert made.next_tick > first
        runs += [made.run] if made.run else []
        skipped += made.missed
        first, looks = made.next_tick, looks + 1

    assert len(runs) + skipped == 10 * 24 * 60 + 1
    newest = START + timedelta(days=10, minutes=1)
    expected = {Missed.SKIP: 1, Missed.RUN_ONCE: 1, Missed.RUN_ALL: 3}[missed]
    assert runs == [newest - timedelta(minutes=back) for back in reversed(range(expected))]
    assert looks <= 10 * 24 * 60 // (AT_ONCE - 3) + 2 + expected


@given(
    st.sampled_from(list(Missed)),
    st.lists(st.timedeltas(timedelta(), timedelta(hours=9)), min_size=1, max_size=20),
)
def test_no_tick_is_run_twice_and_none_is_forgotten(
    missed: Missed, silences: list[timedelta]
) -> None:
    now, first, dealt, runs = START, at(1), 0, []
    for silence in silences:
        now += silence
        while first <= now:
            made = decide(HOURLY, first, now, missed, POLICY)
            assert made.next_tick is not None
            runs += [made.run] if made.run else []
            dealt += made.missed + (made.run is not None)
            first = made.next_tick

    assert runs == sorted(set(runs))
    assert dealt == (now - START) // HOUR


def test_ticks_that_are_nearer_than_the_operator_allows_are_left_out() -> None:
    thinned = grid(Timing(cron="* * * * *"), apart=timedelta(minutes=5))
    tick, found = START, []

    for _ in range(3):
        following = thinned.following(tick)
        assert following is not None
        found.append((following - tick).total_seconds())
        tick = following

    assert found == [300, 300, 300]


def test_a_schedule_without_a_further_tick_ends() -> None:
    class Last(Timing):
        def after(self, moment: datetime, anchor: datetime) -> datetime | None:
            return None

    made = decide(grid(Last(every="1h")), at(1), at(1), Missed.SKIP, POLICY)

    assert made == Decision(run=at(1), cause=Cause.TICK, next_tick=None, missed=0)


def test_many_at_the_full_hour_begin_one_after_the_other() -> None:
    seeds = [f"default/{number}/hourly" for number in range(200)]
    most = timedelta(seconds=30)
    begins = [
        grid(Timing(cron="0 * * * *"), jitter=most, seed=seed).due_at(START) for seed in seeds
    ]

    waits = [(begin - START).total_seconds() for begin in begins]
    assert min(waits) >= 0
    assert max(waits) < 30
    crowds = [sum(second <= wait < second + 1 for wait in waits) for second in range(30)]
    assert max(crowds) < 20
    again = grid(Timing(cron="0 * * * *"), jitter=most, seed=seeds[7]).due_at(START)
    assert again == begins[7]  # on every host, and each time


def test_no_tick_waits_long_beside_the_time_to_the_next() -> None:
    jitter = timedelta(hours=1)

    for seed in map(str, range(50)):
        found = grid(Timing(cron="* * * * *"), jitter=jitter, seed=seed)
        assert found.due_at(START) - START < timedelta(seconds=15)
