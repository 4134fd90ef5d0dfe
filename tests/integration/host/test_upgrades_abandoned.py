"""Upgrades whose callers go away in the middle: it is the old version or the new, and has ended."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from guests.lives import version
from hosts import WASM, fake_host
from packages import package
from wardian import Settings, open_host
from wardian.errors import Conflict, WardianError
from wardian.runtime.host import PluginHost
from wardian.runtime.steps import STEPS
from wardian.storage.upgrades import UpgradeRepository

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("on_both_databases")]


async def abandoned_at(host: PluginHost, change: str, step: str) -> None:
    """Make a change, and go away as it reaches a step."""

    async def run() -> None:
        if change == "upgrade":
            await host.upgrade(version(2, migrate="ok", health="healthy"))
        else:
            await host.rollback("lives", stored="restore")

    task = asyncio.create_task(run())

    def leaving(*reached: str) -> None:
        if reached == (change, step) and not task.done():
            task.cancel()

    host._parts.steps.watch(leaving)
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("step", [step for step in STEPS["upgrade"] if step != "replay"])
async def test_an_upgrade_that_is_abandoned_is_made_or_was_never_begun(
    tmp_path: Path, step: str
) -> None:
    async with open_host(Settings(data_dir=tmp_path, workers_max=1)) as host:
        await host.install(version(1), grants="all")
        await host.call("lives", "count", {})

        await abandoned_at(host, "upgrade", step)

        number = (await host.call("lives", "version", {})).result
        assert {entry.outcome for entry in await host.upgrades("lives")} <= {
            "committed",
            "rolled-back",
        }
        versions = [f"{kept}.0.0" for kept in range(number, 0, -1)]
        assert [kept.version for kept in await host.versions("lives")] == versions
        assert len(list((tmp_path / "packages").iterdir())) == number
        assert (await host.call("lives", "count", {})).result == 2
        if number == 2:
            with pytest.raises(Conflict, match="was migrated"):
                await host.rollback("lives")
        await host.upgrade(version(3))


@pytest.mark.parametrize("step", STEPS["rollback"])
async def test_a_rollback_that_is_abandoned_is_made_or_was_never_begun(
    tmp_path: Path, step: str
) -> None:
    async with open_host(Settings(data_dir=tmp_path, workers_max=1)) as host:
        await host.install(version(1), grants="all")
        await host.call("lives", "count", {})
        await host.upgrade(version(2, migrate="ok", health="healthy"))
        await host.call("lives", "count", {})

        await abandoned_at(host, "rollback", step)

        number = (await host.call("lives", "version", {})).result
        assert {entry.outcome for entry in await host.upgrades("lives")} <= {
            "committed",
            "rolled-back",
        }
        assert (await host.call("lives", "count", {})).result == number + 1
        await host.upgrade(version(3))


async def test_an_upgrade_whose_caller_does_not_wait_for_the_old_calls_has_ended(
    tmp_path: Path,
) -> None:
    started, go_on = asyncio.Event(), asyncio.Event()

    async def old(arguments: object, answer: object) -> str:
        started.set()
        await go_on.wait()
        return "old"

    async with fake_host(tmp_path, {"run": old}) as made:
        await made.host.install(package("stores", WASM, version="1.0.0"))
        call = asyncio.create_task(made.host.call("stores", "run", {}))
        await started.wait()
        draining = asyncio.Event()
        made.parts.steps.watch(lambda _, step: draining.set() if step == "drain" else None)
        upgrade = asyncio.create_task(made.host.upgrade(package("stores", WASM, version="1.1.0")))
        await draining.wait()
        upgrade.cancel()
        with pytest.raises(asyncio.CancelledError):
            await upgrade

        assert [entry.outcome for entry in await made.host.upgrades("stores")] == ["committed"]
        go_on.set()
        assert (await call).result == "old"


async def test_an_upgrade_that_is_abandoned_as_it_is_written_down_was_never_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = UpgradeRepository.add

    async with fake_host(tmp_path) as made:
        await made.host.install(package("stores", WASM, version="1.0.0"))

        async def leaving(repository: UpgradeRepository, row: object) -> None:
            await add(repository, row)  # type: ignore[arg-type]
            asyncio.get_running_loop().call_soon(upgrade.cancel)

        monkeypatch.setattr(UpgradeRepository, "add", leaving)
        upgrade = asyncio.create_task(made.host.upgrade(package("stores", WASM, version="1.1.0")))
        with pytest.raises(asyncio.CancelledError):
            await upgrade

        assert [kept.version for kept in await made.host.versions("stores")] == ["1.0.0"]
        assert {entry.outcome for entry in await made.host.upgrades("stores")} <= {"rolled-back"}


async def test_an_upgrade_that_the_database_did_not_let_be_undone_is_undone_before_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    restore = UpgradeRepository.restore

    async def refusing(repository: UpgradeRepository, upgrade_id: str, plugin_id: str) -> None:
        monkeypatch.setattr(UpgradeRepository, "restore", restore)
        raise WardianError("The disk is full.")

    async with open_host(Settings(data_dir=tmp_path, workers_max=1)) as host:
        await host.install(version(1), grants="all")
        assert (await host.call("lives", "count", {})).result == 1
        monkeypatch.setattr(UpgradeRepository, "restore", refusing)
        with pytest.raises(WardianError, match="disk is full"):
            await host.upgrade(version(2, migrate="err"))

        await host.upgrade(version(3))

        outcomes = [entry.outcome for entry in await host.upgrades("lives")]
        assert outcomes == ["committed", "rolled-back"]
        assert [kept.version for kept in await host.versions("lives")] == ["3.0.0", "1.0.0"]
        assert (await host.call("lives", "count", {})).result == 2
    async with open_host(Settings(data_dir=tmp_path, workers_max=1)) as host:
        assert (await host.call("lives", "count", {})).result == 3
