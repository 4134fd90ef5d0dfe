"""Upgrades and rollbacks of real components in real workers."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from guests import component
from guests.lives import version
from hosts import WASM, fake_host
from packages import package
from wardian import Settings, open_host
from wardian.errors import (
    Conflict,
    GuestError,
    ImportRefused,
    InvalidArguments,
    NotFound,
    Overloaded,
)
from wardian.plugins import Installed
from wardian.runtime.host import PluginHost
from wardian.runtime.transition import Transitions
from wardian.storage.kv import KvRepository
from wardian.storage.plugins import PluginRepository

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("on_both_databases")]


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[PluginHost]:
    async with open_host(Settings(data_dir=tmp_path, workers_max=2)) as opened:
        yield opened


def stores(number: str) -> bytes:
    return package("stores", WASM, version=number)


async def told(host: PluginHost, name: str = "lives") -> tuple[int, str]:
    number, configured = (await host.call(name, "both", {})).result
    return number, configured


async def counted(host: PluginHost) -> int:
    return int((await host.call("lives", "count", {})).result)


async def stored(host: PluginHost, key: str) -> int | None:
    """What a plugin has stored, told by adding nothing to it."""
    parts = host._parts
    plugin = await parts.registry.get("default", "lives")
    async with parts.database.reading() as connection:
        entry = await KvRepository(connection, "default", plugin.id).get(key.encode())
    return None if entry is None else int(entry.value)


async def test_the_new_version_answers_and_keeps_what_the_old_one_stored(host: PluginHost) -> None:
    await host.install(version(1), grants="all")
    assert (await told(host), await counted(host)) == ((1, "1"), 1)

    done = await host.upgrade(version(2))

    assert (await told(host), await counted(host)) == ((2, "2"), 2)
    assert (done.plugin.version, done.plugin.state) == ("2.0.0", "active")
    assert [kept.version for kept in await host.versions("lives")] == ["2.0.0", "1.0.0"]
    assert [entry.outcome for entry in await host.upgrades("lives")] == ["committed"]


async def test_a_migration_runs_once_before_the_new_version_takes_over(host: PluginHost) -> None:
    await host.install(version(1), grants="all")
    await counted(host)

    done = await host.upgrade(version(2, migrate="ok"))

    assert [(step.from_version, step.to_version) for step in done.report.migrations] == [
        ("1.0.0", "2.0.0")
    ]
    assert await stored(host, "migrated") == 1
    assert await counted(host) == 2
    (entry,) = await host.upgrades("lives")
    assert (entry.migrated, entry.migrations) == (True, list(done.report.migrations))
    parts = host._parts
    plugin = await parts.registry.get("default", "lives")
    async with parts.database.reading() as connection:
        (step,) = await PluginRepository(connection, "default").migration_path(plugin.id)
    assert (step["from_version"], step["to_version"]) == ("1.0.0", "2.0.0")


@pytest.mark.parametrize(
    ("changes", "step", "says"),
    [
        ({"migrate": "err"}, "migrate", "no good"),
        ({"migrate": "trap"}, "migrate", "trap"),
        ({"health": "unhealthy"}, "probe", "no good"),
        ({"health": "err"}, "probe", "no good"),
        ({"health": "trap"}, "probe", "trap"),
        ({"migrate": "ok", "health": "unhealthy"}, "probe", "no good"),
    ],
)
async def test_what_fails_is_undone_and_says_at_which_step(
    host: PluginHost, changes: dict[str, str], step: str, says: str
) -> None:
    await host.install(version(1), grants="all")
    await counted(host)
    before = await host.plugin("lives")

    with pytest.raises(Conflict) as caught:
        await host.upgrade(version(2, **changes))

    assert caught.value.step == step
    assert says in caught.value.message
    assert f"stopped at the step '{step}' and changed nothing" in caught.value.message
    assert await host.plugin("lives") == before
    assert (await told(host), await stored(host, "migrated")) == ((1, "1"), None)
    assert await counted(host) == 2
    (entry,) = await host.upgrades("lives")
    assert (entry.outcome, entry.step) == ("rolled-back", step)
    assert [kept.version for kept in await host.versions("lives")] == ["1.0.0"]
    await host.upgrade(version(3))


@pytest.mark.parametrize("changes", [{}, {"migrate": "ok", "health": "degraded"}])
async def test_what_is_revoked_in_the_middle_of_an_upgrade_stays_revoked(
    host: PluginHost, monkeypatch: pytest.MonkeyPatch, changes: dict[str, str]
) -> None:
    await host.install(version(1), grants="all")
    probed = Transitions._probe

    async def revoking(transitions: Transitions, new: Installed) -> None:
        await host.set_grants("lives", ["kv:read"])
        await probed(transitions, new)

    monkeypatch.setattr(Transitions, "_probe", revoking)
    await host.upgrade(version(2, **changes))

    assert (await host.plugin("lives")).version == "2.0.0"
    assert (await host.grants("lives")).granted == ["kv:read"]
    with pytest.raises(GuestError):
        await host.call("lives", "count", {})


async def test_what_is_granted_in_the_middle_of_an_upgrade_stays_granted(
    host: PluginHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    await host.install(version(1), grants=["kv:read"])
    probed = Transitions._probe

    async def granting(transitions: Transitions, new: Installed) -> None:
        await host.set_grants("lives", ["kv:read", "kv:write"])
        await probed(transitions, new)

    monkeypatch.setattr(Transitions, "_probe", granting)
    await host.upgrade(version(2))

    assert (await host.plugin("lives")).granted == ["kv:read", "kv:write"]


async def test_a_degraded_condition_does_not_stop_an_upgrade(host: PluginHost) -> None:
    await host.install(version(1), grants="all")

    await host.upgrade(version(2, health="degraded"))

    assert await told(host) == (2, "2")


async def test_an_import_that_is_not_offered_is_refused_at_the_audit(host: PluginHost) -> None:
    await host.install(version(1), grants="all")
    asking = component(
        '(component (import "acme:disk/files@1.0.0" (instance (export "wipe" (func)))))'
    )

    with pytest.raises(ImportRefused, match="acme:disk/files") as caught:
        await host.upgrade(package("lives", asking, version="2.0.0"))

    assert caught.value.step == "audit"
    assert await told(host) == (1, "1")
    assert await host.upgrades("lives") == []


async def test_of_a_thousand_calls_during_fifty_upgrades_none_is_lost_and_none_is_mixed(
    host: PluginHost,
) -> None:
    """Every fifth upgrade migrates, and one goes back; each call is of one version in whole."""
    await host.install(version(1), grants="all")
    seen: list[list[int]] = []
    done = asyncio.Event()

    async def calling() -> None:
        mine: list[int] = []
        seen.append(mine)
        while not done.is_set() or sum(map(len, seen)) < 1_000:
            number, configured = await told(host)
            assert str(number) == configured
            mine.append(number)
            await host.call("lives", "count", {})

    callers = [asyncio.create_task(calling()) for _ in range(4)]
    for number in range(2, 51):
        await host.upgrade(version(number, migrate=None if number % 5 else "ok"))
    await host.rollback("lives", stored="keep")
    done.set()
    await asyncio.gather(*callers)

    assert {number for mine in seen for number in mine} >= set(range(40, 50))
    for mine in seen:
        turn = mine.index(50) if 50 in mine else len(mine)
        assert mine[:turn] == sorted(mine[:turn])
        assert set(mine[turn:]) <= {49, 50}
    # Each call that was answered has counted once, whichever version it met.
    assert await stored(host, "n") == sum(map(len, seen))
    assert await stored(host, "migrated") == 10


async def test_a_call_that_runs_while_its_plugin_is_upgraded_ends_on_the_old_version(
    tmp_path: Path,
) -> None:
    started, go_on = asyncio.Event(), asyncio.Event()

    async def old(arguments: object, answer: object) -> str:
        started.set()
        await go_on.wait()
        return "old"

    async with fake_host(tmp_path, {"run": old}) as made:
        await made.host.install(stores("1.0.0"))
        call = asyncio.create_task(made.host.call("stores", "run", {}))
        await started.wait()
        upgrade = asyncio.create_task(made.host.upgrade(stores("1.1.0")))
        while (await made.host.plugin("stores")).version == "1.0.0":
            await asyncio.sleep(0)

        assert not upgrade.done()
        go_on.set()
        assert (await call).result == "old"
        assert (await upgrade).plugin.version == "1.1.0"
        assert [job.digest for job in made.executor.jobs] == [(await upgrade).plugin.digest]


async def test_calls_wait_while_stored_data_is_migrated(host: PluginHost) -> None:
    await host.install(version(1), grants="all")
    waiting: list[asyncio.Task[tuple[int, str]]] = []

    def calling(change: str, step: str) -> None:
        if step == "migrate":
            waiting.append(asyncio.create_task(told(host)))

    host._parts.steps.watch(calling)
    await host.upgrade(version(2, migrate="ok"))

    assert [await call for call in waiting] == [(2, "2")]


async def test_more_calls_than_may_wait_for_a_migration_are_told_to_come_again(
    host: PluginHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wardian.runtime.gates.WAITING_CALLS_MAX", 3)
    await host.install(version(1), grants="all")
    waiting: list[asyncio.Task[tuple[int, str]]] = []

    def calling(change: str, step: str) -> None:
        if step == "migrate":
            waiting.extend(asyncio.create_task(told(host)) for _ in range(5))

    host._parts.steps.watch(calling)
    await host.upgrade(version(2, migrate="ok"))
    answers = await asyncio.gather(*waiting, return_exceptions=True)

    assert sum(isinstance(answer, Overloaded) for answer in answers) == 2
    assert [answer for answer in answers if not isinstance(answer, Overloaded)] == [(2, "2")] * 3


async def test_a_rollback_goes_back_to_the_version_before_or_to_any_that_is_kept(
    host: PluginHost,
) -> None:
    await host.install(version(1), grants="all")
    await host.upgrade(version(2))
    await host.upgrade(version(3))

    assert (await host.rollback("lives")).version == "2.0.0"
    assert await told(host) == (2, "2")
    assert (await host.rollback("lives", to="1.0.0")).version == "1.0.0"
    assert await told(host) == (1, "1")
    with pytest.raises(NotFound, match=r"'9\.0\.0'.*3\.0\.0"):
        await host.rollback("lives", to="9.0.0")
    assert [entry.kind for entry in await host.upgrades("lives")] == [
        "rollback",
        "rollback",
        "upgrade",
        "upgrade",
    ]


async def test_a_rollback_over_a_migration_asks_what_becomes_of_the_data(
    host: PluginHost,
) -> None:
    await host.install(version(1), grants="all")
    assert await counted(host) == 1
    await host.upgrade(version(2, migrate="ok"))
    assert await counted(host) == 2

    with pytest.raises(Conflict, match="--data restore"):
        await host.rollback("lives")
    await host.rollback("lives", stored="restore")
    assert (await told(host), await stored(host, "n")) == ((1, "1"), 1)
    assert await stored(host, "migrated") is None

    await host.rollback("lives", to="2.0.0", stored="restore")
    assert (await stored(host, "n"), await stored(host, "migrated")) == (2, 1)

    await host.rollback("lives", stored="keep")
    assert (await told(host), await stored(host, "n")) == ((1, "1"), 2)


async def test_data_that_was_not_migrated_cannot_be_restored(host: PluginHost) -> None:
    await host.install(version(1), grants="all")
    await host.upgrade(version(2))

    with pytest.raises(InvalidArguments, match="was not migrated"):
        await host.rollback("lives", stored="restore")
    assert await told(host) == (2, "2")


async def test_compiled_code_goes_with_the_last_version_that_is_made_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compiled() -> set[str]:
        return {path.stem for path in (tmp_path / "compiled").rglob("*.code")}

    monkeypatch.setattr("wardian.runtime.executor.executor.RECENT_SECONDS", -1.0)
    settings = Settings(data_dir=tmp_path, workers_max=1, versions_kept=1)
    async with open_host(settings) as host:
        await host.install(version(1), grants="all")
        await host.install(version(1, name="twin"), grants="all")
        for number in (2, 3):
            await host.upgrade(version(number))
        assert len(compiled()) == 3

        await host.uninstall("lives")
        assert compiled() == {(await host.plugin("twin")).digest}
        assert (await host.call("twin", "version", {})).result == 1


async def test_versions_past_those_that_are_kept_are_let_go(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, workers_max=1, versions_kept=2)
    async with open_host(settings) as host:
        await host.install(version(1), grants="all")
        for number in range(2, 6):
            await host.upgrade(version(number))

        assert [kept.version for kept in await host.versions("lives")] == [
            "5.0.0",
            "4.0.0",
            "3.0.0",
        ]
        assert len(list((tmp_path / "packages").iterdir())) == 3
        await host.uninstall("lives")
        assert list((tmp_path / "packages").iterdir()) == []


async def test_data_stays_restorable_for_as_long_as_a_version_is_kept_that_it_was_of(
    tmp_path: Path,
) -> None:
    settings = Settings(data_dir=tmp_path, workers_max=1, versions_kept=2)
    async with open_host(settings) as host:
        await host.install(version(1), grants="all")
        await host.upgrade(version(2))
        await host.rollback("lives")
        assert await counted(host) == 1
        await host.upgrade(version(3, migrate="ok"))
        assert await counted(host) == 2
        await host.upgrade(version(4))
        assert [kept.version[0] for kept in await host.versions("lives")] == ["4", "3", "2"]

        await host.rollback("lives", to="2.0.0", stored="restore")

        assert (await stored(host, "n"), await stored(host, "migrated")) == (1, None)


async def test_the_version_before_is_kept_however_long_ago_it_was_installed(
    tmp_path: Path,
) -> None:
    settings = Settings(data_dir=tmp_path, workers_max=1, versions_kept=2)
    async with open_host(settings) as host:
        await host.install(version(1), grants="all")
        await host.upgrade(version(2))
        await host.upgrade(version(3))
        await host.rollback("lives", to="1.0.0")
        await host.upgrade(version(4))

        assert [kept.version[0] for kept in await host.versions("lives")] == ["4", "3", "1"]
        assert (await host.rollback("lives")).version == "1.0.0"


async def test_a_long_history_keeps_what_a_rollback_goes_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wardian.runtime.transition.UPGRADES_KEPT", 2)
    async with open_host(Settings(data_dir=tmp_path, workers_max=1)) as host:
        await host.install(version(1), grants="all")
        assert await counted(host) == 1
        await host.upgrade(version(2, migrate="ok"))
        await host.upgrade(version(3, migrate="ok"))
        for _ in range(4):
            await host.rollback("lives", stored="keep")
        assert len(await host.upgrades("lives")) == 3

        await host.rollback("lives", to="1.0.0", stored="restore")

        assert (await stored(host, "n"), await stored(host, "migrated")) == (1, None)


async def test_what_is_known_after_an_upgrade_is_what_the_database_has(host: PluginHost) -> None:
    await host.install(version(1), grants="all")
    for number in (2, 3):
        await host.upgrade(version(number))
        await is_known_as_stored(host)
    await host.rollback("lives")
    await is_known_as_stored(host)


async def is_known_as_stored(host: PluginHost) -> None:
    registry = host._parts.registry
    known = await registry.get("default", "lives")
    registry.forget("default", "lives")
    assert await registry.get("default", "lives") == known


async def test_an_upgrade_asks_the_database_some_thirty_times(host: PluginHost) -> None:
    await host.install(version(1), grants="all")
    for number in range(2, 6):
        await host.upgrade(version(number))

    asked = Counter[str]()

    def count(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        # What sets a transaction up on PostgreSQL, and looks for what is due, come beside.
        if not any(word in statement for word in ("pg_", "set_config", "deliveries", "schedules")):
            asked[statement.partition(" ")[0]] += 1

    event.listen(Engine, "before_cursor_execute", count)
    try:
        await host.upgrade(version(6))
    finally:
        event.remove(Engine, "before_cursor_execute", count)
    assert 10 < asked.total() <= 36
    assert asked["SELECT"] <= 25
