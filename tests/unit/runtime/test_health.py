"""Health checks: when they run, how many, and what they leave."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hosts import FakeHost, fake_host, package
from moods import HEALTH, Clock, checks_of, rounds_of
from wardian.errors import (
    Conflict,
    GuestError,
    NotFound,
    Overloaded,
    Trap,
    WardianError,
    WorkerLost,
)
from wardian.runtime.conditions import Condition, Status
from wardian.runtime.health import Health
from wardian.runtime.rounds import CHECKS_AT_ONCE
from wardian.storage.audit import AuditRepository

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("on_both_databases")]

HEALTHY = {"tag": "healthy", "val": None}
UNHEALTHY = {"tag": "unhealthy", "val": "tired"}


class Feeling:
    """A ``health`` that answers what it is told to, and counts how often it was asked."""

    def __init__(self) -> None:
        self.answer: Any = HEALTHY
        self.asked = 0
        self.running = 0
        self.most = 0
        self.go = asyncio.Event()
        self.go.set()
        self.started = asyncio.Event()

    async def __call__(self, arguments: Mapping[str, Any], answer: Any) -> Any:
        self.asked += 1
        self.running += 1
        self.most = max(self.most, self.running)
        self.started.set()
        try:
            await self.go.wait()
        finally:
            self.running -= 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def feeling() -> Feeling:
    return Feeling()


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def topics(made: FakeHost) -> list[str]:
    return [
        event.topic
        for event in reversed(await made.host.events.recent(50, "plugin.*", tenant="default"))
    ]


async def nothing(arguments: Mapping[str, Any], answer: Any) -> None:
    return None


def opened(folder: Path, feeling: Feeling) -> Any:
    return fake_host(folder, {HEALTH: feeling, "run": nothing})


async def test_a_plugin_is_checked_at_once_and_then_at_its_intervals(
    tmp_path: Path, feeling: Feeling, clock: Clock
) -> None:
    async with opened(tmp_path, feeling) as made:
        rounds = rounds_of(made.parts, clock, interval_seconds=30)
        await made.host.install(package("default"))
        await made.host.install(package("often", more="[health_check]\ninterval_seconds = 10"))

        asked = []
        for seconds in (0, 9, 1, 10, 9, 1):
            clock.goes_on(seconds)
            await rounds.run_due()
            asked.append(feeling.asked)

    assert asked == [2, 2, 3, 4, 4, 6]


async def test_due_times_outlive_the_host(tmp_path: Path, feeling: Feeling, clock: Clock) -> None:
    async with opened(tmp_path, feeling) as made:
        rounds = rounds_of(made.parts, clock)
        await made.host.install(package())
        await rounds.run_due()

    async with opened(tmp_path, feeling) as made:
        rounds = rounds_of(made.parts, clock)
        await rounds.plan()
        clock.goes_on(59)
        await rounds.run_due()
        assert feeling.asked == 1

        clock.goes_on(1)
        await rounds.run_due()
        assert feeling.asked == 2


async def test_of_many_plugins_that_are_due_one_of_a_tenant_is_checked_at_a_time(
    tmp_path: Path, feeling: Feeling, clock: Clock
) -> None:
    async with opened(tmp_path, feeling) as made:
        rounds = rounds_of(made.parts, clock)
        for number in range(30):
            await made.host.install(package(f"plugin-{number}"))
        feeling.go.clear()
        checking = asyncio.create_task(rounds.run_due())
        await feeling.started.wait()

        assert (await made.host.call("plugin-1", "run", {})).result is None

        assert feeling.running == 1
        feeling.go.set()
        await checking
    assert (feeling.asked, feeling.most) == (30, 1)


async def test_tenants_are_checked_beside_each_other_a_few_at_a_time(
    tmp_path: Path, feeling: Feeling, clock: Clock
) -> None:
    async with opened(tmp_path, feeling) as made:
        rounds = rounds_of(made.parts, clock)
        for tenant in ("one", "two", "three", "four"):
            await made.host.tenants.create(tenant, actor="test")
            for number in range(3):
                await made.host.install(package(f"plugin-{number}"), tenant=tenant)
        feeling.go.clear()
        checking = asyncio.create_task(rounds.run_due())
        while feeling.running < CHECKS_AT_ONCE:
            await asyncio.sleep(0)
        feeling.go.set()
        await checking

    assert (feeling.asked, feeling.most) == (12, CHECKS_AT_ONCE)


async def test_after_failures_the_checks_come_less_and_less_often(
    tmp_path: Path, feeling: Feeling, clock: Clock
) -> None:
    async with opened(tmp_path, feeling) as made:
        rounds = rounds_of(made.parts, clock)
        await made.host.install(package())
        feeling.answer = UNHEALTHY
        gaps, last = [], clock.now
        for _ in range(150):
            before = feeling.asked
            await rounds.run_due()
            if feeling.asked != before:
                gaps.append((clock.now - last).total_seconds())
                last = clock.now
                if len(gaps) == 9:
                    feeling.answer = HEALTHY
            clock.goes_on(30)

    assert gaps[:9] == [0, 60, 60, 120, 240, 480, 600, 600, 600]
    assert gaps[9:12] == [600, 60, 60]


@pytest.mark.parametrize(
    "error",
    [Overloaded(), WorkerLost("No worker could be started."), WardianError("The disk is full.")],
)
async def test_what_the_host_could_not_ask_is_held_against_nobody(
    tmp_path: Path, feeling: Feeling, clock: Clock, error: WardianError
) -> None:
    async with opened(tmp_path, feeling) as made:
        rounds = rounds_of(made.parts, clock)
        await made.host.install(package(more="[health_check]\nfailure_threshold = 2"))
        for answer in (UNHEALTHY, error, error, error):
            feeling.answer = answer
            await rounds.run_due()
            clock.goes_on(60)
        view = await made.host.plugin("stores")
        assert (view.state, view.health.status, view.health.failures) == ("active", "unknown", 1)
        assert view.health.detail == error.message

        feeling.answer = UNHEALTHY
        await rounds.run_due()
        assert (await made.host.plugin("stores")).state == "degraded"


async def test_a_process_that_a_check_costs_is_a_failed_check(
    tmp_path: Path, feeling: Feeling, clock: Clock
) -> None:
    async with opened(tmp_path, feeling) as made:
        await made.host.install(package())
        health = checks_of(made.parts, clock)
        feeling.answer = WorkerLost("It was ended by signal 11.", by_call=True)

        condition = await health.check("default", "stores")

    assert condition == Condition(Status.UNHEALTHY, "It was ended by signal 11.")


async def test_it_takes_as_many_good_answers_as_the_manifest_says(
    tmp_path: Path, feeling: Feeling, clock: Clock
) -> None:
    lines = "[health_check]\nfailure_threshold = 1\nsuccess_threshold = 2"
    states = []
    async with opened(tmp_path, feeling) as made:
        health = checks_of(made.parts, clock)
        await made.host.install(package(more=lines))
        for answer in (UNHEALTHY, HEALTHY, UNHEALTHY, HEALTHY, HEALTHY):
            feeling.answer = answer
            await health.check("default", "stores")
            clock.goes_on(1)
            states.append((await made.host.plugin("stores")).state)

    assert states == ["degraded", "degraded", "degraded", "degraded", "active"]


async def test_a_result_that_changes_nothing_is_no_event_and_reads_nothing_anew(
    tmp_path: Path, feeling: Feeling, clock: Clock
) -> None:
    async with opened(tmp_path, feeling) as made:
        rounds = rounds_of(made.parts, clock)
        await made.host.install(package())
        before = await topics(made)
        plugin = await made.parts.registry.get("default", "stores")
        for answer in (HEALTHY, UNHEALTHY, HEALTHY):
            feeling.answer = answer
            await rounds.run_due()
            clock.goes_on(60)

        assert await topics(made) == before
        assert await made.parts.registry.get("default", "stores") is plugin


async def test_a_change_of_state_is_in_the_audit_trail_with_its_reason_and_cause(
    tmp_path: Path, feeling: Feeling, clock: Clock
) -> None:
    async with opened(tmp_path, feeling) as made:
        rounds = rounds_of(made.parts, clock)
        await made.host.install(package())
        feeling.answer = {"tag": "degraded", "val": "slow"}
        await rounds.run_due()
        async with made.parts.database.reading() as connection:
            (entry,) = await AuditRepository(connection, "default").recent(1)

    assert (entry.action, entry.actor, entry.subject) == ("plugin.degraded", "host", "stores")
    assert entry.detail == {
        "from": "active",
        "reason": "its health check answered degraded: slow",
        "version": "1.0.0",
        "cause": "health",
    }


@pytest.mark.parametrize("verb", ["disable", "uninstall"])
async def test_a_plugin_that_goes_while_it_is_checked_is_left_as_it_is(
    tmp_path: Path, feeling: Feeling, clock: Clock, verb: str
) -> None:
    async with opened(tmp_path, feeling) as made:
        rounds = rounds_of(made.parts, clock)
        await made.host.install(package(more="[health_check]\nfailure_threshold = 1"))
        feeling.answer = UNHEALTHY
        feeling.go.clear()
        checking = asyncio.create_task(rounds.run_due())
        await feeling.started.wait()
        await getattr(made.host, verb)("stores")
        before = await topics(made)
        feeling.go.set()
        await checking

        assert await topics(made) == before
        if verb == "disable":
            view = await made.host.plugin("stores")
            assert (view.state, view.health.status) == ("disabled", "unknown")
        else:
            assert await made.host.plugins() == []
        clock.goes_on(3600)
        await rounds.run_due()
        assert feeling.asked == 1


async def test_what_the_old_installation_said_is_not_the_new_one_s_fault(
    tmp_path: Path, feeling: Feeling, clock: Clock
) -> None:
    async with opened(tmp_path, feeling) as made:
        health = checks_of(made.parts, clock)
        content = package(more="[health_check]\nfailure_threshold = 1")
        await made.host.install(content)
        feeling.answer = UNHEALTHY
        feeling.go.clear()
        checking = asyncio.create_task(health.check("default", "stores"))
        await feeling.started.wait()
        await made.host.uninstall("stores")
        await made.host.install(content)
        feeling.go.set()
        await checking

        view = await made.host.plugin("stores")
        assert (view.state, view.health.status) == ("active", "unknown")


async def test_two_hosts_on_one_database_check_each_plugin_once(
    tmp_path: Path, feeling: Feeling, clock: Clock
) -> None:
    async with opened(tmp_path, feeling) as made:
        first, second = rounds_of(made.parts, clock), rounds_of(made.parts, clock)
        for number in range(5):
            await made.host.install(package(f"plugin-{number}"))
        for _ in range(3):
            await asyncio.gather(first.run_due(), second.run_due())
            clock.goes_on(60)

    assert feeling.asked == 15


async def test_an_older_check_s_late_answer_does_not_replace_a_newer_one_s(
    tmp_path: Path, feeling: Feeling, clock: Clock
) -> None:
    async with opened(tmp_path, feeling) as made:
        health = checks_of(made.parts, clock)
        await made.host.install(package())
        feeling.answer = UNHEALTHY
        feeling.go.clear()
        late = asyncio.create_task(health.check("default", "stores"))
        await feeling.started.wait()
        clock.goes_on(1)
        newer = asyncio.create_task(health.check("default", "stores"))
        while feeling.running < 2:
            await asyncio.sleep(0)
        feeling.go.set()

        assert (await late).status is Status.UNHEALTHY
        assert (await newer).status is Status.UNHEALTHY
        assert (await made.host.plugin("stores")).health.failures == 1


async def test_a_plugin_whose_data_is_being_migrated_is_not_asked(
    tmp_path: Path, feeling: Feeling, clock: Clock
) -> None:
    async with opened(tmp_path, feeling) as made:
        rounds = rounds_of(made.parts, clock)
        await made.host.install(package())
        plugin = await made.parts.registry.get("default", "stores")
        with made.parts.gates.closed(plugin):
            await rounds.run_due()
            assert feeling.asked == 0

        clock.goes_on(60)
        await rounds.run_due()
        assert feeling.asked == 1


async def test_a_clock_that_was_set_back_puts_no_check_off_for_longer_than_its_interval(
    tmp_path: Path, feeling: Feeling, clock: Clock
) -> None:
    async with opened(tmp_path, feeling) as made:
        rounds = rounds_of(made.parts, clock)
        await made.host.install(package())
        await rounds.run_due()
        clock.goes_on(-86_400)
        await rounds.run_due()
        clock.goes_on(60)
        await rounds.run_due()

    assert feeling.asked == 2


async def test_a_fault_of_the_host_s_puts_one_check_off_and_none_of_the_others(
    tmp_path: Path,
    feeling: Feeling,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    begin = Health.begin

    async def broken(self: Health, plugin: Any, before: Any) -> Any:
        if plugin.name == "unlucky":
            raise WardianError("The disk is full.")
        return await begin(self, plugin, before)

    monkeypatch.setattr(Health, "begin", broken)
    async with opened(tmp_path, feeling) as made:
        rounds = rounds_of(made.parts, clock)
        for name in ("before", "unlucky", "zuletzt"):
            await made.host.install(package(name))
        await rounds.run_due()
        assert feeling.asked == 2
        assert "unlucky of default could not be checked" in caplog.text

        monkeypatch.undo()
        clock.goes_on(59)
        await rounds.run_due()
        assert feeling.asked == 2
        clock.goes_on(1)
        await rounds.run_due()
        assert feeling.asked == 5


async def test_without_a_schedule_a_plugin_is_checked_on_request_only(
    tmp_path: Path, feeling: Feeling
) -> None:
    async with fake_host(tmp_path, {HEALTH: feeling}, health_checks=False) as made:
        await made.host.install(package())
        async with made.parts.rounds.kept():
            await made.parts.rounds.run_due()
            assert feeling.asked == 0

            assert (await made.host.check_health("stores")).status == "healthy"


async def test_the_schedule_goes_by_itself_while_it_is_kept(
    tmp_path: Path, feeling: Feeling
) -> None:
    async with opened(tmp_path, feeling) as made:
        await made.host.install(package("first"))
        async with made.parts.rounds.kept():
            await feeling.started.wait()
            feeling.started.clear()
            await made.host.install(package("second"))
            await feeling.started.wait()

    assert feeling.asked == 2


async def test_what_cannot_be_checked_says_why(tmp_path: Path, feeling: Feeling) -> None:
    async with opened(tmp_path, feeling) as made:
        await made.host.install(package(), enable=False)
        with pytest.raises(Conflict, match="stores is installed: enable it first"):
            await made.host.check_health("stores")
        with pytest.raises(NotFound, match="No plugin named 'other'"):
            await made.host.check_health("other")
    async with fake_host(tmp_path / "without") as made:
        await made.host.install(package("plain"))
        with pytest.raises(NotFound, match="plain has no health check: it exports no"):
            await made.host.check_health("plain")


async def test_a_version_that_is_not_in_use_is_probed_and_nothing_is_written(
    tmp_path: Path, feeling: Feeling
) -> None:
    async with opened(tmp_path, feeling) as made:
        await made.host.install(package(), enable=False)
        plugin = await made.parts.registry.get("default", "stores")
        feeling.answer = Trap("It trapped.")
        found = await made.parts.health.probe(plugin)
        complaint = await made.parts.health.complaint(plugin)
        view = await made.host.plugin("stores")

    assert found == Condition(Status.UNHEALTHY, "It trapped.")
    assert complaint == "It trapped."
    assert (view.health.status, view.health.last_check) == ("unknown", None)


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (HEALTHY, None),
        ({"tag": "degraded", "val": "slow"}, None),
        (UNHEALTHY, "tired"),
        ({"tag": "unhealthy", "val": ""}, "it did not say why"),
        (GuestError(payload="no"), "its health answered an error: no"),
        (Overloaded("Busy."), "Busy."),
        ("well", "its health answered what is no condition"),
        ({"tag": "degraded", "val": ["slow"]}, "its health answered what is no condition"),
    ],
)
async def test_a_version_may_take_over_if_it_works(
    tmp_path: Path, feeling: Feeling, answer: Any, complaint: str | None
) -> None:
    async with opened(tmp_path, feeling) as made:
        await made.host.install(package())
        feeling.answer = answer
        plugin = await made.parts.registry.get("default", "stores")

        assert await made.parts.health.complaint(plugin) == complaint


async def test_a_version_without_health_may_take_over(tmp_path: Path) -> None:
    async with fake_host(tmp_path) as made:
        await made.host.install(package())
        plugin = await made.parts.registry.get("default", "stores")

        assert await made.parts.health.complaint(plugin) is None
        assert await made.parts.health.probe(plugin) == Condition(Status.UNKNOWN)
