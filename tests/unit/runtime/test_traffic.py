"""Plugins whose calls keep failing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from hosts import FakeHost, fake_host, package
from wardian.errors import CallError, GuestError, Trap, WorkerLost
from wardian.runtime.host import PluginView

pytestmark = pytest.mark.anyio


async def run(arguments: Mapping[str, Any], answer: Any) -> None:
    if arguments["as"] is not None:
        raise arguments["as"]


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[FakeHost]:
    async with fake_host(tmp_path, {"run": run}, crashes_max=1000) as opened:
        await opened.host.install(package())
        yield opened


async def calls(
    made: FakeHost, number: int, error: CallError | None = None, **options: Any
) -> PluginView:
    for _ in range(number):
        with suppress(CallError):
            await made.host.call("stores", "run", {"as": error}, **options)
    return await made.host.plugin("stores")


async def told(made: FakeHost) -> list[str]:
    return [
        event.topic
        for event in reversed(await made.host.events.recent(50, "plugin.*", tenant="default"))
    ]


async def test_a_plugin_whose_calls_keep_failing_is_degraded_with_the_figures(
    made: FakeHost,
) -> None:
    assert (await calls(made, 19, Trap())).state == "active"

    view = await calls(made, 1, Trap())

    assert view.state == "degraded"
    assert view.state_reason == "20 of its last 20 calls failed: more than 50%"
    assert (await told(made))[-1] == "plugin.degraded"


async def test_it_is_active_again_when_no_more_than_half_as_many_fail(made: FakeHost) -> None:
    await calls(made, 20, Trap())

    assert (await calls(made, 37)).state == "degraded"
    view = await calls(made, 1)

    assert view.state == "active"
    assert view.state_reason == "12 of its last 50 calls failed: no more than 25%"
    before = await told(made)
    await calls(made, 100)
    assert await told(made) == before
    assert made.parts.traffic._windows == {}


@pytest.mark.parametrize("share", [3, 4])
async def test_what_fails_now_and_then_stays_active(made: FakeHost, share: int) -> None:
    for _ in range(50):
        await calls(made, 1, Trap())
        view = await calls(made, share - 1)

    assert view.state == "active"


async def test_at_the_border_a_plugin_does_not_go_back_and_forth(made: FakeHost) -> None:
    for number in range(200):
        await calls(made, 1, None if number % 5 in (1, 3) else Trap())

    assert (await told(made)).count("plugin.degraded") == 1
    assert (await told(made)).count("plugin.active") == 1


@pytest.mark.parametrize(
    ("error", "options"),
    [
        (GuestError(payload="no"), {}),
        (WorkerLost("No process could be started."), {}),
        (Trap(), {"limits": {"wall_seconds": 0.001}}),
    ],
)
async def test_what_is_no_fault_of_the_plugin_s_does_not_count(
    made: FakeHost, error: CallError, options: dict[str, Any]
) -> None:
    assert (await calls(made, 60, error, **options)).state == "active"


async def test_a_degraded_plugin_recovers_after_a_restart_too(tmp_path: Path) -> None:
    async with fake_host(tmp_path, {"run": run}) as made:
        await made.host.install(package())
        assert (await calls(made, 20, Trap())).state == "degraded"

    async with fake_host(tmp_path, {"run": run}) as made:
        assert (await calls(made, 19)).state == "degraded"
        assert (await calls(made, 1)).state == "active"


async def test_enabling_a_plugin_begins_anew(made: FakeHost) -> None:
    await calls(made, 19, Trap())
    await made.host.disable("stores")
    await made.host.enable("stores")

    assert (await calls(made, 19, Trap())).state == "active"
    assert (await calls(made, 1, Trap())).state == "degraded"


async def test_the_rule_can_be_turned_off(tmp_path: Path) -> None:
    async with fake_host(tmp_path, {"run": run}, fault_rate_max=1) as made:
        await made.host.install(package())

        assert (await calls(made, 60, Trap())).state == "active"
