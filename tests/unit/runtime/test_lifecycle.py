"""The life cycle: states, what may follow what, and what is told of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hosts import WASM, FakeHost, fake_host, package
from wardian.errors import Conflict, GuestError, NotFound
from wardian.plugins import TRANSITIONS, Installed, PluginState
from wardian.plugins.archive import write_archive
from wardian.storage.audit import AuditRepository

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("on_both_databases")]

INIT = "wardian:plugin/lifecycle@1.0.0#init"


async def topics(made: FakeHost) -> list[str]:
    """What was told of plugins and their configuration, in order."""
    told = [event.topic for event in await made.host.events.recent(50, tenant="default")]
    return [topic for topic in reversed(told) if topic != "key.created"]


def test_every_state_is_in_the_table_and_only_uninstalled_is_final() -> None:
    assert set(TRANSITIONS) == set(PluginState)
    assert [state for state, following in TRANSITIONS.items() if not following] == [
        PluginState.UNINSTALLED
    ]
    for state in set(PluginState) - {PluginState.UNINSTALLED}:
        assert PluginState.UNINSTALLED in TRANSITIONS[state]


@pytest.mark.parametrize("start", list(PluginState))
async def test_the_setter_follows_the_table(tmp_path: Path, start: PluginState) -> None:
    async with fake_host(tmp_path) as made:
        for to in PluginState:
            plugin = await in_state(made, f"to-{to}", start)
            before = await topics(made)

            if to in TRANSITIONS[start]:
                await move(made, plugin, to)
                assert await topics(made) == [*before, f"plugin.{to}"]
            else:
                with pytest.raises(Conflict, match=f"is {start} and cannot become {to}"):
                    await move(made, plugin, to)
                assert await topics(made) == before

            if to in TRANSITIONS[start] and to is PluginState.UNINSTALLED:
                with pytest.raises(NotFound):
                    await made.host.plugin(plugin.name)
            elif to in TRANSITIONS[start]:
                view = await made.host.plugin(plugin.name)
                assert (view.state, view.state_reason) == (to, "because")


async def in_state(made: FakeHost, name: str, state: PluginState) -> Installed:
    await made.host.install(package(name), enable=False)
    plugin = await made.parts.registry.get("default", name)
    async with made.parts.journal.change("default", "test") as change:
        await change.plugins.set_state(plugin.id, state.value, "")
    made.parts.registry.forget("default")
    return await made.parts.registry.get("default", name)


async def move(made: FakeHost, plugin: Installed, to: PluginState) -> None:
    async with made.parts.journal.change("default", "test") as change:
        await made.parts.lifecycle.move(change, plugin, to, "because")


async def test_each_step_of_a_life_is_an_event_and_an_audit_entry(tmp_path: Path) -> None:
    async with fake_host(tmp_path) as made:
        await made.host.install(package(), grants=["kv:read"], actor="alice")
        await made.host.disable("stores", actor="bob")
        await made.host.enable("stores", actor="bob")
        await made.host.set_grants("stores", [], actor="alice")
        await made.host.set_config("stores", {"step": 5}, actor="alice")
        await made.host.uninstall("stores", actor="carol")

        expected = [
            "plugin.installed",
            "plugin.granted",
            "plugin.enabled",
            "plugin.active",
            "plugin.disabled",
            "plugin.enabled",
            "plugin.active",
            "plugin.granted",
            "plugin.configured",
            "plugin.uninstalled",
        ]
        told = await topics(made)
        assert [topic for topic in told if topic != "config.changed"] == expected
        assert told.index("config.changed") == expected.index("plugin.configured") + 1
        async with made.parts.database.reading() as connection:
            entries = await AuditRepository(connection, "default").recent(50)
        assert [entry.action for entry in reversed(entries)] == [
            "key.created",
            *expected,
        ]
        assert entries[0].actor == "carol"
        assert entries[0].subject == "stores"


async def test_enabling_and_disabling_twice_changes_nothing(tmp_path: Path) -> None:
    async with fake_host(tmp_path) as made:
        await made.host.install(package())
        before = await topics(made)

        assert (await made.host.enable("stores")).state == "active"
        assert await topics(made) == before

        await made.host.disable("stores")
        assert (await made.host.disable("stores")).state == "disabled"


async def test_a_plugin_that_is_not_active_says_which_verb_helps(tmp_path: Path) -> None:
    async with fake_host(tmp_path) as made:
        await made.host.install(package(), enable=False)
        with pytest.raises(Conflict, match="stores is installed: enable it first"):
            await made.host.call("stores", "run", {})

        await made.host.enable("stores")
        await made.host.call("stores", "run", {})
        await made.host.disable("stores", actor="bob")

        with pytest.raises(Conflict, match=r"stores is disabled \(disabled by bob\): enable it"):
            await made.host.call("stores", "run", {})


async def test_an_init_runs_once_before_the_plugin_is_active(tmp_path: Path) -> None:
    states: list[str] = []

    async def init(arguments: Mapping[str, Any], answer: Any) -> None:
        states.append((await made.host.plugin("stores")).state)

    async with fake_host(tmp_path, {INIT: init}) as made:
        assert (await made.host.install(package())).state == "active"

    assert states == ["enabled"]


async def test_an_init_that_fails_keeps_the_plugin_from_becoming_active(tmp_path: Path) -> None:
    broken = True

    async def init(arguments: Mapping[str, Any], answer: Any) -> None:
        if broken:
            raise GuestError(payload="no database")

    async with fake_host(tmp_path, {INIT: init}) as made:
        view = await made.host.install(package())
        assert (view.state, view.state_reason) == ("enabled", "its init failed: no database")
        with pytest.raises(Conflict, match=r"no database.*enable it again"):
            await made.host.call("stores", INIT, {})

        broken = False
        assert (await made.host.enable("stores")).state == "active"


async def test_an_init_cut_off_with_its_host_runs_at_the_next_start(tmp_path: Path) -> None:
    runs: list[str] = []
    started = asyncio.Event()

    async def hang(arguments: Mapping[str, Any], answer: Any) -> None:
        started.set()
        await asyncio.Event().wait()

    async def init(arguments: Mapping[str, Any], answer: Any) -> None:
        runs.append("again")

    async with fake_host(tmp_path, {INIT: hang}) as made:
        task = asyncio.create_task(made.host.install(package()))
        await started.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert (await made.host.plugin("stores")).state == "enabled"

    for _ in range(2):
        async with fake_host(tmp_path, {INIT: init}) as made:
            assert (await made.host.plugin("stores")).state == "active"
    assert runs == ["again"]


async def test_an_uninstall_whose_caller_goes_away_leaves_no_file(tmp_path: Path) -> None:
    async with fake_host(tmp_path) as made:
        await made.host.install(package())
        uninstall = asyncio.create_task(made.host.uninstall("stores"))
        made.host.events.subscribe("plugin.uninstalled", lambda event: uninstall.cancel())

        with pytest.raises(asyncio.CancelledError):
            await uninstall

        assert await made.host.plugins() == []
        assert list((tmp_path / "packages").iterdir()) == []


async def test_an_upgrade_has_a_plugin_whose_init_failed_try_again(tmp_path: Path) -> None:
    answers = iter([GuestError(payload="no"), None])

    async def init(arguments: Mapping[str, Any], answer: Any) -> None:
        fault = next(answers)
        if fault is not None:
            raise fault

    async with fake_host(tmp_path, {INIT: init}) as made:
        assert (await made.host.install(package())).state == "enabled"

        done = await made.host.upgrade(rewritten("1.0.1"))

        assert (done.plugin.version, done.plugin.state) == ("1.0.1", "active")


async def test_a_rollback_has_a_plugin_whose_init_failed_try_again(tmp_path: Path) -> None:
    answers = iter([None, GuestError(payload="no"), None])

    async def init(arguments: Mapping[str, Any], answer: Any) -> None:
        fault = next(answers)
        if fault is not None:
            raise fault

    async with fake_host(tmp_path, {INIT: init}) as made:
        await made.host.install(package())
        await made.host.upgrade(rewritten("1.0.1"))
        await made.host.disable("stores")
        assert (await made.host.enable("stores")).state == "enabled"

        back = await made.host.rollback("stores")

        assert (back.version, back.state) == ("1.0.0", "active")


def rewritten(version: str) -> bytes:
    manifest = f'name = "stores"\nversion = "{version}"\n'
    return write_archive({"plugin.toml": manifest.encode(), "plugin.wasm": WASM})
