"""Schedules of plugins on a host: what runs when, what is missed, and what operators see."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hosts import FakeHost, fake_host
from schedules import NOON, Clock, Working, hourly, scheduled, scheduling_of
from wardian.errors import (
    Conflict,
    GuestError,
    InvalidManifest,
    NotFound,
    Overloaded,
    Trap,
)
from wardian.runtime.credentials import CredentialOrder
from wardian.runtime.schedules.claims import ATTEMPTS_MAX
from wardian.runtime.schedules.scheduler import AT_ONCE_PER_TENANT
from wardian.runtime.schedules.scheduling import Scheduling
from wardian.storage.audit import AuditRepository
from wardian.storage.schedules import ScheduleRepository

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("on_both_databases")]


class Site:
    """A host whose plugins' functions do what a test says, by a clock of the test's own."""

    def __init__(self, made: FakeHost, clock: Clock, work: Working, **policy: Any) -> None:
        self.made = made
        self.host = made.host
        self.clock = clock
        self.work = work
        self.scheduling = scheduling_of(made.parts, clock, **policy)
        self.schedules = self.scheduling.schedules

    async def run_due(self) -> int:
        """Run what is due; return how often the function was called."""
        before = len(self.work.calls)
        await self.scheduling.scheduler.run_due()
        return len(self.work.calls) - before

    async def hours(self, *hours: float) -> list[int]:
        """Let so many hours go by, again and again; return how many calls there were each time."""
        found = []
        for each in hours:
            self.clock.goes_on(hours=each)
            found.append(await self.run_due())
        return found

    async def events(self, pattern: str) -> list[dict[str, Any]]:
        found = await self.host.events.recent(50, pattern, tenant="default")
        return [event.value() for event in reversed(found)]

    async def install(self, lines: str, **values: Any) -> None:
        await self.host.install(scheduled(lines, **values), grants="all")
        await self.run_due()

    async def states(self) -> list[tuple[str, str]]:
        page = await self.schedules.runs("works", "hourly")
        return [(run.cause, run.state) for run in page.runs]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def work() -> Working:
    return Working()


Open = Callable[..., Any]


@pytest.fixture
def opened(tmp_path: Path, clock: Clock, work: Working) -> Open:
    @asynccontextmanager
    async def open_site(**policy: Any) -> AsyncIterator[Site]:
        async with fake_host(tmp_path, {"run": work}) as made:
            site = Site(made, clock, work, **policy)
            await site.scheduling.scheduler.plan()
            yield site

    return open_site


@pytest.fixture
async def site(opened: Open) -> AsyncIterator[Site]:
    async with opened() as found:
        yield found


async def test_a_function_is_called_at_each_tick_with_its_arguments(site: Site) -> None:
    await site.install(hourly("arguments = { days = 1 }"))

    assert await site.hours(0.5, 0.5, 0.5, 0.5) == [0, 1, 0, 1]
    assert site.work.calls == [{"days": 1}] * 2
    (view,) = await site.schedules.all()
    assert (view.state, view.missed_ticks, view.function) == ("waiting", 0, "run")
    assert view.next_run == NOON + timedelta(hours=3)
    assert view.last_run is not None
    assert (view.last_run.tick, view.last_run.state) == (NOON + timedelta(hours=2), "done")


async def test_an_event_is_published_in_the_plugin_s_name_once_for_each_tick(site: Site) -> None:
    await site.install('name = "tells"\nevery = "1h"\ntopic = "orders.due"\ndata = { a = [1] }')

    await site.hours(1, 0.5, 0.5)

    found = await site.host.events.recent(9, "orders.*", tenant="default")
    assert [(event.source, event.value()) for event in found] == [
        ("plugin:works", {"a": [1]}),
        ("plugin:works", {"a": [1]}),
    ]
    page = await site.schedules.runs("works", "tells")
    assert {event.correlation_id for event in found} == {run.id for run in page.runs}
    assert [run.state for run in page.runs] == ["done", "done"]


async def test_an_event_that_was_not_granted_is_not_published_and_that_is_told(site: Site) -> None:
    await site.install('name = "tells"\nevery = "1h"\ntopic = "orders.due"')
    await site.host.set_grants("works", [])

    await site.hours(1)

    assert await site.events("orders.*") == []
    (failed,) = await site.events("schedule.failed")
    assert "events:publish:orders.due is refused by the grant" in failed["reason"]


@pytest.mark.parametrize(
    ("policy", "runs", "missed"), [("skip", 0, 5), ("run-once", 1, 4), ("run-all", 2, 3)]
)
@pytest.mark.parametrize("down", ["disabled", "quarantined", "host"])
async def test_what_was_missed_is_made_up_for_by_its_policy(
    opened: Open, policy: str, runs: int, missed: int, down: str
) -> None:
    async with opened(made_up_max=2) as site:
        await site.install(hourly(f'missed = "{policy}"'))
        if down == "disabled":
            await site.host.disable("works")
        elif down == "quarantined":
            plugin = await site.made.parts.registry.get("default", "works")
            await site.made.parts.lifecycle.quarantine(plugin, "for a test")
        if down != "host":
            assert await site.hours(1, 1) == [0, 0]
            (view,) = await site.schedules.all()
            assert (view.state, view.next_run) == ("off", None)
            site.clock.goes_on(hours=-2)
            if down == "quarantined":
                await site.host.disable("works")
    site.clock.goes_on(hours=5.5)

    async with opened(made_up_max=2) as site:
        if down != "host":
            await site.host.enable("works")
        assert await site.run_due() == runs

        (view,) = await site.schedules.all()
        assert view.missed_ticks == missed
        told = await site.events("schedule.missed")
        assert sum(each["missed"] for each in told) == missed
        assert {each["policy"] for each in told} == {policy}
        assert await site.states() == [("missed", "done")] * runs
        assert await site.hours(0.5) == [1]


async def test_a_plugin_that_was_never_enabled_has_missed_nothing(site: Site) -> None:
    await site.host.install(scheduled(hourly('missed = "run-all"')), enable=False)
    assert await site.hours(5) == [0]

    await site.host.enable("works")

    assert await site.hours(0.5, 0.5) == [0, 1]


async def test_two_runs_of_one_schedule_never_overlap(site: Site) -> None:
    await site.install(hourly('missed = "run-all"'))
    site.work.go.clear()
    site.clock.goes_on(hours=1)
    slow = asyncio.create_task(site.scheduling.scheduler.run_due())
    await site.work.began.wait()

    site.clock.goes_on(hours=2)
    await site.scheduling.scheduler.renew()
    other = scheduling_of(site.made.parts, site.clock)
    await other.scheduler.run_due()
    assert site.work.running == 1
    with pytest.raises(Conflict, match="is running"):
        await site.schedules.run_now("works", "hourly")

    site.work.go.set()
    await slow
    assert (len(site.work.calls), site.work.most) == (3, 1)


async def test_a_slow_plugin_takes_one_place_and_leaves_the_others_to_others(site: Site) -> None:
    two = hourly() + "\n---\n" + hourly().replace('"hourly"', '"other"')
    for number in range(AT_ONCE_PER_TENANT + 2):
        await site.install(two, name=f"works-{number}")
    site.work.go.clear()
    site.clock.goes_on(hours=1)
    running = asyncio.create_task(site.scheduling.scheduler.run_due())
    while site.work.running < AT_ONCE_PER_TENANT:
        await asyncio.sleep(0.001)

    views = await site.schedules.all()
    assert [view.state for view in views].count("running") == AT_ONCE_PER_TENANT
    assert len({view.plugin for view in views if view.state == "running"}) == AT_ONCE_PER_TENANT

    site.work.go.set()
    await running
    assert len(site.work.calls) == 2 * (AT_ONCE_PER_TENANT + 2)
    assert site.work.most == AT_ONCE_PER_TENANT


async def test_a_clock_that_is_set_back_runs_no_tick_again(site: Site) -> None:
    await site.install(hourly('missed = "run-all"'))
    assert await site.hours(1, 1) == [1, 1]

    # Two hours come again, and then there is something new.
    assert await site.hours(-2, 1, 0.9, 0.1, 1) == [0, 0, 0, 0, 1]


async def test_resumed_after_the_clock_was_set_back_no_tick_is_run_again_either(site: Site) -> None:
    await site.install(hourly())
    assert await site.hours(1, 1) == [1, 1]
    site.clock.goes_on(hours=-1.5)

    await site.schedules.set_paused("works", "hourly", True)
    await site.schedules.set_paused("works", "hourly", False)

    assert await site.hours(0.5, 1, 1) == [0, 0, 1]


FAULTS = [
    (Trap("unreachable"), "unreachable"),
    (GuestError(payload={"tag": "broken", "val": "no\nmail"}), r"no\nmail"),
]


@pytest.mark.parametrize(("fault", "said"), FAULTS)
async def test_a_run_that_fails_is_told_and_the_next_tick_comes(
    site: Site, fault: Exception, said: str
) -> None:
    await site.install(hourly())
    site.work.fails = fault

    assert await site.hours(1, 1) == [1, 1]

    failed = await site.events("schedule.failed")
    assert [(each["plugin"], each["schedule"], each["outcome"]) for each in failed] == [
        ("works", "hourly", "failed")
    ] * 2
    assert said in failed[0]["reason"]
    (run, _) = (await site.schedules.runs("works", "hourly")).runs
    assert (run.state, run.seconds, run.detail) == ("failed", 0, failed[0]["reason"])
    assert b'wardian_schedule_runs_total{outcome="failed"' in await site.host.metrics()


async def test_credentials_are_in_nothing_that_is_written_down_of_a_run(site: Site) -> None:
    token = "t0p-s3cret-t0ken-of-nobody"
    order = CredentialOrder(
        name="github", kind="bearer", fields={"token": token}, origins=["https://example.org"]
    )
    await site.host.credentials.set(order, tenant="default", actor="test")
    asks = '[[permissions]]\npermission = "credentials:use:github"\nreason = "x"\n'
    await site.install(hourly() + "\n" + asks)
    site.work.fails = GuestError(payload=f"refused {token}")

    await site.hours(1)

    (run,) = (await site.schedules.runs("works", "hourly")).runs
    assert run.state == "failed"
    assert token not in run.detail
    assert token not in str(await site.events("schedule.*"))


async def test_a_tick_that_finds_no_worker_waits_and_is_missed_if_that_takes_too_long(
    site: Site,
) -> None:
    await site.install(hourly())
    site.work.fails = Overloaded(retry_after_seconds=1)
    assert await site.hours(1) == [1]
    assert await site.states() == []

    site.clock.goes_on(seconds=6)
    site.work.fails = None
    assert await site.run_due() == 1
    assert await site.states() == [("tick", "done")]

    site.work.fails = Overloaded(retry_after_seconds=1)
    assert await site.hours(1, 0.1, 0.1) == [1, 0, 0]
    (view,) = await site.schedules.all()
    assert view.missed_ticks == 1


async def killed(site: Site) -> None:
    """Begin the run that is due, as a host does that is killed before its end."""
    async with site.made.parts.database.reading() as connection:
        rows = await ScheduleRepository(connection, "default").all()
    ((plugin_id, schedule),) = rows
    scheduler = site.scheduling.scheduler
    (row,) = [each for each in await scheduler._due() if each.schedule == schedule]
    assert row.plugin_id == plugin_id
    assert await scheduler._parts.claims.take(row) is not None


async def test_a_run_whose_host_is_killed_is_begun_anew_and_given_up_in_the_end(
    site: Site,
) -> None:
    await site.install(hourly())
    site.clock.goes_on(hours=1)
    await killed(site)
    assert await site.run_due() == 0  # until the lease has ended

    site.clock.goes_on(seconds=31)
    assert await site.run_due() == 1
    (run,) = (await site.schedules.runs("works", "hourly")).runs
    assert (run.state, run.attempt, run.cause) == ("done", 2, "tick")
    assert site.made.executor.jobs[-1].call_id

    site.clock.goes_on(hours=1)
    for _ in range(ATTEMPTS_MAX):
        await killed(site)
        site.clock.goes_on(seconds=31)
    assert await site.run_due() == 0
    (run, _) = (await site.schedules.runs("works", "hourly")).runs
    assert (run.state, run.attempt) == ("lost", ATTEMPTS_MAX)
    (told,) = await site.events("schedule.failed")
    assert told["outcome"] == "lost"
    site.clock.now = NOON + timedelta(hours=3)
    assert await site.run_due() == 1


async def test_a_run_that_was_taken_over_is_not_ended_by_the_host_that_was_slow(
    site: Site,
) -> None:
    await site.install(hourly())
    site.work.go.clear()
    site.clock.goes_on(hours=1)
    slow = asyncio.create_task(site.scheduling.scheduler.run_due())
    await site.work.began.wait()
    site.clock.goes_on(seconds=31)
    await killed(site)  # by another, which has it now

    site.work.go.set()
    await slow

    assert await site.states() == [("tick", "running")]


async def test_a_host_that_stops_gives_back_what_it_runs(site: Site) -> None:
    await site.install(hourly())
    site.work.go.clear()
    site.clock.goes_on(hours=1)
    async with site.scheduling.kept():
        await site.work.began.wait()

    site.work.go.set()
    assert await site.run_due() == 1
    (run,) = (await site.schedules.runs("works", "hourly")).runs
    assert (run.state, run.attempt) == ("done", 1)


async def race(schedulings: list[Scheduling]) -> None:
    await asyncio.gather(*(each.scheduler.run_due() for each in schedulings))


async def test_of_many_that_race_for_a_tick_one_runs_it(site: Site) -> None:
    await site.install(hourly())
    racing = [site.scheduling] + [scheduling_of(site.made.parts, site.clock) for _ in range(4)]

    for count in range(1, 6):
        site.clock.goes_on(hours=1)
        await race(racing)
        assert len(site.work.calls) == count


async def test_an_upgrade_that_changes_a_schedule_begins_it_anew_and_a_rollback_too(
    site: Site,
) -> None:
    await site.install(hourly())
    later = hourly().replace("0 * * * *", "30 * * * *")
    await site.host.upgrade(scheduled(later, version="1.1.0"))
    assert await site.run_due() == 0
    assert await site.hours(0.5, 0.5, 0.5) == [1, 0, 1]

    await site.host.rollback("works")
    assert await site.run_due() == 0
    assert await site.hours(0.5, 0.5) == [1, 0]

    await site.host.upgrade(
        scheduled('name = "new"\nevery = "1h"\nfunction = "run"', version="1.2.0")
    )
    assert await site.run_due() == 0
    assert [view.name for view in await site.schedules.all()] == ["new"]
    with pytest.raises(NotFound, match="it has: new"):
        await site.schedules.runs("works", "hourly")


async def test_an_upgrade_that_keeps_a_schedule_keeps_its_place_and_its_runs(site: Site) -> None:
    await site.install('name = "hourly"\nevery = "1h"\nfunction = "run"')
    assert await site.hours(1, 0.5) == [1, 0]

    await site.host.upgrade(
        scheduled(
            'name = "hourly"\nevery = "1h"\nfunction = "run"\nmissed = "run-once"', version="1.1.0"
        )
    )

    assert await site.hours(0.5) == [1]
    assert len(await site.states()) == 2


async def test_a_pause_outlives_versions_without_the_schedule(site: Site) -> None:
    await site.install(hourly())
    await site.schedules.set_paused("works", "hourly", True)
    await site.host.upgrade(
        scheduled('name = "new"\nevery = "1d"\nfunction = "run"', version="1.1.0")
    )
    assert await site.hours(1) == [0]

    await site.host.upgrade(scheduled(hourly(), version="1.2.0"))

    assert await site.hours(1, 1) == [0, 0]
    (view,) = await site.schedules.all()
    assert view.state == "paused"


async def test_an_uninstalled_plugin_has_no_schedule_and_no_run(site: Site) -> None:
    await site.install(hourly())
    await site.hours(1)

    await site.host.uninstall("works")

    assert await site.hours(1) == [0]
    assert await site.schedules.all() == []
    async with site.made.parts.database.reading() as connection:
        repository = ScheduleRepository(connection, "default")
        assert (await repository.all(), await repository.last_runs()) == ({}, {})
    await site.install(hourly())
    assert await site.states() == []


async def test_an_operator_pauses_resumes_and_runs_a_schedule(site: Site) -> None:
    await site.install(hourly('missed = "run-all"'))

    view = await site.schedules.set_paused("works", "hourly", True, actor="ann")
    assert (view.state, view.next_run) == ("paused", None)
    assert await site.hours(1, 1) == [0, 0]
    run = await site.schedules.run_now("works", "hourly", actor="ann")
    assert (run.state, run.cause, run.tick) == ("done", "operator", None)
    view = await site.schedules.set_paused("works", "hourly", False, actor="ann")
    await site.schedules.set_paused("works", "hourly", False, actor="ann")  # nothing to do

    # What came while it was paused is not made up for.
    assert view.next_run == NOON + timedelta(hours=3)
    assert view.missed_ticks == 0
    assert await site.hours(0.5, 0.5) == [0, 1]
    async with site.made.parts.database.reading() as connection:
        entries = await AuditRepository(connection, "default").recent(20)
    assert [(entry.actor, entry.action) for entry in entries if "schedule" in entry.action] == [
        ("ann", "plugin.schedule-resumed"),
        ("ann", "plugin.schedule-run"),
        ("ann", "plugin.schedule-paused"),
    ]


async def test_a_run_now_leaves_the_next_tick_what_it_is(site: Site) -> None:
    await site.install(hourly())
    site.clock.goes_on(hours=0.5)

    await site.schedules.run_now("works", "hourly")

    assert await site.hours(0.5) == [1]
    assert await site.states() == [("tick", "done"), ("operator", "done")]


async def test_a_run_now_that_fails_says_so_and_one_that_cannot_begin_is_refused(
    site: Site,
) -> None:
    await site.install(hourly())
    site.work.fails = Trap("unreachable")
    assert (await site.schedules.run_now("works", "hourly")).state == "failed"

    site.work.fails = Overloaded(retry_after_seconds=1)
    with pytest.raises(Overloaded):
        await site.schedules.run_now("works", "hourly")
    await site.host.disable("works")
    with pytest.raises(Conflict, match="disabled"):
        await site.schedules.run_now("works", "hourly")
    with pytest.raises(NotFound, match="it has: hourly"):
        await site.schedules.set_paused("works", "nothing", True)
    assert len(await site.states()) == 1


async def test_runs_are_listed_a_page_at_a_time_and_the_oldest_go(opened: Open) -> None:
    async with opened(runs_kept=3) as site:
        await site.install(hourly())
        await site.hours(*[1] * 5)

        page = await site.schedules.runs("works", "hourly", limit=2)
        rest = await site.schedules.runs("works", "hourly", limit=2, before=page.next)

    ticks = [run.tick for run in page.runs + rest.runs]
    assert ticks == [NOON + timedelta(hours=hours) for hours in (5, 4, 3)]
    assert rest.next is None


async def test_of_a_host_that_is_to_run_none_none_is_run(opened: Open) -> None:
    async with opened(is_on=False) as site:
        await site.host.install(scheduled(hourly()), grants="all")
        site.clock.goes_on(hours=1)
        async with site.scheduling.kept():
            assert site.work.calls == []
        assert (await site.schedules.run_now("works", "hourly")).state == "done"


async def test_another_tenant_s_schedules_are_its_own(site: Site) -> None:
    await site.host.tenants.create("acme")
    await site.host.install(scheduled(hourly()), tenant="acme")
    await site.run_due()

    assert await site.hours(1) == [1]
    assert await site.schedules.all() == []
    with pytest.raises(NotFound):
        await site.schedules.run_now("works", "hourly")
    assert len((await site.schedules.runs("works", "hourly", tenant="acme")).runs) == 1


REFUSED = [
    ('name = "a"\nevery = "1h"\nfunction = "walk"', "schedule[0].function", "no function 'walk'"),
    ('name = "a"\nevery = "1h"\ntopic = "plugin.a"', "schedule[0].topic", "host alone"),
    ('name = "a"\nevery = "1h"\ntopic = "mail.a"', "schedule[0].topic", "does not ask"),
    ('name = "a"\nevery = "30s"\nfunction = "run"', "schedule[0].every", "60 s at least"),
]


@pytest.mark.parametrize(("lines", "path", "said"), REFUSED)
async def test_a_schedule_that_cannot_be_is_refused_at_install_with_its_line(
    site: Site, lines: str, path: str, said: str
) -> None:
    with pytest.raises(InvalidManifest, match=said) as caught:
        await site.host.install(scheduled(lines))

    assert caught.value.path == path
    assert caught.value.line is not None


async def test_more_schedules_than_the_operator_allows_are_refused(site: Site) -> None:
    lines = "\n---\n".join(hourly().replace('"hourly"', f'"s{number}"') for number in range(17))

    with pytest.raises(InvalidManifest, match="WARDIAN_SCHEDULES_MAX=17"):
        await site.host.install(scheduled(lines))
