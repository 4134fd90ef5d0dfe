"""What the host does around functions, over a fake executor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fakes import FakeExecutor
from hosts import FakeHost, fake_host, package
from telling import check_fields
from wardian.errors import (
    Conflict,
    DeadlineExceeded,
    GuestError,
    InvalidArguments,
    InvalidManifest,
    NotFound,
    Overloaded,
    RateLimited,
    Trap,
    WardianError,
    WorkerLost,
)
from wardian.policy.usage import Usage
from wardian.runtime.enhancements import Pauses
from wardian.runtime.executor.job import HostCalls

pytestmark = pytest.mark.anyio

Arguments = Mapping[str, Any]

CACHE = """
[[enhancements]]
function = "run"
cache = { ttl = 60 }
"""


class Plugin:
    """Functions of a plugin, with what they are to do and what they were asked."""

    def __init__(self) -> None:
        self.calls: list[Arguments] = []
        self.outcomes: list[Any] = []
        self.asks: list[tuple[str, str, list[Any]]] = []
        self.answer: Any = None
        self.going = asyncio.Event()
        self.going.set()
        self.begun = asyncio.Event()

    async def run(self, arguments: Arguments, answer: HostCalls) -> Any:
        self.calls.append(arguments)
        self.begun.set()
        for ask in self.asks:
            await answer(*ask)
        await self.going.wait()
        outcome = self.outcomes.pop(0) if self.outcomes else self.answer
        if isinstance(outcome, WardianError):
            raise outcome
        return outcome if outcome is not None else {"number": len(self.calls)}


class Imports(FakeExecutor):
    """Its components import what a test says."""

    imported: tuple[str, ...] = ()


@pytest.fixture
def plugin() -> Plugin:
    return Plugin()


@asynccontextmanager
async def opened(
    folder: Path, plugin: Plugin, more: str, *imports: str, **settings: Any
) -> AsyncIterator[FakeHost]:
    functions = {"run": plugin.run, "other": plugin.run}
    async with fake_host(folder, functions, **settings) as made:
        admit = made.executor.admit

        async def importing(component: bytes, *, wasi: bool = True) -> Any:
            found = await admit(component, wasi=wasi)
            names = [f"wardian:plugin/{name}@1.0.0" for name in imports]
            return replace_imports(found, names)

        made.executor.admit = importing  # type: ignore[method-assign]
        await made.host.install(package(more=more), grants="all")
        await made.parts.registry.get("default", "stores")  # so that no call waits for a row
        yield made


def replace_imports(found: Any, names: list[str]) -> Any:
    return type(found)(
        digest=found.digest,
        size_bytes=found.size_bytes,
        imports=names,
        exports=found.exports,
        functions=found.functions,
    )


async def call(made: FakeHost, arguments: Arguments | None = None, **options: Any) -> Any:
    return await made.host.call("stores", "run", arguments or {}, **options)


async def test_an_equal_call_has_the_answer_that_is_kept_and_says_so(
    tmp_path: Path, plugin: Plugin
) -> None:
    async with opened(tmp_path, plugin, CACHE) as made:
        first = await call(made, {"a": 1})
        second = await call(made, {"a": 1})
        other = await call(made, {"a": 2})

    assert first.result == second.result == {"number": 1}
    assert other.result == {"number": 2}
    assert first.usage.cached is False
    assert first.age_seconds is None
    assert (second.usage.cached, second.usage.fuel, second.usage.attempts) == (True, 0, 0)
    assert second.age_seconds >= 0
    assert first.call_id != second.call_id


@pytest.mark.parametrize(
    "different",
    [{"a": 1.0}, {"a": "1"}, {"a": True}, {"a": b"1"}, {"a": None}, {}, {"b": 1}, {"a": [1]}],
    ids=str,
)
async def test_arguments_of_other_types_are_other_arguments(
    tmp_path: Path, plugin: Plugin, different: Arguments
) -> None:
    async with opened(tmp_path, plugin, CACHE) as made:
        await call(made, {"a": 1})
        assert (await call(made, different)).usage.cached is False


async def test_nobody_can_change_an_answer_for_others(tmp_path: Path, plugin: Plugin) -> None:
    plugin.answer = {"list": [1]}
    async with opened(tmp_path, plugin, CACHE) as made:
        (await call(made)).result["list"].append(2)
        (await call(made)).result["list"].append(3)
        assert (await call(made)).result == {"list": [1]}


async def test_an_answer_ends_with_its_time(tmp_path: Path, plugin: Plugin) -> None:
    at = 0.0
    async with opened(tmp_path, plugin, CACHE) as made:
        made.parts.chains._parts.answers._clock = lambda: at
        await call(made)
        at = 59.9
        assert (await call(made)).age_seconds == 59.9
        at = 60.0
        assert (await call(made)).usage.cached is False


async def test_a_stampede_of_equal_calls_makes_one(tmp_path: Path, plugin: Plugin) -> None:
    plugin.going.clear()
    async with opened(tmp_path, plugin, CACHE) as made:
        waiting = [asyncio.create_task(call(made)) for _ in range(100)]
        await plugin.begun.wait()
        plugin.going.set()
        outcomes = await asyncio.gather(*waiting)

    assert len(plugin.calls) == 1
    assert [outcome.usage.cached for outcome in outcomes].count(False) == 1
    assert len({outcome.call_id for outcome in outcomes}) == 100


async def test_those_who_wait_share_an_error_that_nobody_keeps(
    tmp_path: Path, plugin: Plugin
) -> None:
    plugin.going.clear()
    plugin.outcomes = [GuestError(payload=["no"], usage=Usage(fuel=7))]
    async with opened(tmp_path, plugin, CACHE) as made:
        waiting = [asyncio.create_task(call(made)) for _ in range(10)]
        await plugin.begun.wait()
        plugin.going.set()
        errors = await asyncio.gather(*waiting, return_exceptions=True)
        after = await call(made)

    assert [error.payload for error in errors] == [["no"]] * 10
    assert sum(error.usage.fuel for error in errors) == 7
    assert len({id(error) for error in errors}) == 10
    assert after.usage.cached is False


async def test_when_the_one_that_makes_the_call_goes_away_another_makes_it(
    tmp_path: Path, plugin: Plugin
) -> None:
    plugin.going.clear()
    async with opened(tmp_path, plugin, CACHE) as made:
        first = asyncio.create_task(call(made))
        await plugin.begun.wait()
        others = [asyncio.create_task(call(made)) for _ in range(5)]
        await asyncio.sleep(0)
        plugin.begun.clear()
        first.cancel()
        await plugin.begun.wait()
        plugin.going.set()
        outcomes = await asyncio.gather(*others)

    assert first.cancelled()
    assert len(plugin.calls) == 2
    assert {outcome.result["number"] for outcome in outcomes} == {2}


async def test_who_waits_and_goes_away_leaves_the_call_to_the_others(
    tmp_path: Path, plugin: Plugin
) -> None:
    plugin.going.clear()
    async with opened(tmp_path, plugin, CACHE) as made:
        first = asyncio.create_task(call(made))
        await plugin.begun.wait()
        gone, stays = (asyncio.create_task(call(made)) for _ in range(2))
        await asyncio.sleep(0)
        gone.cancel()
        plugin.going.set()
        assert (await first).result == (await stays).result == {"number": 1}


async def test_tenants_have_answers_of_their_own(tmp_path: Path, plugin: Plugin) -> None:
    async with opened(tmp_path, plugin, CACHE) as made:
        await made.host.tenants.create("rival", actor="test")
        await made.host.install(package(more=CACHE), tenant="rival", grants="all")
        await call(made)
        rival = await call(made, tenant="rival")
        assert (rival.usage.cached, rival.result) == (False, {"number": 2})


CHANGES: dict[str, Any] = {
    "config": lambda host: host.set_config("stores", {"step": 5}),
    "revoke": lambda host: host.set_grants("stores", ["kv:read"]),
    "disable and enable": lambda host: _each(host.disable("stores"), host.enable("stores")),
    "upgrade": lambda host: host.upgrade(
        package(wasm=b"\0asm\x0d\0\x01\0new", more=CACHE), reload=True
    ),
    "uninstall and install": lambda host: _each(
        host.uninstall("stores"), host.install(package(more=CACHE), grants="all")
    ),
}


async def _each(*steps: Any) -> None:
    for step in steps:
        await step


@pytest.mark.parametrize("change", CHANGES)
async def test_no_answer_outlives_a_change_of_the_plugin(
    tmp_path: Path, plugin: Plugin, change: str
) -> None:
    async with opened(tmp_path, plugin, CACHE) as made:
        await call(made)
        await CHANGES[change](made.host)
        assert made.parts.chains._parts.answers._bytes == 0
        assert (await call(made)).usage.cached is False


async def test_grants_that_come_back_bring_no_answers_back(tmp_path: Path, plugin: Plugin) -> None:
    async with opened(tmp_path, plugin, CACHE) as made:
        await call(made)
        granted = (await made.host.grants("stores")).granted
        await made.host.set_grants("stores", [])
        await made.host.set_grants("stores", granted)
        assert (await call(made)).usage.cached is False


async def test_a_call_that_began_before_a_revoke_leaves_no_answer_after_it(
    tmp_path: Path, plugin: Plugin
) -> None:
    plugin.going.clear()
    async with opened(tmp_path, plugin, CACHE) as made:
        before = asyncio.create_task(call(made))
        await plugin.begun.wait()
        await made.host.set_grants("stores", [])
        plugin.begun.clear()
        after = asyncio.create_task(call(made))  # does not wait for the one from before
        await plugin.begun.wait()
        plugin.going.set()
        await asyncio.gather(before, after)
        assert len(plugin.calls) == 2
        assert (await call(made)).result == (await after).result


async def test_a_plugin_that_is_disabled_answers_nothing_that_is_kept(
    tmp_path: Path, plugin: Plugin
) -> None:
    async with opened(tmp_path, plugin, CACHE) as made:
        await call(made)
        await made.host.disable("stores")
        with pytest.raises(Conflict):
            await call(made)


@pytest.mark.parametrize(("imports", "shared"), [(("kv",), True), (("context",), False)])
async def test_who_calls_is_in_the_key_of_a_plugin_that_can_see_it(
    tmp_path: Path, plugin: Plugin, imports: tuple[str, ...], shared: bool
) -> None:
    async with opened(tmp_path, plugin, CACHE, *imports) as made:
        await call(made, subject="alice")
        assert (await call(made, subject="bob")).usage.cached is shared


async def test_scopes_are_in_the_key_of_a_plugin_that_calls_others(
    tmp_path: Path, plugin: Plugin
) -> None:
    async with opened(tmp_path, plugin, CACHE, "plugins") as made:
        await call(made, scopes=["call", "extra"])
        assert (await call(made, scopes=["call"])).usage.cached is False
        assert (await call(made, scopes=["extra", "call"])).usage.cached is True


async def test_lowered_limits_that_could_change_an_answer_pass_by_what_is_kept(
    tmp_path: Path, plugin: Plugin
) -> None:
    async with opened(tmp_path, plugin, CACHE) as made:
        await call(made, limits={"host_calls": 0})
        assert (await call(made)).usage.cached is False
        assert (await call(made, limits={"host_calls": 0})).usage.cached is False
        assert (await call(made, limits={"wall_seconds": 1})).usage.cached is True
        with pytest.raises(InvalidArguments):
            await call(made, limits={"wall_seconds": -1})


async def test_an_answer_that_fell_short_is_not_kept(tmp_path: Path, plugin: Plugin) -> None:
    plugin.asks = [("kv", "nothing", [])]  # which answers `unavailable`
    async with opened(tmp_path, plugin, CACHE) as made:
        await call(made)
        assert (await call(made)).usage.cached is False


async def test_what_is_too_large_is_neither_kept_nor_told_apart(
    tmp_path: Path, plugin: Plugin
) -> None:
    async with opened(tmp_path, plugin, CACHE, cache_entry_bytes_max=2000) as made:
        await call(made, {"a": "x" * 100_000})
        assert (await call(made, {"a": "x" * 100_000})).usage.cached is False
        plugin.answer = "x" * 2000
        await call(made)
        assert (await call(made)).usage.cached is False


async def test_a_flood_of_distinct_arguments_stays_within_its_bounds_and_its_tenant(
    tmp_path: Path, plugin: Plugin
) -> None:
    plugin.answer = "x" * 488  # 1,003 bytes with what an answer takes beside
    settings = {"cache_bytes_max": 20_000, "cache_tenant_bytes_max": 18_000}
    async with opened(tmp_path, plugin, CACHE, **settings) as made:
        await made.host.tenants.create("rival", actor="test")
        await made.host.install(package(more=CACHE), tenant="rival", grants="all")
        for number in range(5):
            await call(made, {"mine": number})
        for number in range(200):
            await call(made, {"flood": number}, tenant="rival")
        answers = made.parts.chains._parts.answers
        assert answers._bytes <= 20_000
        assert [(await call(made, {"mine": number})).usage.cached for number in range(5)] == [
            True
        ] * 5


async def test_a_tenant_has_no_more_answers_than_it_may(tmp_path: Path, plugin: Plugin) -> None:
    settings = {"cache_tenant_entries_max": 3}
    async with opened(tmp_path, plugin, CACHE, **settings) as made:
        for number in range(4):
            await call(made, {"a": number})
        assert (await call(made, {"a": 3})).usage.cached is True
        assert (await call(made, {"a": 0})).usage.cached is False
        assert (await made.host.enhancements.show("stores")).cache.answers == 3


async def test_an_operator_can_keep_no_answers_at_all(tmp_path: Path, plugin: Plugin) -> None:
    async with opened(tmp_path, plugin, CACHE, cache_bytes_max=0) as made:
        await call(made)
        assert (await call(made)).usage.cached is False
        assert (await made.host.enhancements.show("stores")).cache_is_on is False


async def test_an_operator_can_empty_what_is_kept(tmp_path: Path, plugin: Plugin) -> None:
    async with opened(tmp_path, plugin, CACHE) as made:
        await call(made)
        assert await made.host.enhancements.empty_cache("stores") == 1
        assert (await call(made)).usage.cached is False
        with pytest.raises(NotFound):
            await made.host.enhancements.empty_cache("nothing")


async def test_a_kept_answer_counts_as_a_call(tmp_path: Path, plugin: Plugin) -> None:
    async with opened(tmp_path, plugin, CACHE) as made:
        await call(made)
        await call(made)
        assert (await made.host.plugin("stores")).statistics.total_requests == 2


def around(**what: str) -> str:
    lines = [f"{name} = {setting}" for name, setting in what.items()]
    return "\n".join(["[[enhancements]]", 'function = "run"', *lines])


async def test_so_many_calls_of_a_tenant_pass_in_a_minute(tmp_path: Path, plugin: Plugin) -> None:
    more = around(rate_limit="{ requests_per_minute = 3 }")
    async with opened(tmp_path, plugin, more) as made:
        for _ in range(3):
            await call(made)
        with pytest.raises(RateLimited) as caught:
            await call(made)
        await made.host.call("stores", "other", {})
        await made.host.tenants.create("rival", actor="test")
        await made.host.install(package(more=more), tenant="rival")
        await call(made, tenant="rival")

    assert "run of stores may be called 3 times a minute" in caught.value.message
    assert "the rate limit that the plugin's manifest sets" in caught.value.message
    assert 1 <= caught.value.retry_after_seconds <= 120
    assert len(plugin.calls) == 5


async def test_what_is_kept_counts_for_the_rate_as_well(tmp_path: Path, plugin: Plugin) -> None:
    more = around(rate_limit="{ requests_per_minute = 2 }", cache="{ ttl = 60 }")
    async with opened(tmp_path, plugin, more) as made:
        await call(made)
        assert (await call(made)).usage.cached is True
        with pytest.raises(RateLimited):
            await call(made)


class Passing:
    """Time between attempts that passes at once."""

    def __init__(self, made: FakeHost) -> None:
        self.at = 0.0
        self.slept: list[float] = []
        chains = made.parts.chains
        pauses = Pauses(clock=lambda: self.at, sleep=self._sleep, jitter=lambda: 1.0)
        chains._parts = replace(chains._parts, pauses=pauses)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds


RETRY = around(retry='{ attempts = 3, backoff_seconds = 0.5, on = ["trap", "overloaded"] }')


async def test_a_call_is_made_again_and_tells_what_all_attempts_spent(
    tmp_path: Path, plugin: Plugin
) -> None:
    plugin.outcomes = [Trap(usage=Usage(fuel=10, memory_bytes=5)), Overloaded()]
    async with opened(tmp_path, plugin, RETRY) as made:
        time = Passing(made)
        outcome = await call(made, call_id="c1")

    assert len(plugin.calls) == 3
    assert time.slept == [0.5, 1.0]
    assert outcome.usage.attempts == 3
    assert outcome.usage.fuel == 10 + 7
    assert outcome.usage.memory_bytes == 5
    assert outcome.call_id == "c1"
    assert len({job.call_id for job in made.executor.jobs}) == 3


async def test_the_last_error_says_how_many_attempts_there_were(
    tmp_path: Path, plugin: Plugin
) -> None:
    plugin.outcomes = [Trap(usage=Usage(fuel=10)) for _ in range(5)]
    async with opened(tmp_path, plugin, RETRY) as made:
        Passing(made)
        with pytest.raises(Trap, match="It was the last of 3 attempts") as caught:
            await call(made)

    assert len(plugin.calls) == 3
    assert caught.value.usage is not None
    assert (caught.value.usage.fuel, caught.value.usage.attempts) == (30, 3)


@pytest.mark.parametrize(
    "error",
    [
        GuestError(payload="no"),
        InvalidArguments("wrong"),
        WorkerLost(),
        DeadlineExceeded(),
        Conflict("not now"),
    ],
    ids=lambda error: error.type,
)
async def test_errors_that_are_not_named_are_not_tried_again(
    tmp_path: Path, plugin: Plugin, error: WardianError
) -> None:
    plugin.outcomes = [error]
    async with opened(tmp_path, plugin, RETRY) as made:
        Passing(made)
        with pytest.raises(type(error)):
            await call(made)
    assert len(plugin.calls) == 1


EFFECTS = [
    (("kv", "set", ["a", "b", None]), True),
    (("events", "publish", ["orders.made", "{}", None]), True),
    (("kv", "get", ["a"]), False),
    (("logging", "log", ["info", "hello", []]), False),
    (("events", "publish", ["other.topic", "{}", None]), False),  # denied
]


@pytest.mark.parametrize(("ask", "has_effects"), EFFECTS, ids=str)
@pytest.mark.parametrize("idempotent", [True, False])
async def test_after_effects_only_an_idempotent_function_is_called_again(
    tmp_path: Path, plugin: Plugin, ask: Any, has_effects: bool, idempotent: bool
) -> None:
    said = f'{{ on = ["trap"], backoff_seconds = 0, idempotent = {str(idempotent).lower()} }}'
    plugin.asks = [ask]
    plugin.outcomes = [Trap()]
    async with opened(tmp_path, plugin, around(retry=said)) as made:
        Passing(made)
        if has_effects and not idempotent:
            with pytest.raises(Trap):
                await call(made)
        else:
            assert (await call(made)).usage.attempts == 2


async def test_a_host_call_that_was_cut_short_may_have_had_effects(
    tmp_path: Path, plugin: Plugin
) -> None:
    async def stuck(arguments: Arguments, answer: HostCalls) -> Any:
        plugin.calls.append(arguments)
        writing = asyncio.create_task(answer("kv", "set", ["a", "b", None]))
        await asyncio.sleep(0)
        writing.cancel()
        raise Trap

    plugin.run = stuck  # type: ignore[method-assign]
    said = '{ on = ["trap"], backoff_seconds = 0 }'
    async with opened(tmp_path, plugin, around(retry=said)) as made:
        Passing(made)
        with pytest.raises(Trap):
            await call(made)
    assert len(plugin.calls) == 1


async def test_one_budget_covers_all_attempts(tmp_path: Path, plugin: Plugin) -> None:
    plugin.outcomes = [Trap(usage=Usage(fuel=600, host_calls=3)), Trap(usage=Usage(fuel=600))]
    said = '{ attempts = 10, on = ["trap"], backoff_seconds = 0 }'
    async with opened(tmp_path, plugin, around(retry=said)) as made:
        Passing(made)
        limits = {"fuel": 1000, "host_calls": 5, "wall_seconds": 2}
        with pytest.raises(Trap, match="the last of 2 attempts"):
            await call(made, limits=limits)
        second = made.executor.jobs[1].limits

    assert (second.fuel, second.host_calls) == (400, 2)
    assert len(plugin.calls) == 2


async def test_no_attempt_begins_that_the_deadline_does_not_allow(
    tmp_path: Path, plugin: Plugin
) -> None:
    plugin.outcomes = [Trap() for _ in range(20)]
    said = '{ attempts = 10, on = ["trap"], backoff_seconds = 1 }'
    async with opened(tmp_path, plugin, around(retry=said)) as made:
        time = Passing(made)
        with pytest.raises(Trap):
            await call(made, limits={"wall_seconds": 4})
        left = [job.limits.wall_seconds for job in made.executor.jobs]

    assert time.slept == [1.0, 2.0]
    assert left == [4, 3.0, 1.0]


async def test_another_version_is_not_tried_in_place_of_the_one_that_failed(
    tmp_path: Path, plugin: Plugin
) -> None:
    plugin.outcomes = [Trap()]
    async with opened(tmp_path, plugin, RETRY) as made:
        time = Passing(made)
        pause = time._sleep

        async def upgrading(seconds: float) -> None:
            await pause(seconds)
            await made.host.upgrade(package(wasm=b"\0asm\x0d\0\x01\0new", more=RETRY), reload=True)

        chains = made.parts.chains
        pauses = replace(chains._parts.pauses, sleep=upgrading)
        chains._parts = replace(chains._parts, pauses=pauses)
        with pytest.raises(Trap):
            await call(made)
    assert len(plugin.calls) == 1


async def test_a_timeout_lowers_the_wall_clock_and_never_raises_it(
    tmp_path: Path, plugin: Plugin
) -> None:
    async with opened(tmp_path, plugin, around(timeout="{ seconds = 2 }")) as made:
        await call(made)
        await call(made, limits={"wall_seconds": 1})
        await made.host.call("stores", "other", {})
    assert [job.limits.wall_seconds for job in made.executor.jobs] == [2, 1, 5]


async def test_a_timeout_says_that_it_was_the_manifest_s(tmp_path: Path, plugin: Plugin) -> None:
    plugin.going.clear()
    async with opened(tmp_path, plugin, around(timeout="{ seconds = 0.01 }")) as made:
        with pytest.raises(DeadlineExceeded, match="the timeout that the plugin's manifest sets"):
            await call(made)


async def test_each_attempt_has_the_whole_timeout(tmp_path: Path, plugin: Plugin) -> None:
    plugin.outcomes = [DeadlineExceeded()]
    more = around(
        retry='{ on = ["deadline-exceeded"], backoff_seconds = 0 }', timeout="{ seconds = 2 }"
    )
    async with opened(tmp_path, plugin, more) as made:
        Passing(made)
        await call(made)
    assert [job.limits.wall_seconds for job in made.executor.jobs] == [2, 2]


async def test_what_is_watched_has_figures_and_tells_when_it_does_badly(
    tmp_path: Path, plugin: Plugin
) -> None:
    more = around(monitor="{ slow_seconds = 0.000001 }", cache="{ ttl = 60 }")
    async with opened(tmp_path, plugin, more) as made:
        await call(made)
        await call(made)
        plugin.outcomes = [Trap(usage=Usage()), GuestError(payload="no", usage=Usage())]
        for number in range(2):
            with pytest.raises((Trap, GuestError)):
                await call(made, {"a": number})
        shown = (await made.host.enhancements.show("stores")).functions[0]
        await made.parts.watches.flush()
        events = await made.host.events.recent(10, "function.*", tenant="default")

    assert shown.figures is not None
    assert shown.figures.outcomes == {"ok": 2, "trap": 1, "guest-error": 1}
    assert (shown.figures.calls, shown.figures.cached, shown.figures.slow) == (4, 1, 4)
    assert shown.figures.p99_seconds is not None
    for event in events:
        check_fields(event)
    told = {event.topic: event.value() for event in events}
    assert told["function.failed"]["count"] == 1
    assert told["function.failed"]["outcome"] == "trap"
    assert told["function.slow"]["count"] == 4


async def test_the_chain_is_shown_in_its_order_whatever_the_manifest_s(
    tmp_path: Path, plugin: Plugin
) -> None:
    more = around(
        timeout="{ seconds = 2 }",
        retry="{ attempts = 2 }",
        cache="{ ttl = 60 }",
        rate_limit="{ requests_per_minute = 100 }",
        monitor="true",
    )
    async with opened(tmp_path, plugin, more) as made:
        shown = await made.host.enhancements.show("stores")

    assert shown.order == ["monitor", "rate_limit", "cache", "retry", "timeout"]
    (chain,) = shown.functions
    assert [layer.kind for layer in chain.layers] == shown.order
    assert chain.layers[1].does == "at most 100 calls a minute"


async def test_a_plugin_without_enhancements_has_no_chain(tmp_path: Path, plugin: Plugin) -> None:
    async with opened(tmp_path, plugin, "") as made:
        await call(made)
        assert made.parts.chains._known == {}


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ('[[enhancements]]\nfunction = "nothing"\nmonitor = true', "enhancements[0].function"),
        ('[[enhancements]]\nfunction = "no*"\nmonitor = true', "enhancements[0].function"),
        (CACHE + CACHE, "enhancements[1].cache"),
    ],
)
async def test_a_manifest_is_held_against_the_functions_that_there_are(
    tmp_path: Path, plugin: Plugin, more: str, path: str
) -> None:
    async with opened(tmp_path, plugin, "") as made:
        with pytest.raises(InvalidManifest) as caught:
            await made.host.upgrade(package(more=more), reload=True)
    assert [fault.path for fault in caught.value.faults] == [path]
    assert all(fault.line for fault in caught.value.faults)
