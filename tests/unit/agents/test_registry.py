"""Which agents there are, what is set of them, and what is learned of them; on both databases."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hosts import WASM, FakeHost, fake_host
from registered import ASKED, agent_package, ask, one, registry_of
from wardian.agents.candidates import Ending, Outcome
from wardian.agents.registry.changes import AgentChange, CostChange, LimitsChange
from wardian.agents.registry.decay import WEIGHT_MAX, HalfLives
from wardian.agents.registry.merging import VERSIONS_MAX
from wardian.agents.registry.registry import GROWN_OLD_SECONDS
from wardian.agents.views import HealthView
from wardian.errors import InvalidArguments, NotFound, WardianError
from wardian.events import Event
from wardian.plugins.archive import write_archive
from wardian.storage import Connection
from wardian.storage.agents import MeasureRepository, MeasureRow

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("on_both_databases")]

AGENT = """
[agent]
priority = 60
cost = { per_call = 0.5, per_unit = 0.001, unit = "token" }
limits = { units = 500, concurrent = 4 }
"""


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.moment = 1_700_000_000.0

    def __call__(self) -> float:
        return self.moment


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[FakeHost]:
    async with fake_host(tmp_path / "host", ASKED) as opened:
        yield opened


async def rows(made: FakeHost) -> list[MeasureRow]:
    async with made.parts.database.reading() as connection:
        return await MeasureRepository(connection, "default").all()


async def test_an_agent_is_there_while_its_plugin_is_and_as_its_manifest_says(
    made: FakeHost,
) -> None:
    registry = registry_of(made)
    await registry.refresh("default")
    assert registry.of("default", "summarize") == ()

    await made.host.install(
        agent_package("lead", "2.1.0", ["summarize@1.2.0", "shorten"], more=AGENT)
    )
    found = await one(registry, "lead")

    assert (found.version, found.capability_version) == ("2.1.0", "1.2.0")
    assert (await one(registry, "lead", "shorten")).capability_version == "2.1.0"
    assert (found.priority, found.tags) == (60, {"text"})
    assert (found.cost.per_call, found.cost.per_unit) == (500_000_000, 1_000_000)
    assert (found.units_max, found.concurrent_max, found.input_bytes_max) == (500, 4, 1024 * 1024)
    assert found.is_available
    assert registry.of("other", "summarize") == ()

    await made.host.uninstall("lead")
    await registry.refresh("default")
    assert registry.of("default", "summarize") == ()


async def test_what_is_not_of_the_category_or_does_not_export_agent_is_none(
    made: FakeHost, tmp_path: Path
) -> None:
    await made.host.install(agent_package("tool", category="integration"))
    registry = registry_of(made)
    assert await registry.list("default") == []

    with pytest.raises(NotFound, match="no agent"):
        await registry.change("default", "tool", AgentChange(priority=1), "key:ops")


async def test_what_exports_no_agent_is_none_whatever_its_category(tmp_path: Path) -> None:
    async with fake_host(tmp_path / "host") as made:
        view = await made.host.install(agent_package("mute"))

        assert "does not export wardian:plugin/agent@1.0.0" in view.warnings[-1]
        assert await registry_of(made).list("default") == []


async def test_who_installs_half_an_agent_is_told_that_nobody_asks_it(made: FakeHost) -> None:
    whole = await made.host.install(agent_package("whole"))
    uncalled = await made.host.install(agent_package("tool", category="integration"))
    unable = await made.host.install(agent_package("empty", capabilities=[]))
    report = await made.host.upgrade_report(agent_package("whole", "1.1.0", []))

    assert "the category is not `ai_agent`" in uncalled.warnings[-1]
    assert "the manifest lists none" in unable.warnings[-1]
    assert "the manifest lists none" in report.warnings[-1]
    assert not [each for each in whole.warnings if "agent" in each]


async def test_candidates_and_their_tuples_are_the_same_until_something_changes(
    made: FakeHost,
) -> None:
    for name in ("lead", "rank"):
        await made.host.install(agent_package(name))
    await made.host.install(agent_package("other", capabilities=["translate"]))
    registry = registry_of(made)
    lead = await one(registry, "lead")
    summarize = registry.of("default", "summarize")
    translate = registry.of("default", "translate")

    await made.host.set_monitored("rank", True)
    await registry.refresh("default")
    assert registry.of("default", "summarize") is summarize

    await registry.change("default", "rank", AgentChange(priority=1), "key:ops")
    assert registry.of("default", "summarize") is not summarize
    assert registry.of("default", "translate") is translate
    assert await one(registry, "lead") is lead


async def test_an_agent_that_takes_no_calls_is_listed_and_says_why(made: FakeHost) -> None:
    await made.host.install(agent_package("lead"))
    registry = registry_of(made)
    await made.host.disable("lead")

    found = await one(registry, "lead")
    assert not found.is_available
    assert "disabled" in found.unavailable

    await made.host.enable("lead")
    assert (await one(registry, "lead")).is_available


async def test_an_agent_is_available_when_its_breaker_and_its_operator_say_so(
    made: FakeHost,
) -> None:
    await made.host.install(agent_package("lead"))
    registry = registry_of(made)
    found = await one(registry, "lead")

    registry.close("default", found.plugin_id, "it failed 5 times in a row")
    assert (found.is_available, found.unavailable) == (False, "it failed 5 times in a row")
    await registry.change("default", "lead", AgentChange(paused=True), "key:ops")
    found = await one(registry, "lead")
    registry.close("default", found.plugin_id, "")
    assert (found.is_available, found.unavailable) == (False, "its operator has paused it")
    await registry.change("default", "lead", AgentChange(paused=False), "key:ops")
    assert (await one(registry, "lead")).is_available


async def test_a_breaker_that_is_open_holds_when_something_is_set_of_the_agent(
    made: FakeHost,
) -> None:
    await made.host.install(agent_package("lead"))
    registry = registry_of(made)
    registry.close("default", (await one(registry, "lead")).plugin_id, "it failed")

    await registry.change("default", "lead", AgentChange(priority=3), "key:ops")

    assert (await one(registry, "lead")).unavailable == "it failed"


async def test_what_is_set_of_an_agent_holds_until_null_gives_it_back_to_the_manifest(
    made: FakeHost,
) -> None:
    await made.host.install(agent_package("lead", more=AGENT))
    registry = registry_of(made)
    told: list[Event] = []
    made.parts.events.subscribe("plugin.agent-changed", told.append)

    view = await registry.change(
        "default",
        "lead",
        AgentChange(
            priority=90,
            tags=("fast", "text"),
            cost=CostChange(per_call=2.0),
            limits=LimitsChange(concurrent=1),
            paused=True,
        ),
        "key:ops",
    )

    assert (view.priority, view.tags, view.paused) == (90, ["fast", "text"], True)
    assert (view.cost.per_call, view.cost.per_unit, view.cost.unit) == (2.0, 0.001, "token")
    assert (view.limits.units, view.limits.concurrent) == (500, 1)
    assert view.overridden == ["priority", "tags", "cost", "limits"]
    found = await one(registry, "lead")
    assert (found.priority, found.concurrent_max, found.cost.per_call) == (90, 1, 2_000_000_000)
    (event,) = told
    assert event.value()["set"]["priority"] == 90
    assert event.value()["before"] == {"paused": False}
    assert event.value()["actor"] == "key:ops"

    view = await registry.change(
        "default",
        "lead",
        AgentChange(priority=None, tags=None, cost=None, limits=None, paused=False),
        "key:ops",
    )

    assert (view.priority, view.tags, view.overridden, view.paused) == (60, ["text"], [], False)
    assert view.cost.per_call == 0.5


async def test_what_is_not_named_in_a_change_stays_and_no_change_tells_nobody(
    made: FakeHost,
) -> None:
    await made.host.install(agent_package("lead"))
    registry = registry_of(made)
    await registry.change("default", "lead", AgentChange(priority=90), "key:ops")
    told: list[Event] = []
    made.parts.events.subscribe("plugin.agent-changed", told.append)

    view = await registry.change("default", "lead", AgentChange(priority=90), "key:ops")
    assert told == []
    assert view.priority == 90

    view = await registry.change("default", "lead", AgentChange(tags=()), "key:ops")
    assert (view.priority, view.tags, view.overridden) == (90, [], ["priority", "tags"])


async def test_what_is_set_stays_with_the_agent_through_upgrades_and_restarts(
    made: FakeHost,
) -> None:
    await made.host.install(agent_package("lead"))
    await registry_of(made).change("default", "lead", AgentChange(priority=90), "key:ops")
    await made.host.upgrade(agent_package("lead", "1.1.0"))

    view = await registry_of(made).get("default", "lead")

    assert (view.version, view.priority) == ("1.1.0", 90)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (AgentChange(priority=101), "priority"),
        (AgentChange(priority=-1), "priority"),
        (AgentChange(cost=CostChange(per_call=-0.1)), "cost.per_call"),
        (AgentChange(cost=CostChange(per_unit=math.nan)), "cost.per_unit"),
        (AgentChange(cost=CostChange(per_unit=math.inf)), "cost.per_unit"),
        (AgentChange(limits=LimitsChange(units=0)), "limits.units"),
        (AgentChange(tags=("ok", "a\x1b[2Jb")), "tags[1]"),
        (AgentChange(tags=("x",) * 65), "tags"),
    ],
    ids=["priority", "below", "cost", "nan", "infinite", "units", "escape", "many"],
)
async def test_what_cannot_be_set_is_refused_with_its_path(
    made: FakeHost, change: AgentChange, path: str
) -> None:
    await made.host.install(agent_package("lead"))

    with pytest.raises(InvalidArguments) as refused:
        await registry_of(made).change("default", "lead", change, "key:ops")

    assert refused.value.path == path


async def test_agents_are_listed_by_name_and_by_what_they_offer_and_are_tagged(
    made: FakeHost,
) -> None:
    await made.host.install(agent_package("rank", capabilities=["summarize", "rank"]))
    await made.host.install(agent_package("lead"))
    registry = registry_of(made)
    await registry.change("default", "lead", AgentChange(tags=("quick",)), "key:ops")

    async def names(**by: Any) -> list[str]:
        return [each.name for each in await registry.list("default", **by)]

    assert await names() == ["lead", "rank"]
    assert await names(capability="rank") == ["rank"]
    assert await names(tag="quick") == ["lead"]
    assert await names(tag="text", capability="summarize") == ["rank"]
    assert await registry.list("other") == []
    with pytest.raises(NotFound, match="no agent 'none'"):
        await registry.get("default", "none")


async def test_a_view_has_what_was_measured_with_how_sure_that_is(made: FakeHost) -> None:
    await made.host.install(agent_package("lead", more=AGENT))
    registry = registry_of(made)
    (before,) = (await registry.get("default", "lead")).measured
    assert (before.quality, before.latency_ms, before.cost, before.success_rate) == (
        0.5,
        None,
        None,
        None,
    )
    assert before.quality_low < 0.1 < 0.9 < before.quality_high

    found = await one(registry, "lead")
    for _ in range(20):
        ask(registry, found)
        registry.score("default", found, 1.0, 1.0)

    (after,) = (await registry.get("default", "lead")).measured
    assert (after.asked, after.success_rate) == (20, 1.0)
    assert after.cost == pytest.approx(0.51)
    assert after.latency_ms == pytest.approx(100.0, rel=0.05)
    assert 0.7 < after.quality_low < after.quality < after.quality_high <= 1.0


async def test_a_view_has_the_agents_health(made: FakeHost) -> None:
    await made.host.install(agent_package("lead"))
    plugin = await made.parts.registry.get("default", "lead")
    ill = HealthView(
        state="open",
        reason="it failed",
        failures=5,
        since=None,
        open_until=None,
        last_probe_at=None,
        last_probe="",
    )

    async def health(tenant: str) -> dict[str, HealthView]:
        return {plugin.id: ill}

    assert (await registry_of(made, health=health).get("default", "lead")).health == ill
    assert (await registry_of(made).get("default", "lead")).health.state == "closed"


async def test_load_is_the_agents_whichever_capability_is_asked_for(made: FakeHost) -> None:
    await made.host.install(agent_package("lead", capabilities=["summarize", "shorten"]))
    registry = registry_of(made)
    first, second = await one(registry, "lead"), await one(registry, "lead", "shorten")

    registry.begin("default", first)
    registry.begin("default", second)
    assert (first.in_flight, second.in_flight) == (2, 2)
    assert (await registry.get("default", "lead")).in_flight == 2
    for each in (first, second):
        registry.end("default", each, Outcome(ending=Ending.CANCELLED, latency_ms=1.0))
    assert (first.in_flight, second.in_flight) == (0, 0)
    registry.end("default", first, Outcome(ending=Ending.CANCELLED, latency_ms=1.0))
    assert first.in_flight == 0


async def test_what_was_chosen_before_a_change_is_counted_and_learned_from(
    made: FakeHost,
) -> None:
    await made.host.install(agent_package("lead", more=AGENT))
    registry = registry_of(made)
    chosen = await one(registry, "lead")
    registry.begin("default", chosen)

    await registry.change("default", "lead", AgentChange(cost=CostChange(per_call=0.0)), "key:ops")
    present = await one(registry, "lead")
    assert present.in_flight == 1
    assert chosen.cost.per_call == 500_000_000
    outcome = Outcome(ending=Ending.ANSWERED, latency_ms=5.0, units=3)
    registry.end("default", chosen, outcome)

    assert (present.in_flight, present.asked) == (0, 1)


async def test_a_restart_forgets_nothing_that_was_written_down(
    made: FakeHost, clock: Clock
) -> None:
    await made.host.install(agent_package("lead"))
    registry = registry_of(made, now=clock)
    found = await one(registry, "lead")
    async with registry.kept():
        for _ in range(5):
            ask(registry, found, latency_ms=30.0)
        registry.score("default", found, 0.9, 1.0)

    anew = await one(registry_of(made, now=clock), "lead")

    assert anew is not found
    assert (anew.alpha, anew.beta) == pytest.approx((found.alpha, found.beta))
    assert anew.latency_ms == pytest.approx(found.latency_ms)
    assert anew.asked == 5


async def test_hostile_outcomes_and_scores_leave_an_agent_that_can_be_judged(
    made: FakeHost,
) -> None:
    await made.host.install(agent_package("lead", more=AGENT))
    registry = registry_of(made)
    found = await one(registry, "lead")
    numbers: list[Any] = [math.nan, math.inf, -math.inf, -1.0, 1e308]
    for number in numbers:
        ask(registry, found, latency_ms=number, units=number, confidence=number)
        registry.score("default", found, number, 1.0)
        registry.score("default", found, 0.5, number)
    await registry.sync()

    anew = await one(registry_of(made), "lead")

    for each in (found, anew):
        figures = (each.quality, each.alpha, each.beta, each.latency_ms, each.cost_nanos)
        assert all(map(math.isfinite, figures))
        assert 0.0 < each.quality < 1.0
        assert each.cost_nanos <= each.cost.of(each.units_max)
    (row,) = await rows(made)
    assert min(row.good, row.bad, row.units, row.latency_ms) >= 0.0


async def test_scores_that_are_taken_back_when_they_are_old_leave_nothing_below_nothing(
    made: FakeHost, clock: Clock
) -> None:
    await made.host.install(agent_package("lead"))
    registry = registry_of(made, now=clock, lives=HalfLives(quality=10.0, latency=10.0))
    found = await one(registry, "lead")
    for _ in range(10):
        registry.score("default", found, 1.0, 1.0)
        clock.moment += 100.0
        registry.score("default", found, 1.0, -1.0)
        await registry.sync()

    registry.score("default", found, 1.0, 1.0)

    assert found.quality == pytest.approx(2 / 3)


async def test_what_was_seen_grows_old_also_while_nobody_asks(made: FakeHost, clock: Clock) -> None:
    await made.host.install(agent_package("lead"))
    lives = HalfLives(quality=GROWN_OLD_SECONDS, latency=GROWN_OLD_SECONDS)
    registry = registry_of(made, now=clock, lives=lives)
    found = await one(registry, "lead")
    for _ in range(100):
        registry.score("default", found, 0.0, 1.0)
    assert found.quality < 0.05

    clock.moment += 20 * GROWN_OLD_SECONDS
    await registry.sync()

    assert found.quality == pytest.approx(0.5, abs=0.01)


async def test_measures_are_a_versions_own_and_a_new_one_begins_with_a_part(
    made: FakeHost, clock: Clock
) -> None:
    await made.host.install(agent_package("lead"))
    registry = registry_of(made, now=clock)
    former = await one(registry, "lead")
    for _ in range(1_000):
        registry.score("default", former, 1.0, 1.0)
    await registry.sync()

    await made.host.upgrade(agent_package("lead", "1.1.0"))
    newer = await one(registry, "lead")
    assert (newer.version, newer.asked) == ("1.1.0", 0)
    assert (newer.alpha, newer.beta) == pytest.approx((11.0, 1.0))
    for _ in range(40):
        registry.score("default", newer, 0.0, 1.0)
    await registry.sync()
    assert newer.quality < 0.25
    assert (await one(registry_of(made, now=clock), "lead")).quality == pytest.approx(newer.quality)

    await made.host.rollback("lead")
    again = await one(registry, "lead")
    assert again.alpha == pytest.approx(1.0 + WEIGHT_MAX)


async def test_what_is_seen_of_the_other_version_of_a_trial_is_its_own(
    made: FakeHost, clock: Clock
) -> None:
    await made.host.install(agent_package("lead"))
    registry = registry_of(made, now=clock)
    former = await one(registry, "lead")
    await made.host.upgrade(agent_package("lead", "1.1.0"))
    active = await one(registry, "lead")

    former.is_trial = True
    registry.know("default", former)
    ask(registry, former, ending=Ending.FAILED)

    assert former.quality < 0.5
    assert (active.quality, active.in_flight) == (0.5, 0)


async def test_of_many_versions_only_the_last_are_remembered(made: FakeHost, clock: Clock) -> None:
    await made.host.install(agent_package("lead"))
    registry = registry_of(made, now=clock)
    for number in range(1, VERSIONS_MAX + 4):
        clock.moment += 1.0
        ask(registry, await one(registry, "lead"))
        await registry.sync()
        await made.host.upgrade(agent_package("lead", f"1.{number}.0"))

    found = sorted((row.as_of, row.version) for row in await rows(made))

    last = VERSIONS_MAX + 3
    assert [version for _, version in found] == [
        f"1.{number}.0" for number in range(last - VERSIONS_MAX, last)
    ]


async def test_of_a_plugin_that_was_removed_nothing_is_written_or_kept(made: FakeHost) -> None:
    for name in ("lead", "rank"):
        await made.host.install(agent_package(name))
    registry = registry_of(made)
    lead, rank = await one(registry, "lead"), await one(registry, "rank")
    for each in (lead, rank):
        registry.begin("default", each)
    await made.host.uninstall("lead")
    for each in (lead, rank):
        registry.end("default", each, Outcome(ending=Ending.ANSWERED, latency_ms=1.0))

    await registry.sync()
    assert [row.plugin_id for row in await rows(made)] == [rank.plugin_id]

    await made.host.install(agent_package("lead"))
    assert (await one(registry, "lead")).asked == 0


async def test_what_the_database_does_not_take_is_kept_and_written_the_next_time(
    made: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    await made.host.install(agent_package("lead"))
    registry = registry_of(made)
    found = await one(registry, "lead")
    ask(registry, found)

    async def away(self: Connection) -> None:
        raise WardianError("The database is away.")

    with monkeypatch.context() as patch:
        patch.setattr(Connection, "commit", away)
        await registry.sync()
    ask(registry, found)
    assert found.asked == 2
    assert await rows(made) == []

    await registry.sync()
    await registry.sync()
    (row,) = await rows(made)
    assert (row.asked, row.answered) == (2, pytest.approx(2.0, abs=1e-3))


async def test_what_is_seen_while_it_is_written_down_is_not_lost(made: FakeHost) -> None:
    await made.host.install(agent_package("lead"))
    registry = registry_of(made)
    found = await one(registry, "lead")
    for _ in range(50):
        ask(registry, found)
        writing = asyncio.create_task(registry.sync())
        await asyncio.sleep(0)
        ask(registry, found)
        await writing
    await registry.sync()

    assert found.asked == 100
    (row,) = await rows(made)
    assert row.asked == 100


async def test_what_is_seen_is_of_each_agent_for_each_capability(
    made: FakeHost,
) -> None:
    capabilities = [f"skill-{number}" for number in range(32)]
    for number in range(10):
        await made.host.install(agent_package(f"a{number}", capabilities=capabilities))
    registry = registry_of(made)
    await registry.refresh("default")
    for capability in capabilities:
        for candidate in registry.of("default", capability):
            ask(registry, candidate)
    await registry.sync()

    assert len(await rows(made)) == 320
    assert all(len(registry.of("default", each)) == 10 for each in capabilities)


async def test_a_plugin_with_bytes_that_changed_is_read_anew(made: FakeHost) -> None:
    await made.host.install(agent_package("lead"))
    registry = registry_of(made)
    await one(registry, "lead")
    await made.host.uninstall("lead")
    manifest = b'name = "lead"\nversion = "1.0.0"\n'
    await made.host.install(write_archive({"plugin.toml": manifest, "plugin.wasm": WASM}))

    await registry.refresh("default")

    assert registry.of("default", "summarize") == ()
