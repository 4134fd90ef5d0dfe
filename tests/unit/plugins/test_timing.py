"""When ticks are: cron and intervals, across changes of clocks, and hostile expressions."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardian.plugins.timing import EVERY_MAX, Timing, check_cron, check_every, check_timezone

BERLIN = "Europe/Berlin"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def ticks(timing: Timing, moment: datetime, count: int, anchor: datetime = LONG_AGO) -> list[str]:
    found = []
    for _ in range(count):
        following = timing.after(moment, anchor)
        assert following is not None
        assert following > moment
        found.append(following.strftime("%m-%d %H:%M"))
        moment = following
    return found


def test_a_cron_expression_is_read_in_its_time_zone() -> None:
    timing = Timing(cron="0 8 * * MON-FRI", timezone=BERLIN)

    # A Friday in winter; summer time begins on the Sunday after.
    assert ticks(timing, datetime(2027, 3, 26, 0, tzinfo=UTC), 2) == ["03-26 07:00", "03-29 06:00"]


def test_a_time_that_is_left_out_in_spring_comes_at_the_first_moment_after_it() -> None:
    timing = Timing(cron="30 2 * * *", timezone=BERLIN)

    found = ticks(timing, datetime(2027, 3, 27, 0, tzinfo=UTC), 3)

    # 02:30 of winter time, 03:00 of summer time, 02:30 of summer time.
    assert found == ["03-27 01:30", "03-28 01:00", "03-29 00:30"]


def test_a_time_that_comes_twice_in_autumn_is_one_tick() -> None:
    timing = Timing(cron="30 2 * * *", timezone=BERLIN)

    found = ticks(timing, datetime(2026, 10, 24, 12, tzinfo=UTC), 2)

    assert found == ["10-25 00:30", "10-26 01:30"]


@pytest.mark.parametrize("minute", [10, 29, 30, 31, 50])
def test_in_the_hour_s_second_time_no_tick_of_its_first_comes_again(minute: int) -> None:
    timing = Timing(cron="30 2 * * *", timezone=BERLIN)

    # 01:xx of UTC is 02:xx of the second time.
    assert ticks(timing, datetime(2026, 10, 25, 1, minute, tzinfo=UTC), 1) == ["10-26 01:30"]


def test_what_says_so_often_an_hour_goes_on_through_both_changes() -> None:
    timing = Timing(cron="*/30 * * * *", timezone=BERLIN)

    for day in (datetime(2027, 3, 28, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)):
        moment, found = day, []
        for _ in range(8):
            following = timing.after(moment, LONG_AGO)
            assert following is not None
            found.append(following - moment)
            moment = following
        assert set(found) == {timedelta(minutes=30)}


def test_two_times_in_the_hour_that_is_left_out_are_one_tick() -> None:
    timing = Timing(cron="0,30 2 * * *", timezone=BERLIN)

    found = ticks(timing, datetime(2027, 3, 27, 12, tzinfo=UTC), 3)

    assert found == ["03-28 01:00", "03-29 00:00", "03-29 00:30"]


def test_an_interval_counts_from_its_anchor_and_not_from_when_it_is_asked() -> None:
    timing = Timing(every="15m")
    anchor = datetime(2026, 1, 1, 0, 7, tzinfo=UTC)

    assert ticks(timing, anchor, 2, anchor) == ["01-01 00:22", "01-01 00:37"]
    assert ticks(timing, anchor + timedelta(minutes=20), 1, anchor) == ["01-01 00:37"]
    assert ticks(timing, anchor - timedelta(days=2), 1, anchor) == ["01-01 00:22"]


MOMENTS = st.timedeltas(timedelta(), timedelta(days=218)).map(
    lambda later: datetime(2026, 3, 28, tzinfo=UTC) + later
)
LINES = st.sampled_from(
    ["30 2 * * *", "*/20 * * * *", "0 2,3 * * *", "15 1-4 * * *", "*/7 2 * * SUN", "0 * * * *"]
)


@given(MOMENTS, MOMENTS, LINES)
def test_whoever_asks_and_whenever_the_ticks_are_the_same(
    one: datetime, other: datetime, cron: str
) -> None:
    """Hosts that look at different times agree, also in the hours in which clocks change."""
    timing = Timing(cron=cron, timezone=BERLIN)
    begin, end = sorted((one, other))
    found = timing.after(begin, LONG_AGO)
    for _ in range(300):
        assert found is not None
        if found > end:
            break
        found = timing.after(found, LONG_AGO)
    else:
        return
    assert found == timing.after(end, LONG_AGO)


@pytest.mark.parametrize(
    ("cron", "said"),
    [
        ("0 0 30 2 *", "day-of-month"),
        ("0 0 31 4,6,9,11 *", "day-of-month"),
        ("* * */20 * 1L", "never"),
        ("* * * * * *", "five fields"),
        ("@daily", "five fields"),
        ("60 * * * *", "minute"),
        ("*/0 * * * *", "minute"),
        ("* * * * 1#9", "day-of-week"),
        ("1-0 * * * *", "minute"),
        ("* * ? * *", "five fields"),
        ("\u0661 * * * *", "five fields"),
        ("0 0 L-3 * *", "day-of-month"),
        ("0 0 1L * *", "day-of-month"),
        ("99999999999999999999 * * * *", "minute"),
        ("", "five fields"),
    ],
)
def test_an_expression_that_is_none_or_never_has_a_tick_is_refused(cron: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        check_cron(cron)


@given(st.text(alphabet="0123456789*,/-#LWMON SUNJAN", max_size=128))
def test_whatever_an_expression_says_it_is_taken_or_refused(cron: str) -> None:
    try:
        check_cron(cron)
    except ValueError:
        return
    assert Timing(cron=cron).after(LONG_AGO, LONG_AGO) is not None


@pytest.mark.parametrize(
    "cron",
    ["0 0 29 2 *", "59 23 29 2 MON#5", "*/59 */23 */31 */12 */7", "0 0 LW * *", "0 9 * * 5L"],
)
def test_what_is_seldom_is_taken(cron: str) -> None:
    check_cron(cron)

    assert len(ticks(Timing(cron=cron), LONG_AGO, 3)) == 3


@pytest.mark.parametrize(
    "name",
    ["Mars/Olympus", "../../etc/passwd", "/etc/localtime", "localtime", "posixrules", "right/UTC",
     "europe/berlin", "", "UTC\0"],
)  # fmt: skip
def test_what_is_no_zone_of_the_iana_database_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="time zone"):
        check_timezone(name)


def test_a_zone_that_is_nearly_one_is_suggested() -> None:
    with pytest.raises(ValueError, match="did you mean 'Europe/Berlin'"):
        check_timezone("Europe/Berln")


def test_an_interval_is_at_most_a_year() -> None:
    check_every(f"{EVERY_MAX.days}d")

    with pytest.raises(ValueError, match="366 days"):
        check_every("9999999d")


@pytest.mark.parametrize(
    ("timing", "shortest"),
    [
        (Timing(every="30s"), 30),
        (Timing(cron="* * * * *"), 60),
        (Timing(cron="0,1 4 * * *"), 60),
        (Timing(cron="0 */6 * * *"), 6 * 3600),
        (Timing(cron="0 0 29 2 *"), 366 * 86_400),
    ],
)
def test_the_shortest_time_between_two_ticks_is_known(timing: Timing, shortest: float) -> None:
    assert timing.shortest() == timedelta(seconds=shortest)


def test_zones_are_known_without_those_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zoneinfo, "TZPATH", ())
    zoneinfo.ZoneInfo.clear_cache()
    try:
        timing = Timing(cron="0 8 * * *", timezone="Pacific/Chatham")
        assert ticks(timing, LONG_AGO, 1) == ["01-01 18:15"]
    finally:
        monkeypatch.undo()
        zoneinfo.ZoneInfo.clear_cache()


def test_a_day_that_a_zone_left_out_does_not_stop_its_ticks() -> None:
    """Samoa had no 30 December 2011."""
    timing = Timing(cron="0 12 * * *", timezone="Pacific/Apia")
    found = ticks(timing, datetime(2011, 12, 29, 0, tzinfo=UTC), 4)

    assert found == ["12-29 22:00", "12-30 10:00", "12-30 22:00", "12-31 22:00"]
