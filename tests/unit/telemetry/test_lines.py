"""Lines of plugins, for those who follow them."""

from __future__ import annotations

import asyncio

import pytest

from wardian.storage.rows import now
from wardian.telemetry import Line, Lines, WantedLines
from wardian.telemetry.lines import KEPT_BYTES, TENANTS_KEPT

pytestmark = pytest.mark.anyio

ALL = WantedLines(tenant="default")


def line(message: str, *, plugin: str = "counter", call_id: str = "call-1") -> Line:
    return Line(
        sequence=0,
        time=now(),
        plugin=plugin,
        call_id=call_id,
        level="info",
        message=message,
        fields={},
    )


def messages(lines: list[Line]) -> list[str]:
    return [each.message for each in lines]


async def test_a_follower_gets_the_lines_that_come_and_in_order() -> None:
    lines = Lines()
    lines.write("default", line("before"))

    with lines.followed(ALL) as follower:
        lines.write("default", line("first"))
        lines.write("default", line("second"))

        found = await follower.next()

    assert messages(found) == ["first", "second"]
    assert [each.sequence for each in found] == [2, 3]


async def test_a_follower_sleeps_until_a_line_comes_or_it_is_woken() -> None:
    lines = Lines()
    with lines.followed(ALL) as follower:
        waiting = asyncio.ensure_future(follower.next())
        await asyncio.sleep(0)
        assert not waiting.done()
        lines.write("default", line("at last"))
        assert messages(await waiting) == ["at last"]

        waiting = asyncio.ensure_future(follower.next())
        follower.wake()
        assert await waiting == []


@pytest.mark.parametrize(
    "wanted",
    [
        WantedLines(tenant="acme"),
        WantedLines(tenant="default", plugin="weather"),
        WantedLines(tenant="default", call_id="call-2"),
    ],
)
async def test_nobody_gets_lines_of_others(wanted: WantedLines) -> None:
    lines = Lines()
    with lines.followed(wanted) as follower:
        lines.write("default", line("not theirs"))
        follower.wake()
        assert await follower.next() == []
    assert lines.recent(wanted, 10) == []


async def test_a_slow_follower_misses_the_oldest_and_knows_how_many() -> None:
    lines = Lines()
    with lines.followed(ALL) as follower:
        written = 3 * KEPT_BYTES // 4096
        for number in range(written):
            lines.write("default", line(f"{number:05} " + "x" * 4096))
        found = await follower.next()

    assert len(found) + follower.dropped == written
    assert 0 < sum(len(each.message) for each in found) <= KEPT_BYTES
    assert found[-1].message.startswith(f"{written - 1:05} ")


async def test_of_more_tenants_than_are_kept_those_that_wrote_last_stay() -> None:
    lines = Lines()
    for number in range(TENANTS_KEPT + 1):
        lines.write(f"tenant-{number}", line("here"))

    assert lines.recent(WantedLines(tenant="tenant-0"), 10) == []
    assert len(lines.recent(WantedLines(tenant=f"tenant-{TENANTS_KEPT}"), 10)) == 1


async def test_the_newest_lines_are_shown_from_a_number_on() -> None:
    lines = Lines()
    for number in range(5):
        lines.write("default", line(str(number)))

    assert messages(list(lines.recent(ALL, 2))) == ["3", "4"]
    assert messages(list(lines.recent(ALL, 10, after=3))) == ["3", "4"]
