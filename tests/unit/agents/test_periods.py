"""The periods of budgets: each ends where the next one begins, at every turn of the calendar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from wardian.agents.budgets.periods import EVER, PERIODS, end_of, starts_at

TICK = timedelta(microseconds=1)

TURNS = [
    datetime(2023, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2024, 1, 1, tzinfo=UTC),
    datetime(2024, 2, 28, 23, 59, tzinfo=UTC),
    datetime(2024, 2, 29, 12, tzinfo=UTC),
    datetime(2100, 2, 28, 23, 59, tzinfo=UTC),
    *(datetime(2025, month, 28, 23, tzinfo=UTC) for month in range(1, 13)),
]


@pytest.mark.parametrize("at", TURNS, ids=str)
def test_each_moment_is_in_one_period_of_each_kind(at: datetime) -> None:
    starts = starts_at(at)
    for period in PERIODS:
        start = starts[period]
        end = end_of(period, start)
        if end is None:
            assert (period, start) == ("ever", EVER)
            continue
        assert start <= at < end
        assert starts_at(end)[period] == end
        assert starts_at(end - TICK)[period] == starts_at(start)[period] == start
        assert starts_at(start - TICK)[period] < start


def test_periods_are_of_utc_wherever_a_clock_is() -> None:
    away = timezone(timedelta(hours=14))

    assert starts_at(datetime(2024, 3, 1, 13, 59, tzinfo=away)) == starts_at(
        datetime(2024, 2, 29, 23, 59, tzinfo=UTC)
    )
    assert starts_at(datetime(2024, 3, 1, 14, 0, tzinfo=away))["month"] == datetime(
        2024, 3, 1, tzinfo=UTC
    )
