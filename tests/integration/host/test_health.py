"""Health checks of real guests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from guests import guest
from guests.lives import version
from moods import Clock, rounds_of
from packages import package
from wardian import Settings, open_host
from wardian.events import Event
from wardian.plugins.text import is_plain
from wardian.runtime.host import PluginHost, PluginView
from wardian.runtime.rounds import Rounds

pytestmark = pytest.mark.anyio

MANIFEST = """
[health_check]
interval_seconds = 10
timeout_seconds = 0.2
{more}

[[permissions]]
permission = "kv:read"
reason = "Counts."

[[permissions]]
permission = "kv:write"
reason = "Counts."

[default_config]
mood = "{mood}"
"""


def moody(name: str = "moody", mood: str = "healthy", more: str = "") -> bytes:
    return package(name, guest("moods"), MANIFEST.format(mood=mood, more=more))


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[PluginHost]:
    settings = Settings(data_dir=tmp_path / "data", workers_max=2, health_checks=False)
    async with open_host(settings) as opened:
        yield opened


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def rounds(host: PluginHost, clock: Clock) -> Rounds:
    return rounds_of(host._parts, clock)


async def after(seconds: float, rounds: Rounds, clock: Clock, host: PluginHost) -> PluginView:
    clock.goes_on(seconds)
    await rounds.run_due()
    return await host.plugin("moody")


async def states_told(host: PluginHost) -> list[tuple[str, str]]:
    found = await host.events.recent(50, "plugin.*", tenant="default")
    told = [(event.topic, json.loads(event.data)) for event in reversed(found)]
    return [(topic, data["reason"]) for topic, data in told if "cause" in data]


async def test_three_failures_in_a_row_degrade_and_one_good_answer_makes_active(
    host: PluginHost, rounds: Rounds, clock: Clock
) -> None:
    await host.install(moody(mood="kept"), grants="all")

    seen = [await after(seconds, rounds, clock, host) for seconds in (0, 10, 10, 20)]

    assert [(view.state, view.health.status, view.health.failures) for view in seen] == [
        ("active", "unhealthy", 1),
        ("active", "unhealthy", 2),
        ("degraded", "unhealthy", 3),
        ("active", "healthy", 0),
    ]
    failed = "its health check failed 3 times in a row; the last: the disk is full"
    recovered = "its health check answers healthy again"
    assert (seen[2].state_reason, seen[3].state_reason) == (failed, recovered)
    assert await states_told(host) == [("plugin.degraded", failed), ("plugin.active", recovered)]
    assert seen[3].health.last_check == clock.now
    assert seen[3].statistics.total_requests == 0


async def test_a_degraded_plugin_takes_calls(
    host: PluginHost, rounds: Rounds, clock: Clock
) -> None:
    await host.install(moody(mood="degraded"))

    view = await after(0, rounds, clock, host)

    assert (view.state, view.health.status, view.health.failures) == ("degraded", "degraded", 0)
    assert view.state_reason == "its health check answered degraded: the disk is full"
    assert (await host.call("moody", "fine", {})).result == 42


@pytest.mark.parametrize(
    ("mood", "text"),
    [
        ("unhealthy", "the disk is full"),
        ("err", "its health answered an error: the disk is full"),
        ("traps", "unreachable"),
        ("spins", "deadline of 0.2 s"),
        ("megabytes", "limit of 65536"),
    ],
)
async def test_whatever_goes_wrong_in_a_check_is_a_failed_check(
    host: PluginHost, rounds: Rounds, clock: Clock, mood: str, text: str
) -> None:
    await host.install(moody(mood=mood, more="failure_threshold = 1"))

    view = await after(0, rounds, clock, host)

    assert (view.state, view.health.status, view.health.failures) == ("degraded", "unhealthy", 1)
    assert text in view.health.detail
    assert view.state_reason == f"its health check failed: {view.health.detail}"
    assert view.statistics.total_requests == 0


@pytest.mark.parametrize("mood", ["coloured", "long"])
async def test_what_a_plugin_says_of_itself_is_bounded_and_prints(
    host: PluginHost, rounds: Rounds, clock: Clock, mood: str
) -> None:
    await host.install(moody(mood=mood))

    view = await after(0, rounds, clock, host)

    assert view.state == "degraded"
    for text in (view.health.detail, view.state_reason):
        assert text.isprintable()
        assert is_plain(text)
        assert len(text) < 400
    if mood == "coloured":
        assert view.health.detail == r"\x1b[31mred\u202etxt\n"


async def test_a_plugin_that_stays_unwell_is_quarantined_if_it_wants_to_and_starts_over(
    host: PluginHost, rounds: Rounds, clock: Clock
) -> None:
    await host.install(moody(mood="unhealthy", more="quarantine_after = 2"))

    states = [
        (await after(seconds, rounds, clock, host)).state for seconds in (0, 10, 10, 20, 40, 600)
    ]

    assert states == ["active", "active", "degraded", "degraded", "quarantined", "quarantined"]
    view = await host.plugin("moody")
    reason = "its health check failed 5 times in a row; the last: the disk is full"
    assert view.state_reason == reason

    await host.disable("moody")
    again = await host.enable("moody")
    assert (again.state, again.health.status, again.health.failures) == ("active", "unknown", 0)
    assert again.health.last_check is None
    view = await after(0, rounds, clock, host)
    assert (view.state, view.health.failures) == ("active", 1)


async def test_a_changed_configuration_makes_it_well_at_once_when_somebody_asks(
    host: PluginHost,
) -> None:
    await host.install(moody(mood="degraded"))
    first = await host.check_health("moody")
    await host.set_config("moody", {"mood": "healthy"})

    second = await host.check_health("moody")

    assert (first.status, first.state) == ("degraded", "degraded")
    assert (second.status, second.state) == ("healthy", "active")


async def test_a_spinning_check_keeps_no_caller_from_a_worker(host: PluginHost) -> None:
    await host.install(moody(mood="spins"))
    await host.install(moody("beside"))
    checking = asyncio.create_task(host.check_health("moody"))
    while not host._parts.calls._running:
        await asyncio.sleep(0)

    assert (await host.call("beside", "fine", {})).result == 42

    assert not checking.done()
    assert (await checking).status == "unhealthy"


async def test_a_host_checks_by_itself_what_becomes_active(tmp_path: Path) -> None:
    heard = asyncio.Event()

    def hear(event: Event) -> None:
        heard.set()

    settings = Settings(data_dir=tmp_path / "data", workers_max=2)
    async with open_host(settings) as host:
        host.events.subscribe("plugin.degraded", hear)
        await host.install(moody(mood="degraded"))
        async with asyncio.timeout(30):
            await heard.wait()
        rendered = (await host.metrics()).decode()

    of = 'plugin="moody",'
    assert f'wardian_plugin_state{{{of}state="degraded",tenant="default"}} 1.0' in rendered
    assert f'wardian_plugin_health{{{of}status="degraded",tenant="default"}} 1.0' in rendered


async def test_a_host_that_ends_in_the_middle_of_a_check_leaves_nothing_behind(
    tmp_path: Path,
) -> None:
    settings = Settings(data_dir=tmp_path / "data", workers_max=2)
    async with open_host(settings) as host:
        more = "failure_threshold = 1"
        manifest = MANIFEST.format(mood="spins", more=more).replace("0.2", "60")
        await host.install(package("moody", guest("moods"), manifest))
        while not host._parts.calls._running:
            await asyncio.sleep(0)

    async with open_host(settings) as host:
        view = await host.plugin("moody")
    assert (view.state, view.health.status, view.health.failures) == ("active", "unknown", 0)


async def test_an_upgrade_forgets_what_was_wrong_and_keeps_what_calls_add_up_to(
    host: PluginHost,
) -> None:
    strict = "[health_check]\nfailure_threshold = 1"
    await host.install(version(1, health="unhealthy", more=strict, name="moody"))
    await host.call("moody", "version", {})
    assert (await host.check_health("moody")).state == "degraded"

    view = (await host.upgrade(version(2, health="healthy", more=strict, name="moody"))).plugin

    assert (view.version, view.state, view.state_reason) == ("2.0.0", "active", "upgrade to 2.0.0")
    assert (view.health.status, view.health.failures) == ("unknown", 0)
    assert view.statistics.total_requests == 1
